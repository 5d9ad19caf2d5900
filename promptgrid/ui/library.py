"""The Library page: the prompts as a table, actions on one of them, the tables of cases, and the deleted prompts."""

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
from promptgrid.ui.widgets.feedback import file_notes, note_with_button, show_error
from promptgrid.ui.widgets.plain import plain

ROW_HEIGHT, HEADER_HEIGHT, MOST_ROWS = 36, 38, 17
DELETED_SHOWN = 50


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


def row(entry: LibraryEntry) -> dict[str, Any]:
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
    """Draws the table of the prompts and returns the selected one; None if none is selected."""
    import pandas as pd

    columns = ["name", "description", "tags", "techniques", "examples", "version", "changed"]
    frame = pd.DataFrame([row(entry) for entry in entries], columns=columns)
    config = st.column_config
    state: Any = st.dataframe(
        frame,
        key=_table_key([entry.name for entry in entries]),
        hide_index=True,
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        row_height=ROW_HEIGHT,
        height=HEADER_HEIGHT + ROW_HEIGHT * min(len(entries), MOST_ROWS),
        column_config={
            "name": config.TextColumn(width=145),
            "description": config.TextColumn(width=330),
            "tags": config.ListColumn(width=180),
            "techniques": config.NumberColumn(width=90, help=f"How many of the {len(TECHNIQUES)} techniques work"),
            "examples": config.NumberColumn(width=78),
            "version": config.TextColumn(width=72),
            "changed": config.DatetimeColumn(width=127, format="distance"),
        },
    )
    selection = state["selection"]
    numbers = [*selection["rows"], *(cell[0] for cell in selection.get("cells", ()))]
    return entries[numbers[0]] if numbers and numbers[0] < len(entries) else None


def _table_key(names: list[str]) -> str:
    """Returns the widget key for a table of these prompts. Another list gets another key, because a selection is only a
    row number."""
    session = st.session_state
    if session.get("library_names") != names:
        session.library_names = names
        session.library_table_number = session.get("library_table_number", 0) + 1
    return f"library_table_{session.library_table_number}"


def actions(entry: LibraryEntry | None) -> None:
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
    """Shows the text and the error of a broken prompt. For any other prompt, lists the techniques that work with it,
    and why the others do not."""
    if entry.prompt is None:
        st.error(plain(entry.error))
        st.caption(f"Fix the file in an editor: {plain(entry.path)}")
        with st.expander("The file"):
            st.code(read(entry.path).decode("utf-8", "replace"), language=None, line_numbers=True, height=320)
        return
    reasons = {technique: unavailable(entry.prompt, technique) for technique in TECHNIQUES}
    available = ", ".join(technique for technique, reason in reasons.items() if not reason)
    others = [f"{technique}: {reason}" for technique, reason in reasons.items() if reason]
    st.caption(plain(" · ".join([f"Techniques: {available}", *others])))
    if entry.prompt.notes:
        file_notes(entry.prompt)


def import_popover() -> None:
    """Draws the popover that adds .prompty files to the library. A file that cannot be read is not added."""
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
    """Shows the result of the last action, or its error, and offers to undo the last delete."""
    session = st.session_state
    for name, error in session.pop("library_errors", []):
        if name:
            st.caption(plain(name, limit=120))
        show_error(error)
    if done := session.pop("library_done", ""):
        st.success(plain(done))
    if undo := session.get("library_undo"):
        text, key = f"Deleted {plain(undo[1])}.", "library_undo_delete"
        note_with_button(text, "Undo", key=key, on_click=_restore, args=(undo[0],))


def deleted_prompts() -> None:
    trashed = library().trashed()
    if not trashed:
        return
    with st.expander(f"Deleted ({len(trashed)})"):
        for item in trashed[:DELETED_SHOWN]:
            text, key = f"{plain(item.name)} · {ago(item.deleted)}", f"library_restore_{item.token}"
            note_with_button(text, "Restore", key=key, on_click=_restore, args=(item.token,))


def case_tables() -> None:
    """Lists the tables in the folder of cases, each with its number of rows and its columns."""
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
        table = read_cases(library().folder / "cases" / name)
    except PromptgridError as error:
        return {"table": name, "rows": None, "columns": f"Cannot be read: {error}"}
    return {"table": name, "rows": len(table.cases), "columns": ", ".join(table.columns)}


def _act(action: Callable[[], str], name: str = "") -> None:
    """Runs the action of a callback, and stores the message that it returns, or its error, for `notices` to show. The
    error is shown with `name`, the prompt on which the action works ("": none)."""
    try:
        st.session_state.library_done = action()
    except PromptgridError as error:
        st.session_state.setdefault("library_errors", []).append((name, error))


def _duplicate(name: str) -> None:
    _act(lambda: f"Copied {name} to {library().duplicate(name)}.")


def _rename(old: str) -> None:
    new = str(st.session_state.get("library_new_name") or "").strip()

    def rename() -> str:
        if not new:
            raise LibraryError("The new name is empty.", hint="Type a name.")
        library().rename(old, new)
        return f"Renamed {old} to {new.removesuffix(SUFFIX)}."

    _act(rename)


def _delete(name: str) -> None:
    def delete() -> str:
        st.session_state.library_undo = (library().delete(name), name)
        return ""

    _act(delete)


def _restore(token: str) -> None:
    st.session_state.pop("library_undo", None)
    _act(lambda: f"Restored {library().restore(token)}.")


def _imported(name: str) -> str:
    notes = library().load(name)[0].notes
    return f"{name} (without: {' '.join(notes)})" if notes else name


def _import(files: Sequence[Any]) -> None:
    imported = []
    for file in files:
        # A browser may send a path. The last part of the path is the name of the prompt.
        name = str(file.name).replace("\\", "/").rsplit("/", 1)[-1]
        try:
            imported.append(_imported(library().add(name.removesuffix(SUFFIX), file.getvalue())))
        except PromptgridError as error:
            st.session_state.setdefault("library_errors", []).append((name, error))
    st.session_state.library_done = f"Imported {', '.join(imported)}." if imported else ""
    st.session_state.library_uploads = st.session_state.get("library_uploads", 0) + 1
