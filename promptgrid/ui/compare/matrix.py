"""The matrix of the Compare page, with a row for each case and a column for each variant, and its pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import streamlit as st

from promptgrid.ui.widgets.component import component

CellState = Literal["right", "wrong", "partly", "plain", "failed", "pending", "refused", "too_long", "none"]

# Shown beside the colour of the edge, for colour-blind readers.
STATE_WORDS: Mapping[CellState, str] = {
    "right": "right",
    "wrong": "wrong",
    "partly": "partly",
    "plain": "",
    "failed": "failed",
    "pending": "waiting",
    "refused": "refused",
    "too_long": "too long",
    "none": "",
}

MOST_ROWS, LEAST_ROWS = 40, 10  # of a page
_CELLS = 400  # of a page; a browser draws this many without a delay

_WORDS = {
    "label": "Answers: cases down, variants across",
    "differs": "differs from the baseline",
    "against": "against the baseline",
    "sort": "Sort by this column. Press again to reverse the order, and again to end it",
    "unsort": "Back to case order",
    "move": "Drag to move the column, or press Shift and an arrow key",
    "width": "Drag to change the width, or press Ctrl and an arrow key on the head. Double-click for the usual width",
    "empty": "No case matches.",
}


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """One variant. `title_lines` are texts like ["few-shot", "t=0.7", "gpt-4o"]: the first has a line of its own, the
    others share one.

    `mark` is a word beside the first line, such as "baseline" or "best". `sorted` is the direction in which the rows
    are sorted by this column ("": they are not).
    """

    id: str
    title_lines: Sequence[str]
    summary: str = ""
    mark: str = ""
    sorted: Literal["", "ascending", "descending"] = ""


@dataclass(frozen=True, slots=True)
class Badge:
    """A difference from the baseline in a few words, such as "+12 tokens". `tone` colours it as better ("good"), worse
    ("bad") or neither ("")."""

    text: str
    tone: Literal["", "good", "bad"] = ""


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """The result of a variant for a case: the most frequent `answer`, a line of the output (`detail`), how many samples
    agree (`tally`, such as "3 of 5"), and the other answers (`others`, such as "2 × 41 · 1 × 40").

    `state` colours the edge. `differs` is True if the baseline has another answer. `badges` are further differences
    from the baseline.
    """

    answer: str
    detail: str = ""
    tally: str = ""
    state: CellState = "plain"
    differs: bool = False
    others: str = ""
    badges: Sequence[Badge] = ()


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One case, with a cell for each column. `sub` is a second line below the title."""

    id: str
    title: str
    sub: str = ""
    cells: Sequence[MatrixCell] = ()


def matrix(
    key: str,
    *,
    columns: Sequence[MatrixColumn],
    rows: Sequence[MatrixRow],
    selected: tuple[str, str] | None = None,
    height: int = 560,
    find: str = "",
    corner: str = "case",
    on_sort: Callable[[str], None] | None = None,
    on_turn: Callable[[str, str, int], None] | None = None,
    on_move: Callable[[str, int], None] | None = None,
) -> tuple[str, str] | None:
    """Draws the matrix and returns the selected (row id, column id); None if no visible cell is selected.

    `selected` is the initial selection. The user selects a cell by click or arrow keys and clears the selection with
    Esc. Code selects a cell with `st.session_state[key] = {"selected": [row_id, column_id]}` before the call.

    Above `height` pixels the matrix scrolls under its header and first column. `find` is the key of the filter input
    that the key `/` focuses. `corner` is the heading of the rows. Text is shown literally.

    `on_sort` receives the id of the column whose head was pressed, or "" for the corner. `on_turn` receives row id,
    column id and +1 or -1 when the user moves past the last row (keys n, j) or the first row (keys p, k). `on_move`
    receives the id of a column and its new place, from 0, when the user drags its head, or moves it by Shift and an
    arrow key. The width of a column, which the user drags at the edge of its head, is kept in the browser.
    """
    data = {
        "corner": corner,
        "columns": [_column(column) for column in columns],
        "rows": [_row(row) for row in rows],
        "selected": _selection(st.session_state.get(key), selected),
        "height": height,
        "find": find,
        "sortable": on_sort is not None,
        "movable": on_move is not None,
        "words": _WORDS,
    }

    def handler(name: str, callback: Callable[..., None] | None) -> Callable[[], None]:
        def call() -> None:
            value = st.session_state[key].get(name)
            if callback is not None and value is not None:
                callback(*value) if isinstance(value, list) else callback(value)

        return call

    state = component("matrix")(
        key=key,
        data=data,
        on_selected_change=lambda: None,
        on_sort_change=handler("sort", on_sort),
        on_turn_change=handler("turn", on_turn),
        on_move_change=handler("move", on_move),
    )
    pair = _selection(state, selected)
    if not pair or pair[0] not in {row.id for row in rows} or pair[1] not in {column.id for column in columns}:
        return None
    return pair[0], pair[1]


def _column(column: MatrixColumn) -> dict[str, Any]:
    lines, summary = list(column.title_lines), column.summary
    return {"id": column.id, "lines": lines, "summary": summary, "mark": column.mark, "arrow": column.sorted}


def _row(row: MatrixRow) -> dict[str, Any]:
    return {"id": row.id, "title": row.title, "sub": row.sub, "cells": list(map(_cell, row.cells))}


def _cell(cell: MatrixCell) -> dict[str, Any]:
    return {
        "answer": cell.answer,
        "detail": "" if cell.detail.strip() == cell.answer.strip() else cell.detail,
        "tally": cell.tally,
        "state": cell.state,
        "word": STATE_WORDS[cell.state],
        "differs": cell.differs,
        "others": cell.others,
        "badges": [{"text": badge.text, "tone": badge.tone} for badge in cell.badges],
    }


def _selection(state: Any, start: tuple[str, str] | None) -> list[str]:
    """Returns the stored selection as [row id, column id]; [] for none. `start` applies until the user selects or
    clears a cell."""
    selected = None if state is None else state.get("selected")
    return list(start or ()) if selected is None else list(selected)


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
