"""The prompt that is open on the Compose page: from file or draft into the widgets, and back; autosaved as a draft.

The widgets hold what is on the screen and vanish with it; the draft in the database holds it for good. Everything here
is either read by the page or run as a callback, before the widgets of the next run are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from promptgrid.errors import LibraryError, PromptgridError
from promptgrid.library.files import SUFFIX, safe_name
from promptgrid.prompt import Prompt
from promptgrid.store import drafts, plans
from promptgrid.ui.compose.fields import Fields, blank, fields_of, from_json, prompt_of, to_json
from promptgrid.ui.server import database, library
from promptgrid.ui.widgets.callbacks import one_at_a_time
from promptgrid.ui.widgets.live_text import forget_typed

FIRST = "sentiment"
DRAFT = "prompt:"
WATCH = "compose_watch"
# Each is a widget's key with "compose_" before it.
SIMPLE = (
    *("description", "tags", "language", "cases", "api", "kind", "labels", "schema", "pattern"),
    *("temperature", "top_p", "max_tokens", "seed", "stop"),
)
WORDS = ("reason", "marker", "examples_title", "question_title")


@dataclass(frozen=True)
class Opened:
    """The prompt on the page. `etag` and `start` are those of the file that the editing began with.

    `etag` None: it has never been saved. `kept` is the draft as the database has it, None where there is none.
    """

    name: str
    etag: str | None
    start: Fields
    kept: Fields | None


def opened() -> Opened:
    """What is on the page; after `open_prompt` only."""
    found: Opened = st.session_state.compose_opened
    return found


def names() -> list[str]:
    """Every prompt that can be opened: those with a file, broken ones too, and those that are only a draft yet."""
    files = [entry.name for entry in library().entries()]
    drafted = [name.removeprefix(DRAFT) for name in drafts.draft_names(database(), DRAFT)]
    return sorted({*files, *drafted}, key=str.casefold)


def chosen_name() -> str:
    """The prompt that the address names, else the last one, else the first there is; "" where there is none."""
    asked = st.query_params.get("prompt", "")
    if asked:
        return asked
    known = names()
    last = st.session_state.get("compose_opened")
    wanted = [last.name] if last is not None else []
    return next((name for name in [*wanted, FIRST, *known[:1]] if name in known), "")


def open_prompt(name: str) -> None:
    """Puts the prompt into the widgets unless it is there already. Raises LibraryError or PromptError."""
    now: Opened | None = st.session_state.get("compose_opened")
    on_screen = now is not None and now.name == name and "compose_description" in st.session_state
    if not on_screen:
        _put(_read(name))
    elif now is not None and library().etag(name) != now.etag and fields() == now.start:
        _put(_read(name))  # saved elsewhere, and nothing was changed here


def _read(name: str) -> Opened:
    kept = drafts.draft(database(), DRAFT + name)
    if kept is not None:
        return Opened(name, kept["etag"], from_json(kept["start"]), from_json(kept["fields"]))
    prompt, etag = library().load(name)
    return Opened(name, etag, fields_of(prompt), None)


def _put(found: Opened) -> None:
    st.session_state.compose_opened = found
    fill(found.kept or found.start)
    shown = [f"compose_value_{name}" for name in values()]
    for key in (*shown, "compose_case", "compose_attempt", "compose_try_error", "compose_technique", "compose_removed"):
        st.session_state.pop(key, None)


def fill(content: Fields) -> None:
    """Puts this content into the widgets, over what is in them."""
    state = st.session_state
    for name in SIMPLE:
        state[f"compose_{name}"] = getattr(content, name)
    for name in WORDS:
        state[f"compose_word_{name}"] = content.wording.get(name, "")
    state.compose_turns, state.compose_next = [], 0  # the same text areas again: they do not blink
    for role, text in content.messages:
        add_turn(role, text)
    set_examples(content.examples)
    state.compose_rest = {"inputs": content.inputs, "other": content.other}
    forget_typed(WATCH)


def add_turn(role: str, text: str = "", at: int | None = None) -> None:
    """One more message, at the end or before the one with that index."""
    state = st.session_state
    number = state.compose_next = state.get("compose_next", 0) + 1
    state[f"compose_role_{number}"], state[text_key(number)] = role, text
    turns = state.compose_turns
    at = len(turns) if at is None else at
    state.compose_turns = [*turns[:at], number, *turns[at:]]


def remove_turn(number: int) -> None:
    """Takes a message out; `undo_remove` brings it back."""
    state = st.session_state
    at = state.compose_turns.index(number)
    state.compose_removed = (at, state[f"compose_role_{number}"], state[text_key(number)])
    state.compose_turns = [other for other in state.compose_turns if other != number]


def undo_remove() -> None:
    at, role, text = st.session_state.pop("compose_removed")
    add_turn(role, text, at)


def text_key(number: int) -> str:
    """The key of a message's text area."""
    return f"compose_text_{number}"


