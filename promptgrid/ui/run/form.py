"""What the Run page asks for: its fields, where they are kept, and the widgets.

The fields live in the drafts table under one name, so that they are there after a refresh and on the next day; the
session state only mirrors what is on the screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from promptgrid import builtin, connections
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.errors import PromptgridError
from promptgrid.grid.plan import MAX_RETRIES
from promptgrid.prompt import Prompt
from promptgrid.store import drafts, plans
from promptgrid.techniques import TECHNIQUES, unavailable
from promptgrid.ui import server
from promptgrid.ui.widgets.callbacks import one_at_a_time
from promptgrid.ui.widgets.plain import plain

DRAFT = "run"
TEMPERATURES = ("0", "0.2", "0.5", "0.7", "1", "1.2", "1.5", "2")

# Widget key -> what it holds for someone who has never been here.
DEFAULTS: Mapping[str, Any] = {
    "run_prompts": ["sentiment"],
    "run_techniques": ["zero-shot", "few-shot"],
    "run_models": [DEFAULT_MODEL],
    "run_temperatures": ["0", "0.7"],
    "run_samples": 1,
    "run_max_tokens": None,
    "run_seed": None,
    "run_top_p": None,
    "run_examples_k": None,
    "run_examples_as": "turns",
    "run_budget": "",
    "run_concurrency": None,
    "run_retries": 5,
    "run_fresh": False,
    "run_name": "",
    "run_checks": None,  # None: the usual ones of each prompt
    "cases_source": "own",
    "cases_file": None,
    "cases_text": "",
    "cases_rows": [],
    "cases_upload": None,
}
# Kept beside the widgets, since Streamlit lets no code set an uploader's or an editor's value.
_NO_WIDGET = ("run_checks", "cases_rows", "cases_upload")

# Given as the widget's own default: buttons whose script loads late would lose a value that session state has set.
_BUTTONS = ("run_techniques", "run_examples_as", "cases_source")

FormValues = dict[str, Any]


def open_form() -> FormValues:
    """The fields as they are now: from the screen, else from the draft, else the defaults. First call of the form."""
    if "run_form" not in st.session_state:
        kept = drafts.draft(server.database(), DRAFT) or {}
        known = {name: value for name, value in kept.items() if name in DEFAULTS}
        st.session_state.run_form, st.session_state.run_kept = {**_first_values(), **known}, dict(kept)
    form: FormValues = st.session_state.run_form
    _take_address(form)
    for name in DEFAULTS:
        if name in _BUTTONS:
            form[name] = st.session_state.get(name, form[name])
        elif name not in _NO_WIDGET:
            form[name] = st.session_state.setdefault(name, form[name])
    return form


@one_at_a_time
def keep_form(form: FormValues) -> None:
    """Reads the widgets back and keeps them, if anything changed. Last call of the form."""
    for name in DEFAULTS:
        if name not in _NO_WIDGET and name in st.session_state:
            form[name] = st.session_state[name]
    if form != st.session_state.run_kept:
        drafts.keep_draft(server.database(), DRAFT, form)
        st.session_state.run_kept = dict(form)


def fill_form(values: FormValues) -> None:
    """Puts these values into the form, the defaults elsewhere. Only from a callback, before the widgets are drawn."""
    form = {**DEFAULTS, **values}
    st.session_state.run_form, st.session_state.run_kept = form, {}
    for name in DEFAULTS:
        if name in _BUTTONS:
            st.session_state.pop(name, None)
        elif name not in _NO_WIDGET:
            st.session_state[name] = form[name]


def _first_values() -> FormValues:
    names = [entry.name for entry in server.library().entries() if entry.prompt]
    first = dict(DEFAULTS)
    if "sentiment" not in names:
        first["run_prompts"] = names[:1]
    refs = server.model_refs()
    if not builtin.status().supported and len(refs) > 1:
        first["run_models"] = refs[1:2]
    return first


def _take_address(form: FormValues) -> None:
    """`?prompts=a,b` chooses the prompts once; later choices and a refresh go before it."""
    named = st.query_params.pop("prompts", "")
    if names := [name.strip() for name in named.split(",") if name.strip()]:
        form["run_prompts"] = st.session_state.run_prompts = names
        form["cases_source"] = "own"
        st.session_state.pop("cases_source", None)


def prompts_field() -> list[str]:
    """Which prompts; old versions of the chosen ones are offered, too."""
    chosen = st.session_state.run_prompts
    names = [entry.name for entry in server.library().entries() if entry.prompt]
    old = [ref for name in dict.fromkeys(ref.partition("@")[0] for ref in chosen) for ref in _old_versions(name)]
    return st.multiselect(
        "Prompts",
        list(dict.fromkeys([*names, *old, *chosen])),
        key="run_prompts",
        placeholder="Choose prompts",
        accept_new_options=True,
        select_all=False,  # Enter after typing takes what was typed
        wrap=True,
        help="Old versions of a chosen prompt are in the list as name@version: run the old against the new.",
    )


def _old_versions(name: str) -> list[str]:
    try:
        current = server.library().load(name)[0].version
    except PromptgridError:
        current = ""
    return [f"{name}@{v[:6]}" for v, _ in plans.versions(server.database(), name) if v != current]


def techniques_field(form: FormValues, prompts: Sequence[Prompt]) -> list[str]:
    """Which techniques; those that a chosen prompt cannot serve are named with the reason."""
    chosen = st.pills(
        "Techniques",
        list(TECHNIQUES),
        default=form["run_techniques"],
        key="run_techniques",
        selection_mode="multi",
        wrap=True,
    )
    for technique in chosen:
        for prompt in prompts:
            if why := unavailable(prompt, technique):
                st.caption(f"{technique} is left out for {plain(prompt.name)}: {plain(why)}.")
    return list(chosen)


def models_field() -> list[str]:
    """Which models; another one is typed as ENDPOINT/MODEL."""
    chosen = st.multiselect(
        "Models",
        list(dict.fromkeys([*server.model_refs(), *st.session_state.run_models])),
        key="run_models",
        placeholder="Choose models",
        accept_new_options=True,
        select_all=False,  # Enter after typing takes what was typed
        wrap=True,
        help="Another model is typed as ENDPOINT/MODEL. Settings shows the endpoints and how to add one.",
    )
    for ref in chosen:
        try:
            connections.split_model(ref)
        except PromptgridError as error:
            st.caption(f":orange[{plain(error)}]")
    return chosen


def temperatures_field() -> list[str]:
    """Which temperatures, as texts from "0" to "2" in order."""
    return st.multiselect(
        "Temperatures",
        sorted({*TEMPERATURES, *st.session_state.run_temperatures}, key=float),
        key="run_temperatures",
        placeholder="The prompt's own",
        accept_new_options=True,
        wrap=True,
        on_change=_tidy_temperatures,
        help="Type another one from 0 to 2. None: each prompt's own.",
        filter_mode="prefix",  # 5 is not 0.5
        select_all=False,  # Enter after typing takes what was typed
    )


def _tidy_temperatures() -> None:
    good, bad = tidy_temperatures(st.session_state.run_temperatures)
    st.session_state.run_temperatures = good
    if bad:
        st.toast(f"{plain(', '.join(bad), limit=60)}: a temperature is a number from 0 to 2.")


def tidy_temperatures(typed: Iterable[str]) -> tuple[list[str], list[str]]:
    """(those that are temperatures, in order, each once; those that are none). A comma may be the decimal sign."""
    good: set[float] = set()
    bad = []
    for text in typed:
        try:
            value = round(float(text.replace(",", ".")), 4)
        except ValueError:
            value = -1.0
        if 0 <= value <= 2:
            good.add(value)
        else:
            bad.append(text)
    return [f"{value:g}" for value in sorted(good)], bad


def own_value(prompts: Sequence[Prompt], parameter: str) -> str:
    """The prompts' own value of a parameter as a placeholder; `own` where they differ."""
    values = {prompt.parameters.get(parameter) for prompt in prompts}
    return str(values.pop() or "no limit") if len(values) == 1 else "own"


def more_fields(form: FormValues) -> None:
    """What few runs need."""
    first, second = st.columns(2)
    with first:
        st.text_input("Name of the run", key="run_name", placeholder="the prompts' names")
        st.number_input("Seed", 0, 2**31 - 1, value=None, key="run_seed", placeholder="none", step=1,
                        help="Sample i is sent with seed + i, so that a run can be repeated.")  # fmt: skip
        st.number_input("top_p", 0.0, 1.0, value=None, key="run_top_p", placeholder="the prompt's own", step=0.05)
    with second:
        st.text_input("Budget", key="run_budget", placeholder="none", help="2.50usd, 100000tok, 500calls or 30min.")
        st.number_input(
            "Concurrency", 1, 512, value=None, key="run_concurrency", placeholder="the endpoint's own", step=1
        )
        retries = "How often a call that failed is sent again. Waiting for a rate limit does not count."
        st.number_input("Retries", 0, MAX_RETRIES, key="run_retries", step=1, help=retries)
        st.number_input("Examples shown", 0, 100, value=None, key="run_examples_k", placeholder="all", step=1)
        st.segmented_control(
            "Examples as", ["turns", "text"], default=form["run_examples_as"], key="run_examples_as", required=True
        )
