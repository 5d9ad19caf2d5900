"""The prompts of the library as a table, and what the selected one can be used for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import streamlit as st

from promptgrid.errors import LibraryError, PromptgridError
from promptgrid.humanize import ago
from promptgrid.library.files import read
from promptgrid.library.folder import LibraryEntry
from promptgrid.library.shipped import is_shipped
from promptgrid.library.versions import marks
from promptgrid.suggestions import did_you_mean
from promptgrid.techniques import TECHNIQUES, unavailable
from promptgrid.ui import links
from promptgrid.ui.server import library
from promptgrid.ui.widgets.component import component
from promptgrid.ui.widgets.feedback import file_notes, show_error
from promptgrid.ui.widgets.plain import copied, plain

TABLE = "library_table"
COLUMNS = (
    {"name": "name", "label": "Name", "kind": "short"},
    {"name": "description", "label": "Description", "kind": "wide"},
    {"name": "tags", "label": "Tags", "kind": "tags"},
    {"name": "techniques", "label": "Techniques", "kind": "number", "help": "How many techniques work with it"},
    {"name": "examples", "label": "Examples", "kind": "number"},
    {"name": "version", "label": "Version", "kind": "short"},
    {"name": "changed", "label": "Changed", "kind": "short when", "help": "Empty: as it comes with Promptgrid"},
)


def matching(entries: Sequence[LibraryEntry], words: str) -> list[LibraryEntry]:
    """Returns the prompts that contain each of the words in `words`: in their name, description, tags or messages."""
    folded = words.casefold().split()
    return [entry for entry in entries if all(word in _search_text(entry) for word in folded)]


def _search_text(entry: LibraryEntry) -> str:
    prompt = entry.prompt
    if prompt is None:
        return f"{entry.name} broken".casefold()
    texts = (message.text for message in prompt.messages)
    return "\n".join([entry.name, prompt.description, *prompt.tags, *texts]).casefold()


def unknown_prompt(entries: Sequence[LibraryEntry]) -> None:
    """If the address names a prompt that is not among the `entries` of the library, says so and what to do."""
    name, names = st.query_params.get("prompt", ""), [entry.name for entry in entries]
    if not name or name in names:
        return
    if any(item.name == name for item in library().trashed()):
        hint = "It was deleted: restore it under Deleted, at the end of the page."
    else:
        hint = f"{did_you_mean(name, names, '')} Select one in the table, or write it with New prompt.".strip()
    show_error(LibraryError(f'There is no prompt "{name}" in the library.', hint=hint))


def table(entries: Sequence[LibraryEntry]) -> LibraryEntry | None:
    """Draws the table of the prompts, whose names are links to Compose; returns the selected prompt, None if none is
    selected. The address holds the selection."""
    names = [entry.name for entry in entries]
    selected = st.query_params.get("prompt", "")
    selected = selected if selected in names else ""
    rows = [row(entry) for entry in entries]
    columns = [one for one in COLUMNS if one["name"] != "changed" or any(r["cells"]["changed"]["text"] for r in rows)]
    data = {"columns": columns, "rows": rows, "selected": selected, "label": "Prompts"}
    state = component("prompt_table")(key=TABLE, data=data, on_open_change=_nothing, on_selected_change=_select)
    if state.open:
        st.switch_page(links.COMPOSE, query_params={"prompt": state.open})
    return entries[names.index(selected)] if selected else None


def _nothing() -> None:
    pass


def _select() -> None:
    st.query_params["prompt"] = st.session_state[TABLE]["selected"]


def row(entry: LibraryEntry) -> dict[str, Any]:
    """Returns the prompt as a row of the table: the texts of its cells, and by what they are sorted."""
    prompt = entry.prompt
    values: dict[str, Any] = {"name": entry.name, "description": f"Broken: {entry.error}"}
    if prompt is not None:
        values |= {
            "description": prompt.description,
            "tags": ", ".join(prompt.tags),
            "techniques": sum(not unavailable(prompt, technique) for technique in TECHNIQUES),
            "examples": len(prompt.examples),
            "version": prompt.version[:6],
        }
    cells = {column["name"]: _cell(values.get(column["name"], "")) for column in COLUMNS}
    cells["changed"] = {"text": "" if is_shipped(entry) else ago(entry.modified), "order": entry.modified}
    if prompt is not None and (labels := _labels(entry.name, prompt.version)):
        cells["version"]["note"] = ", ".join(labels)
    return {
        "name": entry.name,
        "address": f"Compose?prompt={quote(entry.name, safe='')}",
        "broken": prompt is None,
        "cells": cells,
    }


def _cell(value: str | int) -> dict[str, Any]:
    return {"text": str(value), "order": value.casefold() if isinstance(value, str) else value}


def _labels(name: str, version: str) -> list[str]:
    try:
        return marks(library(), name).labels_of(version)
    except PromptgridError:
        return []  # the versions of the prompt show the error


def details(entry: LibraryEntry) -> None:
    """Shows the text and the error of a broken prompt. For any other prompt, lists the techniques that work with it,
    and why the others do not."""
    if entry.prompt is None:
        st.error(plain(entry.error))
        st.caption(f"Fix the file in an editor: {copied(entry.path)}")
        with st.expander("The file"):
            st.code(read(entry.path).decode("utf-8", "replace"), language=None, line_numbers=True, height=320)
        return
    reasons = {technique: unavailable(entry.prompt, technique) for technique in TECHNIQUES}
    available = ", ".join(technique for technique, reason in reasons.items() if not reason)
    others = [f"{technique}: {reason}" for technique, reason in reasons.items() if reason]
    st.caption(plain(" · ".join([f"Techniques: {available}", *others])))
    if entry.prompt.notes:
        file_notes(entry.prompt)
