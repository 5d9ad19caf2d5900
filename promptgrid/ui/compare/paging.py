"""The pages of the matrix: how many rows each has, and which is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

MOST_ROWS, LEAST_ROWS = 40, 10  # of a page
_CELLS = 400  # of a page; a browser draws this many without a delay


@dataclass(frozen=True, slots=True)
class Pages:
    """The division of `total` rows into pages of `rows` rows. `current` is the current page, counted from 1."""

    total: int
    rows: int
    current: int

    @property
    def count(self) -> int:
        return max(1, -(-self.total // self.rows))

    @property
    def start(self) -> int:
        """Returns the index, from 0, of the first row of the current page."""
        return (self.current - 1) * self.rows


def page_rows(columns: int) -> int:
    """Returns how many rows a page has if the matrix has this number of columns: more columns, fewer rows."""
    return max(LEAST_ROWS, min(MOST_ROWS, _CELLS // max(1, columns)))


def pages_of(total: int, columns: int) -> Pages:
    """Returns the pages of a matrix with `total` rows and this number of columns. The current page is the selected one,
    or the last if there are fewer."""
    pages = Pages(total, page_rows(columns), 1)
    requested = st.session_state.get("compare_page") or 1
    current = min(max(1, requested), pages.count)
    if current != requested:
        st.session_state["compare_page"] = current
    return replace(pages, current=current)
