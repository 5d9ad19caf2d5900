"""Draws the fields of the Run page for the parameters that a plan varies: text input for numbers, chips for words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from promptgrid.errors import PlanError
from promptgrid.grid import Plan
from promptgrid.prompt import Prompt
from promptgrid.prompt.parameters import (
    AXIS_SPECS,
    EXAMPLE_PARAMETERS,
    RETRIEVAL_PARAMETERS,
    TOOL_PARAMETERS,
    ParameterSpec,
    Value,
)
from promptgrid.store.documents import collections
from promptgrid.ui import server
from promptgrid.ui.widgets.fields import parameter_field
from promptgrid.ui.widgets.plain import plain

OWN = "The prompt's own"


def form_key(spec: ParameterSpec) -> str:
    """Returns the key under which the form stores the values of this parameter."""
    return f"run_{spec.plural}"


FIRST_VALUES = {form_key(spec): list(map(spec.text, spec.first)) for spec in AXIS_SPECS}
RETRIEVAL_SPECS = tuple(spec for spec in AXIS_SPECS if spec.name in RETRIEVAL_PARAMETERS)
EXAMPLE_SPECS = tuple(spec for spec in AXIS_SPECS if spec.name in EXAMPLE_PARAMETERS)
CHIP_SPECS = tuple(spec for spec in AXIS_SPECS if spec.kind is str and not spec.listed)
FIRST_SPECS = tuple(spec for spec in CHIP_SPECS if not spec.local)
MORE_SPECS = tuple(spec for spec in AXIS_SPECS[1:] if spec not in FIRST_SPECS and not spec.local)
CHIPS = tuple(map(form_key, CHIP_SPECS))


def plan_values(form: Mapping[str, Any]) -> dict[str, tuple[Value, ...]]:
    """Returns, for each parameter that a plan can vary, the form's values by the name that `Plan.of` has for them, such
    as `temperatures`. Raises PlanError for a text that is not a value of its parameter."""
    return {spec.plural: tuple(map(spec.parse, form[form_key(spec)])) for spec in AXIS_SPECS}


def form_values(plan: Plan) -> dict[str, list[str]]:
    """Returns, for each parameter that a plan can vary, the plan's values as texts, by the parameter's `form_key`."""
    return {form_key(spec): list(map(spec.text, plan.values_of(spec))) for spec in AXIS_SPECS}


def is_for(spec: ParameterSpec, prompts: Sequence[Prompt], form: Mapping[str, Any]) -> bool:
    """Tells whether the parameter's field is drawn: one on calls of tools only for prompts with tools, one of retrieval
    only for prompts that retrieve, or if the `form` has a value of it."""
    if spec.name in TOOL_PARAMETERS:
        return any(prompt.tools for prompt in prompts) or bool(form[form_key(spec)])
    return not spec.local or any(one.parameters.collection for one in prompts) or bool(form[form_key(spec)])


def axis_field(spec: ParameterSpec, form: Mapping[str, Any]) -> None:
    """Draws the field for the values of a parameter that a plan can vary. Its options are the offered values and those
    in the `form`, as texts, numbers in ascending order."""
    key = form_key(spec)
    if spec in CHIP_SPECS:
        offered = _collections() if spec.name == "collection" else tuple(map(spec.text, spec.offered))
        options = list(dict.fromkeys([*offered, *form[key]]))
        st.pills(spec.label, options, default=form[key], key=key, selection_mode="multi", wrap=True,
                 help=f"{spec.help} {_WITHOUT}")  # fmt: skip
        return
    texts = {*map(spec.text, spec.offered), *st.session_state[key]}
    st.multiselect(
        spec.axis.capitalize(),
        sorted(texts, key=lambda text: spec.order(spec.parse(text))),
        key=key,
        placeholder=OWN,
        accept_new_options=True,
        wrap=True,
        on_change=_check,
        args=(spec,),
        help=f"Type another value: {spec.rule}. {_WITHOUT}",
        filter_mode="prefix",  # else 5 matches 0.5
        select_all=False,  # else Enter selects all instead of the typed text
    )


def _collections() -> tuple[str, ...]:
    """Returns the names of the collections of documents."""
    return tuple(info.name for info in collections.listed(server.database()))


def search_fields(form: Mapping[str, Any]) -> None:
    """Draws the fields of a beam search, each with its value in the session state; `form` is as for `axis_field`."""
    for spec in MORE_SPECS:
        axis_field(spec, form)
    penalty = "Of a beam search: 0 ranks texts by their probability, 1 by that of a token; more favours long texts."
    own = {"value": None, "step": 0.5, "placeholder": "the prompt's own"}
    parameter_field("length_penalty", key="run_length_penalty", help=penalty, **own)
    early = "Ends a beam search as soon as it has as many ended texts as beams."
    st.checkbox("Early stop", key="run_early_stop", help=early)


_WITHOUT = "Without one, each prompt uses its own."


def _check(spec: ParameterSpec) -> None:
    key = form_key(spec)
    st.session_state[key], rejected = parse_values(spec, st.session_state[key])
    if rejected:
        st.toast(rejection(spec, rejected))


def parse_values(spec: ParameterSpec, typed: Iterable[str]) -> tuple[list[str], list[str]]:
    """Returns two lists: the `typed` texts that are values of the parameter, sorted and each once, and those that are
    not."""
    values: set[Value] = set()
    rejected = []
    for text in typed:
        try:
            values.add(spec.parse(text))
        except PlanError:
            rejected.append(text)
    return [spec.text(value) for value in sorted(values, key=spec.order)], rejected


def rejection(spec: ParameterSpec, rejected: Sequence[str]) -> str:
    return f"{plain(', '.join(rejected), limit=60)}: {spec.rule}."


def more_values(spec: ParameterSpec, plan: Plan, run_id: str) -> tuple[Value, ...]:
    """Draws the field that adds values of a parameter to a run; returns the values that the plan does not have yet.
    Shows invalid texts below the field."""
    own = plan.axes[spec.column]
    typed = st.multiselect(
        f"More {spec.axis}",
        [spec.text(value) for value in spec.offered if value not in own],
        key=f"extend_{spec.plural}_{run_id}",
        accept_new_options=True,
        select_all=False,
        filter_mode="prefix",  # else 5 matches 0.5
        placeholder="None",
    )
    texts, rejected = parse_values(spec, typed)
    if rejected:
        st.caption(f":orange[{rejection(spec, rejected)}]")
    return tuple(value for value in map(spec.parse, texts) if value not in own)
