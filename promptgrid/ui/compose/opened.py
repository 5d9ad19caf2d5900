"""The prompt that is open on the Compose page: loads it from its file or a draft into the widgets, stores the draft of
this tab, and saves the file.

Streamlit drops the values of widgets when the user leaves the page; the draft in the database stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any

import streamlit as st

from promptgrid.errors import LibraryError, StoreError
from promptgrid.library.files import SUFFIX, safe_name
from promptgrid.prompt import Prompt
from promptgrid.store import drafts, plans
from promptgrid.store.drafts import Kind
from promptgrid.ui.compose import state, tabs
from promptgrid.ui.compose.fields import Fields, blank, fields_of, from_json, prompt_of, to_json
from promptgrid.ui.compose.values import new_examples, show_values, values_record
from promptgrid.ui.links import set_query
from promptgrid.ui.server import database, library, prompts
from promptgrid.ui.widgets.callbacks import leaving_error, one_at_a_time
from promptgrid.ui.widgets.undo import forget_undo

FIRST = "sentiment"
ERROR = "compose_error"


@dataclass(frozen=True)
class OpenPrompt:
    """The prompt that is open on the page.

    `etag` (a digest of the file) and `start` (its content) are those of the file when editing began; `etag` is None for
    a prompt that has never been saved. `draft` is the unsaved content, or None; `values` are the values of its
    variables (`values_record`). Both are stored as the draft with this `id`, written last at `updated`; "" if nothing
    is stored.
    """

    name: str
    etag: str | None
    start: Fields
    draft: Fields | None = None
    values: Mapping[str, Any] | None = None
    id: str = ""
    updated: float | None = None


def current() -> OpenPrompt:
    """Returns the prompt that is open on the page. Requires an earlier call of `open_prompt`."""
    prompt: OpenPrompt = st.session_state.compose_opened
    return prompt


def prompt_names() -> list[str]:
    """Returns the names of all prompts that have a file, even a broken one, or unsaved content."""
    files = [entry.name for entry in library().entries()]
    return sorted({*files, *drafts.drafted_prompts(database()), *unstored()}, key=str.casefold)


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


@one_at_a_time
def open_prompt(name: str) -> None:
    """Loads the prompt into the widgets unless they show it already. Reloads it if the file has changed and the user
    has not edited the prompt. Raises LibraryError or PromptError."""
    last: OpenPrompt | None = st.session_state.get("compose_opened")
    on_screen = last is not None and last.name == name and "compose_description" in st.session_state
    if not on_screen:
        if last is not None and last.name != name:
            _leave()
        show(unstored().get(name) or _from_draft(name) or from_file(name))
    elif last is not None and library().etag(name) != last.etag and state.fields() == last.start:
        show(replace(from_file(name), values=last.values, id=last.id, updated=last.updated))


def from_file(name: str) -> OpenPrompt:
    prompt, etag = library().load(name)
    return OpenPrompt(name, etag, fields_of(prompt))


def _from_draft(name: str) -> OpenPrompt | None:
    """Returns the prompt with the draft that this tab opens; None if there is none. A prompt without a file opens with
    a copy of the draft that another tab holds."""
    infos = drafts.prompt_drafts_of(database(), name)
    info = tabs.free_draft(infos, st.query_params.get("draft", ""))
    if info is None and library().etag(name) is None:
        info = next((one for one in infos if one.kind == "draft"), None)
    return None if info is None else with_draft(name, info.id)


def with_draft(name: str, draft_id: str) -> OpenPrompt:
    """Returns the prompt with the content of a draft, which from now on this tab writes; if another tab does, a copy.
    Raises LibraryError if the draft was deleted."""
    stored = drafts.prompt_draft(database(), draft_id)
    if stored is None:
        raise LibraryError("This draft was deleted in another tab.", hint="Choose another version.")
    info, value = stored
    content = from_json(value["fields"]) if value["fields"] else None
    prompt = OpenPrompt(name, value["etag"], from_json(value["start"]), content, value.get("values"))
    if content is None and library().etag(name) != prompt.etag:
        prompt = replace(from_file(name), values=prompt.values)
    if tabs.held_elsewhere(draft_id):
        return prompt
    tabs.hold(draft_id)
    return replace(prompt, id=draft_id, updated=info.updated)


def _leave() -> None:
    """Stores what was typed last in the prompt that was on the screen, and forgets what is not part of its content."""
    if "compose_description" in st.session_state:
        autosave(state.fields(), values_record())
    for name in ("attempt", "try_error", "technique", "doubled"):
        st.session_state.pop(f"compose_{name}", None)
    for undo in state.UNDOS:
        forget_undo(undo)


def show(prompt: OpenPrompt) -> None:
    st.session_state.compose_opened = prompt
    state.fill(prompt.draft or prompt.start)
    show_values(prompt.values)


@one_at_a_time
def autosave(content: Fields, values: Mapping[str, Any] | None) -> bool:
    """Stores `content` and `values` (of `values_record`) as the draft of this tab, or deletes the draft if they equal
    the file. Returns whether there are unsaved changes. If the database cannot be written, keeps both in the session
    and the error for `unkept`, and the next call tries again."""
    prompt = current()
    changed = content != prompt.start or prompt.etag is None
    now = replace(prompt, draft=content if changed else None, values=values)
    if now != prompt:
        st.session_state.compose_opened = unstored()[now.name] = now
    _store_waiting()
    return changed


def show_address() -> None:
    """Names the prompt and the draft of this tab in the address, for a refresh."""
    prompt = current()
    set_query({"prompt": prompt.name} | ({"draft": prompt.id} if prompt.id else {}))


def _store_waiting() -> None:
    """Stores all content of the session that is not stored yet, also that of prompts which were on the screen before
    this one."""
    st.session_state.compose_unkept = None
    for name, prompt in list(unstored().items()):
        try:
            stored = store(prompt)
        except StoreError as error:
            st.session_state.compose_unkept = error
            return
        del unstored()[name]
        if name == current().name:
            st.session_state.compose_opened = stored


def store(prompt: OpenPrompt, kind: Kind = "draft") -> OpenPrompt:
    """Stores or deletes the draft; returns the prompt with the new `id` and `updated`. If another tab has written or
    deleted the draft, stores a second one. Raises StoreError."""
    if prompt.draft is None and prompt.values is None:
        if prompt.updated is not None:
            drafts.drop_prompt_draft(database(), prompt.id, prompt.updated)
        return replace(prompt, id="", updated=None)
    kind = kind if prompt.draft else "values"
    fields = to_json(prompt.draft) if prompt.draft else None
    value = {"etag": prompt.etag, "start": to_json(prompt.start), "fields": fields, "values": prompt.values}
    updated = prompt.updated
    if updated is not None:
        updated = drafts.keep_prompt_draft(database(), prompt.id, prompt.name, kind, value, updated)
    if updated is None:
        prompt = replace(prompt, id=token_hex(6))
        updated = drafts.keep_prompt_draft(database(), prompt.id, prompt.name, kind, value, None)
    tabs.hold(prompt.id)
    return replace(prompt, updated=updated)


def unkept() -> tuple[list[str], StoreError | None]:
    """Returns the names of the prompts whose changes only this tab has, and why the database could not take them."""
    return list(unstored()), st.session_state.get("compose_unkept")


def unstored() -> dict[str, OpenPrompt]:
    """Returns the content that the database could not take, by prompt."""
    prompts_: dict[str, OpenPrompt] = st.session_state.setdefault("compose_unstored", {})
    return prompts_


def stale() -> bool:
    """Returns whether the file was saved or deleted by another program or tab since editing began."""
    return library().etag(current().name) != current().etag


@one_at_a_time
@leaving_error(ERROR)
def save(name: str = "") -> None:
    """Saves the prompt in its file; with a `name`, as a new prompt of that name. The values that the user has typed
    become the examples of its inputs."""
    before, content, values = current(), state.fields(), values_record()
    own_file = not name or name == before.name
    examples = new_examples(prompt_of(before.name, content))
    replaced = saved_prompt() if own_file else None
    etag = library().save(prompt_of(name or before.name, content, examples), before.etag if own_file else None)
    prompt = library().load(name or before.name)[0]
    own_draft = own_file or before.etag is None
    now = OpenPrompt(prompt.name, etag, fields_of(prompt), None, values)
    if own_draft:
        now = replace(now, id=before.id, updated=before.updated)
        unstored().pop(before.name, None)
    show(now)
    unstored()[now.name] = now
    st.query_params["prompt"] = prompt.name
    with database().write() as connection:
        for version in filter(None, (replaced, prompt)):
            plans.keep_version(connection, version)


@leaving_error(ERROR)
def create(name: str) -> None:
    """Opens a new prompt with this name, which exists only as a draft until it is saved."""
    name = safe_name(name.strip()).removesuffix(SUFFIX)
    if name in prompt_names():
        raise LibraryError(f"There is a prompt {name!r} already.", hint="Choose another name.")
    store(OpenPrompt(name, None, blank(), blank()))
    st.query_params["prompt"] = name


def saved_prompt() -> Prompt | None:
    """Returns the prompt as its file has it; None if the file is missing or broken."""
    return prompts().get(current().name)
