"""The tables of cases in the library."""

from __future__ import annotations

from typing import Any

import streamlit as st

from promptgrid.cases.table import read_cases
from promptgrid.errors import PromptgridError
from promptgrid.ui.server import library
from promptgrid.ui.widgets.plain import copied


def case_tables() -> None:
    """Lists the tables in the folder of cases, each with its number of rows and its columns."""
    files = library().cases()
    if not files:
        return
    with st.expander(f"Cases ({len(files)} tables)"):
        rows = [_row(path.name, path.stat().st_mtime_ns) for path in files]
        st.dataframe(rows, hide_index=True, column_config={"columns": st.column_config.TextColumn(width="large")})
        st.caption(copied(files[0].parent))


@st.cache_data(max_entries=200, show_spinner=False)
def _row(name: str, changed: int) -> dict[str, Any]:
    try:
        table = read_cases(library().folder / "cases" / name)
    except PromptgridError as error:
        return {"table": name, "rows": None, "columns": f"Cannot be read: {error}"}
    return {"table": name, "rows": len(table.cases), "columns": ", ".join(table.columns)}
