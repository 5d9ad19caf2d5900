"""The fields of the Run page that few runs need, in the expander More."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from promptgrid.grid.plan import MAX_CALLS, MAX_CONCURRENCY, MAX_RETRIES
from promptgrid.text import one_line
from promptgrid.ui.run.axes import EXAMPLE_SPECS, axis_field, form_key, search_fields
from promptgrid.ui.run.form import DEFAULTS, FormValues
from promptgrid.ui.widgets.fields import number_field, parameter_field
from promptgrid.ui.widgets.plain import plain

# The fields, and the word before each value in its heading.
_MORE: Mapping[str, str] = {
    "run_name": "name",
    "run_seed": "seed",
    "run_top_p": "top_p",
    "run_beams": "beams",
    "run_length_penalty": "length penalty",
    "run_early_stop": "early stop",
    "run_budget": "budget",
    "run_max_calls": "max calls",
    "run_concurrency": "concurrency",
    "run_retries": "retries",
    "run_examples_k": "examples shown",
    **{form_key(spec): spec.axis for spec in EXAMPLE_SPECS},
    "run_examples_as": "examples as",
}


def more_heading(form: FormValues) -> str:
    """Returns the heading of the expander with `more_fields`: with each value that is not the default, since a closed
    expander hides it and the draft keeps it for the next run."""
    words = [
        f"{word} {plain(one_line(', '.join(value) if isinstance(value, list) else str(value), 40))}"
        for name, word in _MORE.items()
        if (value := form[name]) not in (DEFAULTS[name], None, "")
    ]
    return " · ".join(["More", *words])


def more_fields(form: FormValues) -> None:
    """Draws the fields that few runs need; `save_form` reads them. "Examples as" begins with its value in `form`, the
    other fields with theirs in the session state."""
    first, second = st.columns(2)
    with first:
        st.text_input("Name of the run", key="run_name", placeholder="the prompts and axes")
        repeatable = "Makes a run repeatable: sample i is sent with seed + i."
        parameter_field("seed", key="run_seed", value=None, placeholder="none", step=1, help=repeatable)
        parameter_field("top_p", key="run_top_p", value=None, placeholder="the prompt's own", step=0.05)
        search_fields(form)
    with second:
        st.text_input("Budget", key="run_budget", placeholder="none", help="2.50usd, 100000tok, 500calls or 30min.")
        counted = "The run stops before it makes more. Judges and lost calls count."
        none = {"value": None, "step": 1, "placeholder": "none"}
        number_field("Max calls", 1, MAX_CALLS, key="run_max_calls", help=counted, **none)
        own = {"value": None, "step": 1, "placeholder": "the endpoint's own"}
        number_field("Concurrency", 1, MAX_CONCURRENCY, key="run_concurrency", **own)
        retries = "How often a failed call is sent again. Waiting for a rate limit does not count."
        number_field("Retries", 0, MAX_RETRIES, key="run_retries", step=1, help=retries)
        number_field("Examples shown", 0, key="run_examples_k", value=None, placeholder="all", step=1)
        for spec in EXAMPLE_SPECS:
            axis_field(spec, form)
        st.segmented_control(
            "Examples as", ["turns", "text"], default=form["run_examples_as"], key="run_examples_as", required=True
        )
