"""The Export popover of the Compare page: saves the run, or the current view of it, as a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from promptgrid import paths
from promptgrid.errors import PromptgridError
from promptgrid.export.runs import BY_CASE, FileFormat, save_run, write_run
from promptgrid.humanize import many
from promptgrid.store import Database
from promptgrid.store.runs import RunInfo
from promptgrid.ui.widgets.downloads import Download, downloads
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.fields import buttons

_WIDTH = 380
DOWNLOAD_ROWS = 20_000  # a download is held in memory; larger exports are saved to a file

# form -> (label, end of the file's name, MIME type)
FORMS: dict[FileFormat, tuple[str, str, str]] = {
    "csv": ("CSV, one row per reply", ".csv", "text/csv"),
    "csv-wide": ("CSV, one row per case", "-wide.csv", "text/csv"),
    "csv-for-excel": ("CSV for Excel", "-excel.csv", "text/csv"),
    "xlsx": ("Excel workbook", ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "parquet": ("Parquet", ".parquet", "application/vnd.apache.parquet"),
    "jsonl": ("JSONL", ".jsonl", "application/x-ndjson"),
    "html": ("Report, one HTML file", ".html", "text/html"),
    "markdown": ("Markdown tables", ".md", "text/markdown"),
}
_BOUNDED: frozenset[FileFormat] = frozenset({"html", "markdown"})  # these files are small for a run of any size


def export_popover(database: Database, run: RunInfo, view: Sequence[int]) -> None:
    """Draws a button for each file format. `view` has the positions of the cells on the screen, in the order of the
    rows: a report lists the cases in this order."""
    with st.popover("Export"), st.container(width=_WIDTH):
        part = "all"
        if 0 < len(view) < run.total:
            names = {"all": f"Everything, {run.total:,}", "view": f"This view, {len(view):,}"}
            part = buttons("Replies", names, "compare_part", default="all")
        positions = list(view) if part == "view" else None
        as_shown = list(view) if positions or len(view) == run.total else None
        large = (len(view) if positions else run.total) > DOWNLOAD_ROWS
        for form in (form for form in FORMS if large and form not in _BOUNDED):
            _to_file(database, run, form, positions)
        forms = [form for form in FORMS if form in _BOUNDED or not large]
        files = [_file(database, run, form, as_shown if form in _BOUNDED else positions) for form in forms]
        downloads("compare", files, width="stretch")
        st.caption("In a CSV, a leading ' keeps a spreadsheet from running a text as a formula. The report has a "
                   "summary, charts and the first cases. It opens in any browser.")  # fmt: skip


def _file(database: Database, run: RunInfo, form: FileFormat, positions: Sequence[int] | None) -> Download:
    label, _, mime = FORMS[form]
    name, key = file_name(run, form), f"compare_download_{form}"
    return Download(label, lambda out: write_run(database, run.id, out, form, positions), name, mime, key)


def _to_file(database: Database, run: RunInfo, form: FileFormat, positions: Sequence[int] | None) -> None:
    if not st.button(f"{FORMS[form][0]}, save to disk", key=f"compare_save_{form}", width="stretch"):
        return
    total = len(positions) if positions else run.total
    bar = st.progress(0.0, text="Writing …")
    try:
        path = _exports_folder() / file_name(run, form)
        count = save_run(
            database, run.id, path, form, positions,
            lambda done: bar.progress(min(1.0, done / total), text=f"{done:,} of {total:,}"),
        )  # fmt: skip
    except PromptgridError as error:
        show_error(error)
        return
    finally:
        bar.empty()
    st.caption(f"Saved {many(count, 'case' if form in BY_CASE else 'row')} to")
    st.code(str(path), language=None, wrap_lines=True)


def _exports_folder() -> Path:
    folder = paths.data_folder() / "exports"
    with paths.writing(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def file_name(run: RunInfo, form: FileFormat) -> str:
    """Returns a file name in the format `form` from the name of the run, without unsafe characters, and its id."""
    name = re.sub(r"[^\w.-]+", "-", run.name)[:60].strip("-.") or "run"
    return f"{name}-{run.id}{FORMS[form][1]}"
