"""What can be done with prompts on the Library page: new, import, open, copy, rename, download, delete, restore."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from promptgrid.cases.table import read_cases
from promptgrid.errors import EncodingError, LibraryError, PromptgridError
from promptgrid.humanize import ago, many
from promptgrid.library.files import SUFFIX, read
from promptgrid.library.folder import LibraryEntry
from promptgrid.library.own_cases import TABLES, add_table
from promptgrid.store import plans
from promptgrid.ui import links
from promptgrid.ui.server import database, library
from promptgrid.ui.widgets.callbacks import close_popover
from promptgrid.ui.widgets.feedback import note_with_button, show_error
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo, undo_note

PAGE = "library"
DELETED_SHOWN = 50


def new_popover() -> str:
    """Draws the popover for a new prompt. Returns its name once the user has given one that is free, else ""."""
    with st.popover("New prompt", key="library_new"), st.form("library_new_form", border=False):
        name = str(st.text_input("Name of the new prompt", key="library_new_prompt") or "").strip()
        if not st.form_submit_button("Create", width="stretch"):
            return ""
        try:
            path = library().path(name)
            if path.exists():
                raise LibraryError(f"There is a prompt {path.stem!r} already.", hint="Choose another name.")
        except PromptgridError as error:
            show_error(error)
            return ""
        return path.stem


def import_popover() -> None:
    """Draws the popover that adds .prompty files and tables of cases to the library. A file that cannot be read is not
    added."""
    with st.popover("Import", key="library_import"):
        files = st.file_uploader(
            "Prompts (.prompty) and tables of cases",
            type=[SUFFIX.removeprefix("."), "txt", *(suffix.removeprefix(".") for suffix in TABLES)],
            accept_multiple_files=True,
            key=f"library_files_{st.session_state.get('library_uploads', 0)}",
        )
        if files:
            st.button("Import them", key="library_import_now", on_click=_import, args=(files,))


def actions(entry: LibraryEntry | None) -> None:
    """Draws the buttons that act on the selected prompt; they are disabled if none is selected (None)."""
    none = entry is None
    name = "" if entry is None else entry.name
    with st.container(horizontal=True, vertical_alignment="center", key="library_actions"):
        if st.button("Open", key="library_open", type="primary", disabled=none):
            st.switch_page(links.COMPOSE, query_params={"prompt": name})
        st.button("Duplicate", key="library_duplicate", disabled=none, on_click=_duplicate, args=(name,))
        with st.popover("Rename", key="library_rename", disabled=none), st.form("library_rename_form", border=False):
            st.text_input("New name", key="library_new_name")
            st.form_submit_button("Rename", on_click=_rename, args=(name,))
        st.download_button(
            "Download",
            data=b"" if entry is None else read(entry.path),
            file_name=f"{name}{SUFFIX}",
            mime="text/plain",
            key="library_download",
            disabled=none,
            on_click="ignore",
        )
        st.button("Delete", key="library_delete", disabled=none, on_click=_delete, args=(name,))
        st.caption(plain(name) if name else "Select a prompt in the table.", width="content")


def notices() -> None:
    """Shows the result of the last action, or its error, and offers to undo the last one that can be undone."""
    session = st.session_state
    for name, error in session.pop("library_errors", []):
        if name:
            st.caption(plain(name, limit=120))
        show_error(error)
    if done := session.pop("library_done", ""):
        st.success(plain(done))
    undo_note(PAGE)


def deleted_prompts() -> None:
    """Lists the deleted prompts, each with a button that restores it."""
    trashed = library().trashed()
    if not trashed:
        return
    with st.expander(f"Deleted ({len(trashed)})"):
        for item in trashed[:DELETED_SHOWN]:
            text, key = f"{plain(item.name)} · {ago(item.deleted)}", f"library_restore_{item.token}"
            note_with_button(text, "Restore", key=key, on_click=_restore, args=(item.token,))


def act(action: Callable[[], str], name: str = "") -> None:
    """Runs the action of a callback, and stores the message that it returns, or its error, for `notices` to show. The
    error is shown with `name`, the prompt or file on which the action works ("": none). Success closes the popover."""
    try:
        st.session_state.library_done = action()
        close_popover()
    except PromptgridError as error:
        st.session_state.setdefault("library_errors", []).append((name, error))


def _duplicate(name: str) -> None:
    act(lambda: f"Copied {name} to {library().duplicate(name)}.")


def _rename(old: str) -> None:
    new = str(st.session_state.get("library_new_name") or "").strip()

    def rename() -> str:
        if not new:
            raise LibraryError("The new name is empty.", hint="Type a name.")
        library().rename(old, new)
        plans.copy_versions(database(), old, library().path(new).stem)
        st.query_params["prompt"] = library().path(new).stem
        return f"Renamed {old} to {new.removesuffix(SUFFIX)}."

    act(rename)


def _delete(name: str) -> None:
    def delete() -> str:
        token = library().delete(name)
        st.query_params.pop("prompt", None)
        offer_undo(PAGE, f"Deleted {name}.", lambda: _restore(token))
        return ""

    act(delete)


def _restore(token: str) -> None:
    st.session_state.library_done = f"Restored {library().restore(token)}."


def _import(files: Sequence[Any]) -> None:
    imported = []
    for file in files:
        # A browser may send a path. The last part of the path is the name of the file.
        name = str(file.name).replace("\\", "/").rsplit("/", 1)[-1]
        add = _add_prompt if name.casefold().endswith(SUFFIX) else _add_table
        try:
            imported.append(add(name, file.getvalue()))
        except PromptgridError as error:
            st.session_state.setdefault("library_errors", []).append((name, error))
    close_popover()
    st.session_state.library_done = f"Imported {', '.join(imported)}." if imported else ""
    st.session_state.library_uploads = st.session_state.get("library_uploads", 0) + 1


def _add_prompt(name: str, data: bytes) -> str:
    added = library().add(name[: -len(SUFFIX)], data)
    notes = library().load(added)[0].notes
    return f"{added} (without: {' '.join(notes)})" if notes else added


def _add_table(name: str, data: bytes) -> str:
    try:
        rows = many(len(read_cases(data, name=name).cases), "row")
    except EncodingError:
        rows = "its encoding is asked for where it is used"
    return f"cases/{add_table(library().folder, name, data).name} ({rows})"
