"""The values of the variables on the Compose page: those of the selected case, or else the examples of the inputs,
until the user types others.

The session state has the texts that the page has put into the fields (`compose_filled`) and the texts that the user has
typed instead (`compose_own`), both by variable. Keys of fields are numbered, because Streamlit makes a class of a key,
and a class can hold no name such as 客户.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from promptgrid.cases.table import Case
from promptgrid.errors import CasesError, PromptError
from promptgrid.library.own_cases import own_table
from promptgrid.prompt import Prompt
from promptgrid.prompt.chained import needed_variables
from promptgrid.prompt.model import EMPTY
from promptgrid.prompt.values import kind_of
from promptgrid.text import cut, value_text
from promptgrid.ui.server import library
from promptgrid.ui.widgets.live_text import forget_typed
from promptgrid.ui.widgets.tables import CasesTable, read_table

WATCH = "compose_values_watch"


def value_key(name: str) -> str:
    """Returns the key of the field of the variable `name`, the same for the whole session."""
    numbers: dict[str, int] = st.session_state.setdefault("compose_numbers", {})
    return f"compose_value_{numbers.setdefault(name, len(numbers))}"


def show_values(record: Mapping[str, Any] | None) -> None:
    """Prepares the fields of another content: `record` is what `values_record` returned for it, or None."""
    state = st.session_state
    for name in state.get("compose_numbers", {}):
        state.pop(value_key(name), None)
    record, state.compose_filled = record or {}, {}
    replace_own(record.get("texts", {}), record.get("case", 0))


def fill_fields(names: Iterable[str]) -> None:
    """Puts the value of the selected case or example into the field of each variable, unless the user has typed another
    text. Call it before the fields are drawn."""
    state, start, own = st.session_state, start_values(), own_texts()
    for name in names:
        text = own.get(name, value_text(start.get(name, "")))
        if state.get(value_key(name)) != text:  # setting a value interrupts the typing in its field
            state[value_key(name)] = text
    state.compose_filled = {**state.compose_filled, **{name: value_text(start.get(name, "")) for name in names}}
    state.compose_own = own


def own_texts(newer: Mapping[str, str] = EMPTY) -> dict[str, str]:
    """Returns, by variable, the texts that the user has typed in place of those that the page has filled in, also of
    variables that the messages no longer use. `newer` has texts by variable that are newer than the fields."""
    state = st.session_state
    fields = {name: state[key] or "" for name in state.compose_filled if (key := value_key(name)) in state}
    texts = {**state.compose_own, **fields, **newer}
    return {name: text for name, text in texts.items() if text != state.compose_filled.get(name)}


def replace_own(texts: Mapping[str, str], case: int) -> None:
    """Selects the case with index `case`, and puts `texts`, by variable, over its values."""
    state = st.session_state
    state.compose_case, state.compose_own = case, dict(texts)
    for name in state.compose_filled:
        state.pop(value_key(name), None)
    forget_typed(WATCH)


def values_record(newer: Mapping[str, str] = EMPTY) -> dict[str, Any] | None:
    """Returns the index of the case and the texts that the user has typed, as JSON, for `show_values`; None if it is
    the first case and the user has typed nothing."""
    case, texts = int(st.session_state.compose_case), own_texts(newer)
    return {"case": case, "texts": texts} if case or texts else None


def template_values(prompt: Prompt, newer: Mapping[str, str] = EMPTY) -> dict[str, Any]:
    """Returns the values of the prompt's variables by name. `newer` has texts by variable that are newer than the
    fields. A variable with an empty field is left out, unless the selected case has an input of that name. Raises
    PromptError for a field whose JSON is broken."""
    table, start = open_table(), start_values()
    texts = {name: value_text(start.get(name, "")) for name in variable_names(prompt)}
    texts |= {name: text for name, text in own_texts(newer).items() if name in texts}
    wanted = {name: text for name, text in texts.items() if text != "" or (table and name in start)}
    return {name: _value(name, text, start.get(name, "")) for name, text in wanted.items()}


def new_examples(prompt: Prompt) -> dict[str, Any]:
    """Returns the values, by variable, that become the examples of the prompt's inputs when it is saved: those that the
    user has typed, and for inputs without an example those of the selected case."""
    own, given = own_texts(), prompt.given_examples
    values = template_values(prompt)
    return {name: value for name, value in values.items() if value != "" and (name in own or name not in given)}


def variable_names(prompt: Prompt) -> list[str]:
    return [variable.name for variable in needed_variables(prompt)]


def start_values() -> dict[str, Any]:
    """Returns the values of the selected case by input; of a prompt without a table of cases, the examples of its
    inputs, as text."""
    if table := open_table():
        return dict(table.cases[position(table.cases)].inputs)
    rows = st.session_state.compose_rest["inputs"]
    return {row["name"]: value_text(row["example"]) for row in rows if row.get("example", "") != ""}


def expected_answer() -> str | None:
    """Returns the expected answer of the selected case; None if there is no case or the user changed its values."""
    table = open_table()
    if table is None:
        return None
    case = table.cases[position(table.cases)]
    return None if set(own_texts()) & set(case.inputs) else case.expected


def open_table() -> CasesTable | None:
    """Returns the table of the prompt; None if the prompt names none, or the table cannot be read."""
    with suppress(CasesError):
        return named_table()
    return None


def named_table() -> CasesTable | None:
    """Returns the table that the prompt names; None if it names none, or no such file exists. Raises CasesError, for a
    file outside of the library too."""
    name, folder = st.session_state.get("compose_cases") or "", library().folder
    return read_table(own_table(folder, name, "this")) if name and (folder / name).is_file() else None


def position(cases: Sequence[Case]) -> int:
    """Returns the index of the selected case."""
    return min(int(st.session_state.compose_case), len(cases) - 1)


def kinds() -> dict[str, str]:
    """Returns, by name, the kind of each value of the selected case that is not text: integer, array and so on. Its
    field holds JSON."""
    return {name: kind_of(value) for name, value in start_values().items() if not isinstance(value, str)}


def _value(name: str, text: str, start: Any) -> Any:
    if isinstance(start, str) or not text:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        what = f"{name} is no text in this case, and {cut(text, 60)!r} is no JSON."
        raise PromptError(what, hint='Write a text in quotes: "text".') from error
