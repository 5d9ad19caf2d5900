"""The matrix: cases down, variants across, one cell's answer at a glance. The heart of the Compare page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from promptgrid.ui.widgets.component import component

CellState = Literal["right", "wrong", "partly", "plain", "failed", "pending", "refused", "too_long", "none"]

# Beside the colour of the edge, for whoever cannot tell green from red.
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

_WORDS = {
    "label": "Answers: cases down, variants across",
    "differs": "differs from the baseline",
    "against": "against the baseline",
    "sort": "Sort by this column; once more turns the order round, a third time ends it",
    "unsort": "Back to the order of the cases",
    "empty": "No case matches.",
}


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """One variant. The first of `title_lines` is set off, the others share a line: ["few-shot", "t=0.7", "gpt-4o"].

    `mark` is a word beside the first ("baseline", "best"); `sorted` says how the rows are sorted by this column.
    """

    id: str
    title_lines: Sequence[str]
    summary: str = ""
    mark: str = ""
    sorted: Literal["", "ascending", "descending"] = ""


@dataclass(frozen=True, slots=True)
class Badge:
    """A difference against the baseline, in a word or two: "+12 tokens". The tone colours what is right or wrong."""

    text: str
    tone: Literal["", "good", "bad"] = ""


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """What a case got from a variant: the commonest `answer`, a line of the output, how many samples agree ("3 of 5"),
    and what the `others` said ("41 (2) · 40 (1)").

    `differs` marks an answer that is not the baseline's, `badges` say what else is not as it is there.
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
    """One case: `cells` in the order of the columns, one for each."""

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
) -> tuple[str, str] | None:
    """Draws the matrix and returns the selected (row id, column id), None where nothing shown is selected.

    `selected` is where the selection starts; once a cell was chosen by click or arrow keys, that goes first, and Esc
    clears it. From code it is moved by `st.session_state[key] = {"selected": [row_id, column_id]}` before the call.
    `height` is the most the matrix may take, in pixels: beyond it scrolls inside itself, header and first column
    staying. `find` names the key of the page's filter input, which `/` then focuses; `corner` says what the rows are.
    `on_sort` is called with the id of a column whose head was pressed, with "" for the corner; `on_turn` with row,
    column and +1 or -1 when the keys n and p (or j and k) lead beyond the last or the first row. All text is foreign
    text and shown as such.
    """
    data = {
        "corner": corner,
        "columns": [_column(column) for column in columns],
        "rows": [_row(row) for row in rows],
        "selected": _selection(st.session_state.get(key), selected),
        "height": height,
        "find": find,
        "sortable": on_sort is not None,
        "words": _WORDS,
    }

    def told(name: str, callback: Callable[..., None] | None) -> Callable[[], None]:
        def call() -> None:
            value = st.session_state[key].get(name)
            if callback is not None and value is not None:
                callback(*value) if isinstance(value, list) else callback(value)

        return call

    state = component("matrix")(
        key=key,
        data=data,
        on_selected_change=lambda: None,
        on_sort_change=told("sort", on_sort),
        on_turn_change=told("turn", on_turn),
    )
    pair = _selection(state, selected)
    if not pair or pair[0] not in {row.id for row in rows} or pair[1] not in {column.id for column in columns}:
        return None
    return pair[0], pair[1]


def _column(column: MatrixColumn) -> dict[str, Any]:
    lines, summary = list(column.title_lines), column.summary
    return {"id": column.id, "lines": lines, "summary": summary, "mark": column.mark, "arrow": column.sorted}


def _row(row: MatrixRow) -> dict[str, Any]:
    cells = [
        {
            "answer": cell.answer,
            "detail": "" if cell.detail.strip() == cell.answer.strip() else cell.detail,
            "tally": cell.tally,
            "state": cell.state,
            "word": STATE_WORDS[cell.state],
            "differs": cell.differs,
            "others": cell.others,
            "badges": [{"text": badge.text, "tone": badge.tone} for badge in cell.badges],
        }
        for cell in row.cells
    ]
    return {"id": row.id, "title": row.title, "sub": row.sub, "cells": cells}


def _selection(state: Any, start: tuple[str, str] | None) -> list[str]:
    """[row id, column id]; empty: nothing. A state without a selection has not been touched yet."""
    chosen = None if state is None else state.get("selected")
    return list(start or ()) if chosen is None else list(chosen)