def set_examples(rows: list[dict[str, str]]) -> None:
    """New rows for the table: its widget keeps only what was changed in it, so it begins anew."""
    state = st.session_state
    state.compose_table, state.compose_rows = rows, rows
    state.compose_table_number = state.get("compose_table_number", 0) + 1


def fields(typed: Mapping[str, str] | None = None) -> Fields:
    """What is in the widgets; `typed` has the texts that are newer than their text areas."""
    state, typed = st.session_state, typed or {}
    keys = [(f"compose_role_{number}", text_key(number)) for number in state.compose_turns]
    wording = {name: state[f"compose_word_{name}"] for name in WORDS if state.get(f"compose_word_{name}")}
    simple: dict[str, Any] = {name: state.get(f"compose_{name}") for name in SIMPLE}
    return Fields(
        messages=[[state[role], typed.get(text, state[text] or "")] for role, text in keys],
        examples=state.compose_rows,
        wording=wording,
        **{name: _filled(name, value) for name, value in simple.items()},
        **state.compose_rest,
    )


def _filled(name: str, value: Any) -> Any:
    """An empty text widget may answer None, where a text is meant."""
    return "" if value is None and name not in ("temperature", "top_p", "max_tokens", "seed") else value


@one_at_a_time
def autosave(content: Fields) -> bool:
    """Keeps the draft as it is now, or drops it where nothing differs from the file. True: there are changes."""
    now = opened()
    changed = content != now.start or now.etag is None
    if not changed and now.kept is not None:
        drafts.drop_draft(database(), DRAFT + now.name)
        st.session_state.compose_opened = replace(now, kept=None)
    elif changed and content != now.kept:
        _keep(replace(now, kept=content))
    return changed


def _keep(found: Opened) -> None:
    content = found.kept or found.start
    value = {"etag": found.etag, "start": to_json(found.start), "fields": to_json(content)}
    drafts.keep_draft(database(), DRAFT + found.name, value)
    st.session_state.compose_opened = found


def stale() -> bool:
    """The file is not the one that the editing began with: somebody saved, or deleted it."""
    now = opened()
    return library().etag(now.name) != now.etag


@one_at_a_time
def save(name: str = "") -> None:
    """Saves under the prompt's own name, or as a new prompt under another; what goes wrong is left for the page."""
    now, content = opened(), fields()
    etag = now.etag if not name or name == now.name else None
    try:
        prompt = prompt_of(name or now.name, content, values())
        etag = library().save(prompt, etag)
        prompt = library().load(prompt.name)[0]
        with database().write() as connection:
            plans.keep_version(connection, prompt)
    except PromptgridError as error:
        st.session_state.compose_error = error
        return
    if not name or name == now.name or now.etag is None:
        drafts.drop_draft(database(), DRAFT + now.name)
    st.session_state.compose_opened = Opened(prompt.name, etag, fields_of(prompt), None)
    fill(opened().start)
    st.query_params["prompt"] = prompt.name


def revert() -> None:
    """Forgets the draft and takes what is in the file; a prompt without a file is gone with that."""
    name = opened().name
    drafts.drop_draft(database(), DRAFT + name)
    del st.session_state["compose_opened"]
    if library().etag(name) is None:
        st.query_params.pop("prompt", None)


def create(name: str) -> None:
    """A new prompt of that name, as a draft; LibraryError is left for the page."""
    try:
        name = safe_name(name.strip())
        if name in names():
            raise LibraryError(f"There is a prompt {name!r} already.", hint="Choose another name.")
    except LibraryError as error:
        st.session_state.compose_error = error
        return
    _keep(Opened(name.removesuffix(SUFFIX), None, blank(), None))
    st.query_params["prompt"] = name
    del st.session_state["compose_opened"]


def load_version(version: str) -> None:
    """Puts an old version into the editor; saving it restores it."""
    try:
        fill(fields_of(plans.prompt_at(database(), opened().name, version)))
    except PromptgridError as error:
        st.session_state.compose_error = error


def values() -> dict[str, str]:
    """The values that the preview's variables have on the screen."""
    mark = "compose_value_"
    return {str(key).removeprefix(mark): text for key, text in st.session_state.items() if str(key).startswith(mark)}


def saved_prompt() -> Prompt | None:
    """The prompt as its file has it now; None where there is none, or a broken one."""
    return next((entry.prompt for entry in library().entries() if entry.name == opened().name), None)
