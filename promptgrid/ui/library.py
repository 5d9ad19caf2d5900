"""The Library page: the prompts as a table, what can be done with one, what came from elsewhere, what was deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from promptgrid.cases.table import read_cases
from promptgrid.errors import LibraryError, PromptgridError
from promptgrid.humanize import ago
from promptgrid.library.files import SUFFIX, read
from promptgrid.library.folder import LibraryEntry
from promptgrid.techniques import TECHNIQUES, unavailable
from promptgrid.ui import links
from promptgrid.ui.server import library
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain

ROW_HEIGHT, HEADER_HEIGHT, MOST_ROWS = 36, 38, 17
DELETED_SHOWN = 50


def matching(entries: Sequence[LibraryEntry], words: str) -> list[LibraryEntry]:
    """The prompts that have every one of the words in name, description, tags or messages."""
    wanted = words.casefold().split()
    return [entry for entry in entries if all(word in _searched(entry) for word in wanted)]


def _searched(entry: LibraryEntry) -> str:
    prompt = entry.prompt
    if prompt is None:
        return f"{entry.name} broken".casefold()
    texts = (message.text for message in prompt.messages)
    return "\n".join([entry.name, prompt.description, *prompt.tags, *texts]).casefold()


def row(entry: LibraryEntry) -> dict[str, Any]:
    """One line of the table."""
    prompt = entry.prompt
    changed = datetime.fromtimestamp(entry.modified, UTC)
    if prompt is None:
        return {"name": entry.name, "description": f"Broken: {entry.error}", "changed": changed}
    return {
        "name": entry.name,
        "description": prompt.description,
        "tags": list(prompt.tags),
        "techniques": sum(not unavailable(prompt, technique) for technique in TECHNIQUES),
        "examples": len(prompt.examples),
        "version": prompt.version[:6],
        "changed": changed,
    }


def table(entries: Sequence[LibraryEntry]) -> LibraryEntry | None:
    """Draws the prompts; returns the one that is selected."""
    import pandas as pd

    columns = ["name", "description", "tags", "techniques", "examples", "version", "changed"]
    frame = pd.DataFrame([row(entry) for entry in entries], columns=columns)
    config = st.column_config
    shown = st.dataframe(
        frame,
        key=_table_key([entry.name for entry in entries]),
        hide_index=True,
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        row_height=ROW_HEIGHT,
        height=HEADER_HEIGHT + ROW_HEIGHT * min(len(entries), MOST_ROWS),
        column_config={
            "name": config.TextColumn(width=145),
            "description": config.TextColumn(width=408),
            "tags": config.ListColumn(width=170),
            "techniques": config.NumberColumn(width=90, help=f"How many of the {len(TECHNIQUES)} it can serve"),
            "examples": config.NumberColumn(width=78),
            "version": config.TextColumn(width=72),
            "changed": config.DatetimeColumn(width=127, format="distance"),
        },
    )
    selection: Any = shown
    picked = [*selection["selection"]["rows"], *(cell[0] for cell in selection["selection"].get("cells", ()))]
    return entries[picked[0]] if picked and picked[0] < len(entries) else None


def _table_key(names: list[str]) -> str:
    """Another list of prompts is another table: a selection is a row's number, and would be somebody else's now."""
    session = st.session_state
    if session.get("library_names") != names:
        session.library_names = names
        session.library_table_number = session.get("library_table_number", 0) + 1
    return f"library_table_{session.library_table_number}"


def actions(entry: LibraryEntry | None) -> None:
    """What can be done with the selected prompt."""
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


def details(entry: LibraryEntry) -> None:
    """What is wrong with a broken prompt; which techniques a good one can serve."""
    if entry.prompt is None:
        st.error(plain(entry.error))
        st.caption(f"Mend it in an editor: {plain(entry.path)}")
        with st.expander("The file"):
            st.code(read(entry.path).decode("utf-8", "replace"), language=None, line_numbers=True, height=320)
        return
    reasons = {technique: unavailable(entry.prompt, technique) for technique in TECHNIQUES}
    serves = ", ".join(technique for technique, reason in reasons.items() if not reason)
    lacks = [f"{technique}: {reason}" for technique, reason in reasons.items() if reason]
    st.caption(plain(" · ".join([f"Techniques: {serves}", *lacks])))


def uploads() -> None:
    """Takes in .prompty files; each is read before anything is written."""
    with st.popover("Import", key="library_import"):
        files = st.file_uploader(
            "Prompt files (.prompty)",
            type=[SUFFIX.removeprefix(".")],
            accept_multiple_files=True,
            key=f"library_files_{st.session_state.get('library_uploads', 0)}",
        )
        if files:
            st.button("Import them", key="library_import_now", on_click=_import, args=(files,))


def notices() -> None:
    """What the last action did, with its way back, or why it could not be done."""
    session = st.session_state
    for name, error in session.pop("library_errors", []):
        if name:
            st.caption(plain(name, limit=120))
        show_error(error)
    if done := session.pop("library_done", ""):
        st.success(plain(done))
    if undo := session.get("library_undo"):
        with st.container(horizontal=True, vertical_alignment="center", key="library_undo_row"):
            st.markdown(f"Deleted **{plain(undo[1])}**.", width="content")
            st.button("Undo", key="library_undo_delete", on_click=_restore, args=(undo[0],), type="tertiary")


def deleted() -> None:
    """The trash: every prompt in it can come back."""
    kept = library().trashed()
    if not kept:
        return
    with st.expander(f"Deleted ({len(kept)})"):
        for item in kept[:DELETED_SHOWN]:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.button("Restore", key=f"library_restore_{item.token}", on_click=_restore, args=(item.token,))
                st.markdown(f"{plain(item.name)} :gray[· {ago(item.deleted)}]", width="content")


def cases() -> None:
    """The sample tables, each with its rows and columns."""
    files = library().cases()
    if not files:
        return
    with st.expander(f"Cases ({len(files)} tables)"):
        rows = [_cases_row(path.name, path.stat().st_mtime_ns) for path in files]
        st.dataframe(rows, hide_index=True, column_config={"columns": st.column_config.TextColumn(width="large")})
        st.caption(plain(files[0].parent))


@st.cache_data(max_entries=200, show_spinner=False)
def _cases_row(name: str, changed: int) -> dict[str, Any]:
    try:
        found = read_cases(library().folder / "cases" / name)
    except PromptgridError as error:
        return {"table": name, "rows": None, "columns": f"Cannot be read: {error}"}
    return {"table": name, "rows": len(found.cases), "columns": ", ".join(found.columns)}


def _act(action: Callable[[], str], name: str = "") -> None:
    """Does it and keeps what to say: callbacks run before the page is drawn."""
    try:
        st.session_state.library_done = action()
    except PromptgridError as error:
        st.session_state.setdefault("library_errors", []).append((name, error))


def _duplicate(name: str) -> None:
    _act(lambda: f"{name} is copied to {library().duplicate(name)}.")


def _rename(old: str) -> None:
    new = str(st.session_state.get("library_new_name") or "").strip()

    def rename() -> str:
        if not new:
            raise LibraryError("The new name is empty.", hint="Type one.")
        library().rename(old, new)
        return f"{old} is now called {new.removesuffix(SUFFIX)}."

    _act(rename)


def _delete(name: str) -> None:
    def delete() -> str:
        st.session_state.library_undo = (library().delete(name), name)
        return ""

    _act(delete)


def _restore(token: str) -> None:
    st.session_state.pop("library_undo", None)
    _act(lambda: f"{library().restore(token)} is back.")


def _import(files: Sequence[Any]) -> None:
    done = []
    for file in files:
        # A browser may send a path; only its last part names the prompt.
        name = str(file.name).replace("\\", "/").rsplit("/", 1)[-1]
        try:
            done.append(library().add(name.removesuffix(SUFFIX), file.getvalue()))
        except PromptgridError as error:
            st.session_state.setdefault("library_errors", []).append((name, error))
    st.session_state.library_done = f"Imported {', '.join(done)}." if done else ""
    st.session_state.library_uploads = st.session_state.get("library_uploads", 0) + 1
