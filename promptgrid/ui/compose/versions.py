"""Replaces the content on the Compose page by a stored version, a draft or the file, with Undo. The replaced content is
set aside: it stays in the database as a draft, among the versions that can be loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import streamlit as st

from promptgrid.store import drafts, plans
from promptgrid.store.drafts import DraftInfo
from promptgrid.ui.compose import opened, state, tabs
from promptgrid.ui.compose.fields import fields_of
from promptgrid.ui.compose.opened import ERROR
from promptgrid.ui.compose.values import values_record
from promptgrid.ui.server import database, library
from promptgrid.ui.widgets.callbacks import close_popover, leaving_error, one_at_a_time
from promptgrid.ui.widgets.undo import offer_undo

DRAFT = "draft "  # before the id of a draft in the list of versions


def other_drafts() -> tuple[list[DraftInfo], list[DraftInfo]]:
    """Returns the drafts of the prompt with unsaved content that other tabs are writing, and those whose tab is closed,
    each list newest first."""
    infos = [info for info in drafts.prompt_drafts_of(database(), opened.current().name) if info.kind == "draft"]
    others = [info for info in infos if info.id != opened.current().id]
    return [i for i in others if tabs.held_elsewhere(i.id)], [i for i in others if not tabs.held_elsewhere(i.id)]


def loadable() -> dict[str, float]:
    """Returns what `load` can show instead of the content on the screen, newest first: stored versions of the prompt
    and drafts (`DRAFT` and an id), with their times in seconds since 1970."""
    name = opened.current().name
    infos = [i for i in drafts.prompt_drafts_of(database(), name) if i.kind != "values" and i.id != opened.current().id]
    times = dict(plans.versions(database(), name)) | {DRAFT + info.id: info.updated for info in infos}
    return dict(sorted(times.items(), key=lambda item: item[1], reverse=True))


@one_at_a_time
@leaving_error(ERROR)
def load(version: str) -> None:
    """Shows a stored version of the prompt or a draft (see `loadable`), with Undo. The file changes only when the user
    saves."""
    name = opened.current().name
    if version.startswith(DRAFT):
        _show_instead("Loaded another draft.", lambda: opened.with_draft(name, version.removeprefix(DRAFT)))
        return
    content = fields_of(plans.prompt_at(database(), name, version))
    loaded = replace(opened.current(), draft=content, values=values_record(), id="", updated=None)
    _show_instead(f"Loaded the version {version[:6]}.", lambda: loaded)


@one_at_a_time
@leaving_error(ERROR)
def revert() -> None:
    """Shows the file instead of the draft, with Undo. A prompt that has no file leaves the list of prompts."""
    name = opened.current().name
    if library().etag(name) is not None:
        _show_instead("Discarded the changes.", lambda: replace(opened.from_file(name), values=values_record()))
        return
    before = _set_aside()
    del st.session_state["compose_opened"]
    st.query_params.pop("prompt", None)
    offer_undo(state.UNDO, f"Discarded {name}.", partial(_bring_back, name, before))
    close_popover()


@one_at_a_time
@leaving_error(ERROR)
def put_aside(draft_id: str) -> None:
    """Sets a draft aside whose tab is closed: it stays in the list of versions."""
    name, stored = opened.current().name, drafts.prompt_draft(database(), draft_id)
    if stored is not None and not tabs.held_elsewhere(draft_id):
        drafts.keep_prompt_draft(database(), draft_id, name, "aside", stored[1], stored[0].updated)


def _show_instead(text: str, load_other: Callable[[], opened.OpenPrompt]) -> None:
    """Sets the content on the screen aside, shows the other, and offers Undo with `text`. Raises PromptgridError, and
    then leaves everything as it was."""
    name, other = opened.current().name, load_other()
    before = _set_aside()
    opened.show(other)
    opened.unstored()[name] = other
    offer_undo(state.UNDO, text, partial(_bring_back, name, before))
    close_popover()


def _set_aside() -> str:
    """Stores the content on the screen as a draft that no tab opens by itself; returns its id, or "" if the content is
    that of the file. Raises StoreError."""
    prompt, content = opened.current(), state.fields()
    changed = content != prompt.start or prompt.etag is None
    now = (
        replace(prompt, draft=content, values=values_record()) if changed else replace(prompt, draft=None, values=None)
    )
    stored = opened.store(now, "aside")
    opened.unstored().pop(prompt.name, None)
    return stored.id


@one_at_a_time
def _bring_back(name: str, draft_id: str) -> None:
    """Shows the content again that was set aside as this draft; "" stands for the file."""
    last: opened.OpenPrompt | None = st.session_state.get("compose_opened")
    if last is not None and last.name == name:
        _set_aside()
    prompt = opened.with_draft(name, draft_id) if draft_id else replace(opened.from_file(name), values=values_record())
    opened.show(prompt)
    opened.unstored()[name] = prompt
    st.query_params["prompt"] = name
