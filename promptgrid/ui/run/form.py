"""The form of the Run page: its fields, their storage and their widgets.

One draft in the database stores all values, so they survive a refresh of the page. The session state holds only the
values on the screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from promptgrid import builtin, connections
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.errors import PromptgridError
from promptgrid.prompt import Prompt
from promptgrid.prompt.parameters import AXIS_SPECS
from promptgrid.store import drafts, plans
from promptgrid.techniques import unavailable
from promptgrid.ui import server
from promptgrid.ui.run.axes import CHIPS, FIRST_VALUES, form_key, parse_values
from promptgrid.ui.widgets.callbacks import one_at_a_time
from promptgrid.ui.widgets.feedback import showing_errors
from promptgrid.ui.widgets.fields import (
    options_popover,
    technique_choices,
    technique_label,
)
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import forget_undo, offer_undo

DRAFT = "run"

# Widget key -> its value on the first visit.
DEFAULTS: Mapping[str, Any] = {
    "run_prompts": ["sentiment"],
    "run_techniques": ["zero-shot", "few-shot"],
    "run_models": [DEFAULT_MODEL],
    **FIRST_VALUES,
    "run_samples": 1,
    "run_max_tokens": None,
    "run_seed": None,
    "run_top_p": None,
    "run_length_penalty": None,
    "run_early_stop": False,
    "run_examples_k": None,
    "run_examples_as": "turns",
    "run_budget": "",
    "run_max_calls": None,
    "run_concurrency": None,
    "run_retries": 5,
    "run_fresh": False,
    "run_name": "",
    "run_checks": None,  # None: the default checks of each prompt
    "cases_source": "own",
    "cases_file": None,
    "cases_text": "",
    "cases_rows": [],
    "cases_upload": None,
    "cases_expected": "",  # the column with the expected answers, if its name is not `expected`
    "cases_part": "",
    "cases_group": "",
}
# Fields that are not the value of a widget: code cannot set the value of an uploader or of an editor.
_NO_WIDGET = ("run_checks", "cases_rows", "cases_upload")

# Fields passed as the default of their widget: buttons whose script loads late lose a value from the session state.
_BUTTONS = ("run_techniques", "run_examples_as", "cases_source", *CHIPS)

# Parameters whose values an address may name; a chunker's text has commas of its own.
_ADDRESS_SPECS = {spec.plural: spec for spec in AXIS_SPECS if not spec.listed}

_NAME_USED = "run_name_used"
# The lists of actions that can be undone, each drawn where the actions are.
UNDO, UNDO_CASES, UNDO_CHECKS = "run_form", "run_cases", "run_checks"

FormValues = dict[str, Any]


def open_form() -> FormValues:
    """Returns the values of the form: those on the screen, else those of the draft, else the defaults. Call it before
    drawing fields."""
    if "run_form" not in st.session_state:
        saved = drafts.draft(server.database(), DRAFT) or {}
        known = {name: value for name, value in saved.items() if name in DEFAULTS}
        st.session_state.run_form, st.session_state.run_saved = {**_first_values(), **known}, dict(saved)
    form: FormValues = st.session_state.run_form
    if st.session_state.pop(_NAME_USED, False):
        form["run_name"] = st.session_state.run_name = ""
    _apply_address(form)
    for name in DEFAULTS:
        if name in _BUTTONS:
            form[name] = st.session_state.get(name, form[name])
        elif name not in _NO_WIDGET:
            form[name] = st.session_state.setdefault(name, form[name])
    return form


@one_at_a_time
def save_form(form: FormValues) -> None:
    """Copies the values of the widgets into `form`, and saves it as the draft if any value has changed. Call it after
    all fields are drawn."""
    for name in DEFAULTS:
        if name not in _NO_WIDGET and name in st.session_state:
            form[name] = st.session_state[name]
    if form != st.session_state.run_saved:
        with showing_errors():
            drafts.keep_draft(server.database(), DRAFT, form)
            st.session_state.run_saved = dict(form)


def fill_form(values: FormValues) -> None:
    """Sets the fields of the form to `values`, and all others to their defaults. Call it only in callbacks, which run
    before the widgets are drawn."""
    form = {**DEFAULTS, **values}
    for undo in (UNDO_CASES, UNDO_CHECKS):
        forget_undo(undo)
    st.session_state.run_form, st.session_state.run_saved = form, {}
    for name in DEFAULTS:
        if name in _BUTTONS:
            st.session_state.pop(name, None)
        elif name not in _NO_WIDGET:
            st.session_state[name] = form[name]


def replace_form(values: FormValues, text: str) -> None:
    """Fills the form like `fill_form`. What the user had there before can be brought back; `text` says what has
    replaced it."""
    before = st.session_state.get("run_form") or drafts.draft(server.database(), DRAFT)
    fill_form(values)
    if before:
        offer_undo(UNDO, text, partial(fill_form, dict(before)))


def set_fields(**values: Any) -> None:
    """Sets fields of the form that have no widget of their own."""
    st.session_state.run_form.update(values)


def _first_values() -> FormValues:
    values, names = dict(DEFAULTS), list(server.prompts())
    if "sentiment" not in names:
        values["run_prompts"] = names[:1]
    refs = server.model_refs()
    if not builtin.status().supported and len(refs) > 1:
        values["run_models"] = refs[1:2]
    return values


def _apply_address(form: FormValues) -> None:
    """Selects the prompts that the address names (`?prompts=a,b`), with the techniques and values of parameters that it
    names beside them (`&retrievers=bm25,oracle`), and removes all from the address, which would otherwise override
    later selections. What stood in fields other than that of the prompts can be brought back."""
    named = {name: _listed(st.query_params.pop(name, "")) for name in ("prompts", "techniques", *_ADDRESS_SPECS)}
    if not named["prompts"]:
        return
    before = dict(form)
    form["run_prompts"] = st.session_state.run_prompts = named["prompts"]
    values = {form_key(spec): parse_values(spec, named[name])[0] for name, spec in _ADDRESS_SPECS.items()}
    known = technique_choices(form["run_techniques"])
    values["run_techniques"] = [name for name in named["techniques"] if name in known]
    filled = {key: value for key, value in values.items() if value}
    for key, value in {**filled, "cases_source": "own"}.items():
        form[key] = value
        st.session_state.pop(key, None)
    if filled:
        offer_undo(UNDO, "The link has filled in the form.", partial(fill_form, before))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def prompts_field() -> list[str]:
    """Draws the field of the prompts; returns the selected ones as `name` or `name@version`. The options include old
    versions of the selected prompts."""
    refs = st.session_state.run_prompts
    old = [ref for name in dict.fromkeys(ref.partition("@")[0] for ref in refs) for ref in _old_versions(name)]
    return st.multiselect(
        "Prompts",
        list(dict.fromkeys([*server.prompts(), *old, *refs])),
        key="run_prompts",
        placeholder="Choose prompts",
        accept_new_options=True,
        select_all=False,  # else Enter selects all instead of the typed text
        wrap=True,
        help="The list has labels and old versions of the selected prompts: run name@production against the new.",
    )


def _old_versions(name: str) -> list[str]:
    """Returns the labels of the prompt and its versions but the current one, as `name@label` and `name@version`."""
    with suppress(PromptgridError):  # the plan shows the error
        listed = plans.listed_versions(server.database(), name)
        labels = sorted(label for version in listed for label in version.labels)
        return [f"{name}@{ref}" for ref in [*labels, *(v.version[:6] for v in listed if not v.current)]]
    return []


def techniques_field(form: FormValues, prompts: Sequence[Prompt]) -> list[str]:
    """Draws the field of the techniques; returns the selected ones. A caption says which of them do not work with one
    of the prompts, and why."""
    selected = st.pills(
        "Techniques",
        technique_choices(form["run_techniques"]),
        default=form["run_techniques"],
        key="run_techniques",
        selection_mode="multi",
        format_func=technique_label,
        wrap=True,
    )
    options_popover("run_technique", lambda text: _add_technique(form, text))
    for technique in selected:
        for prompt in prompts:
            if reason := unavailable(prompt, technique):
                st.caption(f"{technique} does not work with {plain(prompt.name)}: {plain(reason)}.")
    return list(selected)


def _add_technique(form: FormValues, text: str) -> None:
    """Selects one more technique. Its button is drawn anew, since a value that its options lacked would be lost."""
    selected = st.session_state.pop("run_techniques", form["run_techniques"])
    form["run_techniques"] = list(dict.fromkeys([*selected, text]))


def models_field() -> list[str]:
    """Draws the field of the models; returns the selected ones as ENDPOINT/MODEL."""
    refs = st.multiselect(
        "Models",
        server.model_refs(*st.session_state.run_models),
        key="run_models",
        placeholder="Choose models",
        accept_new_options=True,
        select_all=False,  # else Enter selects all instead of the typed text
        wrap=True,
        help="Type another model as ENDPOINT/MODEL. Settings shows the endpoints and how to add one.",
    )
    for problem in filter(None, map(model_problem, refs)):
        st.caption(f":orange[{plain(problem)}]")
    return refs


def model_problem(ref: str) -> str:
    """Returns why no endpoint serves the model ENDPOINT/MODEL; "" if one may."""
    try:
        connections.split_model(ref)
    except PromptgridError as error:
        return str(error)
    return ""


def own_value(prompts: Sequence[Prompt], parameter: str) -> str:
    """Returns the placeholder for an empty field: the prompts' own value of the parameter if it is the same in all, `no
    limit` if no prompt sets one, or `own` if the values differ."""
    values = {getattr(prompt.parameters, parameter) for prompt in prompts}
    return str(values.pop() or "no limit") if len(values) == 1 else "own"


def name_used() -> None:
    """Empties the field of the name before it is drawn again: a run's name is not that of the next one."""
    st.session_state[_NAME_USED] = True
