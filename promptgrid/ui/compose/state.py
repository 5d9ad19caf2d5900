"""Loads the prompt that is open on the Compose page from its file or draft into the widgets, and saves it.

Streamlit drops the values of widgets when the user leaves the page; the draft in the database stays. Functions that set
widget values must run before the widgets are drawn; most are callbacks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from promptgrid.errors import LibraryError, PromptError, StoreError
from promptgrid.library.files import SUFFIX, safe_name
from promptgrid.prompt import Prompt
from promptgrid.prompt.values import kind_of
from promptgrid.store import drafts, plans
from promptgrid.text import cut, value_text
from promptgrid.ui.compose.fields import Fields, blank, fields_of, from_json, prompt_of, to_json
from promptgrid.ui.server import database, library, prompts
from promptgrid.ui.widgets.callbacks import leaving_error, one_at_a_time
from promptgrid.ui.widgets.live_text import forget_typed

FIRST = "sentiment"
WATCH = "compose_watch"
RULE_WATCH = "compose_rule_watch"
# Fields whose widget has the name of the field as its key, with the prefix "compose_".
SIMPLE = (
    *("description", "tags", "language", "cases", "api", "kind"),
    *("labels", "synonyms", "options", "schema", "pattern", "separator"),
    *("temperature", "top_p", "max_tokens", "seed", "stop"),
)
RULE_TEXTS = ("labels", "synonyms", "schema")  # the fields of the answer rule that are text areas
WORDS = ("reason", "marker", "examples_title", "question_title")


@dataclass(frozen=True)
class OpenPrompt:
    """The prompt that is open on the page.

    `etag` (a digest of the file) and `start` (its content) are those of the file when editing began; `etag` is None for
    a prompt that has never been saved. `draft` is the stored unsaved content, or None.
    """

    name: str
    etag: str | None
    start: Fields
    draft: Fields | None


def current() -> OpenPrompt:
    """Returns the prompt that is open on the page. Requires an earlier call of `open_prompt`."""
    prompt: OpenPrompt = st.session_state.compose_opened
    return prompt


def prompt_names() -> list[str]:
    """Returns the names of all prompts that have a file, even a broken one, or a draft."""
    files = [entry.name for entry in library().entries()]
    drafted = [name.removeprefix(drafts.PROMPT) for name in drafts.draft_names(database(), drafts.PROMPT)]
    return sorted({*files, *drafted}, key=str.casefold)


def name_to_open() -> str:
    """Returns the name of the prompt to open: the one in the address, else the one opened last, else `FIRST`, else the
    first of the library; "" if there are no prompts."""
    from_address = st.query_params.get("prompt", "")
    if from_address:
        return from_address
    listed = prompt_names()
    last = st.session_state.get("compose_opened")
    candidates = [last.name] if last is not None else []
    return next((name for name in [*candidates, FIRST, *listed[:1]] if name in listed), "")


def open_prompt(name: str) -> None:
    """Loads the prompt into the widgets unless they show it already. Reloads it if the file has changed and the user
    has not edited the prompt. Raises LibraryError or PromptError."""
    last: OpenPrompt | None = st.session_state.get("compose_opened")
    on_screen = last is not None and last.name == name and "compose_description" in st.session_state
    if not on_screen:
        _show(_load(name))
    elif last is not None and library().etag(name) != last.etag and fields() == last.start:
        _show(_load(name))  # the file was saved elsewhere, the widgets are unchanged


def _load(name: str) -> OpenPrompt:
    draft = drafts.draft(database(), drafts.PROMPT + name)
    if draft is not None:
        return OpenPrompt(name, draft["etag"], from_json(draft["start"]), from_json(draft["fields"]))
    prompt, etag = library().load(name)
    return OpenPrompt(name, etag, fields_of(prompt), None)


def _show(prompt: OpenPrompt) -> None:
    st.session_state.compose_opened = prompt
    fill(prompt.draft or prompt.start)
    values = [f"value_{name}" for name in value_texts()]
    for name in (*values, "kinds", "case", "attempt", "try_error", "technique", "removed", "doubled", "unkept"):
        st.session_state.pop(f"compose_{name}", None)


def fill(content: Fields) -> None:
    state = st.session_state
    for name in SIMPLE:
        state[f"compose_{name}"] = getattr(content, name)
    for name in WORDS:
        state[f"compose_word_{name}"] = content.wording.get(name, "")
    state.compose_turns, state.compose_next = [], 0  # the text areas keep their keys and do not flicker
    for role, text in content.messages:
        add_turn(role, text)
    set_examples(content.examples)
    state.compose_rest = {"inputs": content.inputs, "other": content.other, "title": content.title}
    forget_typed(WATCH)
    forget_typed(RULE_WATCH)


def add_turn(role: str, text: str = "", at: int | None = None) -> None:
    """Inserts a message with this role and text before the message with index `at`; at the end if `at` is None."""
    state = st.session_state
    number = state.compose_next = state.get("compose_next", 0) + 1
    state[f"compose_role_{number}"], state[text_key(number)] = role, text
    turns = state.compose_turns
    at = len(turns) if at is None else at
    state.compose_turns = [*turns[:at], number, *turns[at:]]


def remove_turn(number: int) -> None:
    """Removes the message whose widget keys end in this number, which need not be its position. `undo_remove` restores
    the message that was removed last."""
    state = st.session_state
    at = state.compose_turns.index(number)
    state.compose_removed = (at, state[f"compose_role_{number}"], state[text_key(number)])
    state.compose_turns = [other for other in state.compose_turns if other != number]


def undo_remove() -> None:
    at, role, text = st.session_state.pop("compose_removed")
    add_turn(role, text, at)


def text_key(number: int) -> str:
    return f"compose_text_{number}"


def set_examples(rows: list[dict[str, str]]) -> None:
    """Puts these rows into the table of examples. Its widget gets a new key, because the old one stores edits of the
    previous rows."""
    state = st.session_state
    state.compose_table, state.compose_rows = rows, rows
    state.compose_table_number = state.get("compose_table_number", 0) + 1


def fields(typed: Mapping[str, str] | None = None) -> Fields:
    """Returns the content of the widgets. `typed` maps keys of text areas to texts that are newer than the widget
    values."""
    state = {str(key): value for key, value in st.session_state.items()} | dict(typed or {})
    keys = [(f"compose_role_{number}", text_key(number)) for number in state["compose_turns"]]
    wording = {name: state[f"compose_word_{name}"] for name in WORDS if state.get(f"compose_word_{name}")}
    simple: dict[str, Any] = {name: state.get(f"compose_{name}") for name in SIMPLE}
    return Fields(
        messages=[[state[role], state[text] or ""] for role, text in keys],
        examples=state["compose_rows"],
        wording=wording,
        **{name: _filled(name, value) for name, value in simple.items()},
        **state["compose_rest"],
    )


def _filled(name: str, value: Any) -> Any:
    """Returns the `value` of the widget for the field `name`. An empty widget has None: for a text, returns ""
    instead."""
    return "" if value is None and name not in ("temperature", "top_p", "max_tokens", "seed") else value


@one_at_a_time
def autosave(content: Fields) -> bool:
    """Saves `content` as the draft, or deletes the draft if `content` equals the file. Returns whether there are
    unsaved changes. If the database cannot be written, stores the error for `unkept`, and the next call tries again."""
    prompt = current()
    changed = content != prompt.start or prompt.etag is None
    now = replace(prompt, draft=content if changed else None)
    if now.draft != prompt.draft or unkept():
        st.session_state.compose_opened, st.session_state.compose_unkept = now, None
        try:
            _store_draft(now)
        except StoreError as error:
            st.session_state.compose_unkept = error
    return changed


def unkept() -> StoreError | None:
    """Returns why the draft of the prompt on the screen is not stored; None if it is."""
    error: StoreError | None = st.session_state.get("compose_unkept")
    return error


def _store_draft(prompt: OpenPrompt) -> None:
    name = drafts.PROMPT + prompt.name
    if prompt.draft is None:
        drafts.drop_draft(database(), name)
        return
    value = {"etag": prompt.etag, "start": to_json(prompt.start), "fields": to_json(prompt.draft)}
    drafts.keep_draft(database(), name, value)


def stale() -> bool:
    """Returns whether the file was saved or deleted by another program or tab since editing began."""
    return library().etag(current().name) != current().etag


@one_at_a_time
@leaving_error("compose_error")
def save(name: str = "") -> None:
    """Saves the prompt in its file; with a `name`, as a new prompt of that name."""
    before, content = current(), fields()
    etag = before.etag if not name or name == before.name else None
    prompt = prompt_of(name or before.name, content, variable_values())
    etag = library().save(prompt, etag)
    prompt = library().load(prompt.name)[0]
    st.session_state.compose_opened = OpenPrompt(prompt.name, etag, fields_of(prompt), None)
    fill(current().start)
    st.query_params["prompt"] = prompt.name
    try:
        with database().write() as connection:
            plans.keep_version(connection, prompt)
        if not name or name == before.name or before.etag is None:
            drafts.drop_draft(database(), drafts.PROMPT + before.name)
    except StoreError as error:  # the file is saved: `autosave` drops the draft later
        st.session_state.compose_unkept = error
        raise


@leaving_error("compose_error")
def revert() -> None:
    """Deletes the draft, so that the page opens the file again. A prompt that has no file is lost."""
    name = current().name
    drafts.drop_draft(database(), drafts.PROMPT + name)
    del st.session_state["compose_opened"]
    if library().etag(name) is None:
        st.query_params.pop("prompt", None)


@leaving_error("compose_error")
def create(name: str) -> None:
    """Opens a new prompt with this name, which exists only as a draft until it is saved."""
    name = safe_name(name.strip())
    if name in prompt_names():
        raise LibraryError(f"There is a prompt {name!r} already.", hint="Choose another name.")
    _store_draft(OpenPrompt(name.removesuffix(SUFFIX), None, blank(), blank()))
    st.query_params["prompt"] = name
    st.session_state.pop("compose_opened", None)


@leaving_error("compose_error")
def load_version(version: str) -> None:
    """Loads the stored version of the prompt into the editor. The file changes only when the user saves."""
    fill(fields_of(plans.prompt_at(database(), current().name, version)))


def value_texts() -> dict[str, str]:
    """Returns variable name -> text of its field."""
    prefix = "compose_value_"
    return {str(k).removeprefix(prefix): v for k, v in st.session_state.items() if str(k).startswith(prefix)}


def variable_values(typed: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Returns variable name -> value. A field into which `fill_values` put a value other than text holds JSON. `typed`
    has newer texts by variable. Raises PromptError if the text of such a field is not JSON."""
    texts = value_texts() | dict(typed or {})
    kinds = st.session_state.get("compose_kinds", {})
    return {name: _json_value(name, text) if text and name in kinds else text for name, text in texts.items()}


def _json_value(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        what = f"{name} is no text in this case, and {cut(text, 60)!r} is no JSON."
        raise PromptError(what, hint='Write a text in quotes: "text".') from error


def fill_values(values: Mapping[str, Any]) -> None:
    """Puts the values, by variable name, into the fields of the variables. A value that is not text becomes JSON, and
    `variable_values` reads its field as JSON."""
    kinds = {name: kind for name, kind in st.session_state.get("compose_kinds", {}).items() if name not in values}
    for name, value in values.items():
        st.session_state[f"compose_value_{name}"] = value_text(value)
        if not isinstance(value, str):
            kinds[name] = kind_of(value)
    st.session_state.compose_kinds = kinds


def saved_prompt() -> Prompt | None:
    """Returns the prompt as its file has it; None if the file is missing or broken."""
    return prompts().get(current().name)
