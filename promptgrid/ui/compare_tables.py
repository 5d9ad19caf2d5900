"""The comparison as plain tables: a summary per variant, and the matrix for whoever cannot use the component."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from promptgrid.compare.matrix import Matrix, MatrixCase
from promptgrid.compare.old_summary import VariantSummary
from promptgrid.ui import compare_cells
from promptgrid.ui.matrix import STATE_WORDS, MatrixCell


def summary_table(summaries: Sequence[VariantSummary]) -> None:
    """One line a variant, to be sorted by any column."""
    import pandas as pd

    checks = list(summaries[0].by_check) if summaries else []
    frame = pd.DataFrame([_line(found, checks) for found in summaries])
    st.dataframe(
        frame.dropna(axis="columns", how="all"), hide_index=True, placeholder="–", column_config=_column_config(checks)
    )


def _line(found: VariantSummary, checks: Sequence[str]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "variant": found.label,
        "answered": f"{found.answered:,} of {found.cells:,}",
        "unread": found.unread or None,
        "score": None if found.score is None else 100 * found.score,
        "scored": found.scored or None,
    }
    if len(checks) > 1:
        for check, (value, _) in found.by_check.items():
            line[f"score.{check}"] = None if value is None else 100 * value
    return line | {
        "distinct": found.distinct,
        "agreement": None if found.agreement is None else found.agreement * found.samples,
        "prompt_tokens": found.prompt_tokens,
        "completion_tokens": found.completion_tokens,
        "cost_usd": found.cost_usd,
        "latency_ms": found.latency_ms,
    }


def _column_config(checks: Sequence[str]) -> dict[str, Any]:
    column, number = st.column_config.TextColumn, st.column_config.NumberColumn
    return {
        "variant": column("Variant", width="medium", pinned=True),
        "answered": column("Answered", help="Replies that came, of all cells"),
        "unread": number("No answer read", help="Replies in which no answer could be read: they are not scored"),
        "score": number("Score", format="%.0f %%", help="Mean over the scored cases. Not scored is not zero."),
        "scored": number("of cases", help="Cases that were scored"),
        **{f"score.{check}": number(check, format="%.0f %%") for check in checks},
        "distinct": number("Distinct answers"),
        "agreement": number("Samples agree", format="%.1f", help="Replies per case that gave the commonest answer"),
        "prompt_tokens": number("Prompt tokens", format="%.0f", help="Mean per reply"),
        "completion_tokens": number("Reply tokens", format="%.0f", help="Mean per reply"),
        "cost_usd": number("Cost, US$", format="%.4f", help="Sum over the replies; empty where a price is not known"),
        "latency_ms": number("Latency, ms", format="%.0f", help="Median"),
    }


def matrix_table(matrix: Matrix, cases: Sequence[MatrixCase]) -> None:
    """The same rows and columns as the matrix, in words."""
    import pandas as pd

    heads = {v.id: matrix.label(v) for v in matrix.variants}
    lines = [
        {"case": row.title, "expected": case.expected or ""}
        | {heads[v.id]: _words(cell) for v, cell in zip(matrix.variants, row.cells, strict=True)}
        for case, row in zip(cases, compare_cells.rows(matrix, cases), strict=True)
    ]
    st.dataframe(pd.DataFrame(lines), hide_index=True, height=420)


def _words(cell: MatrixCell) -> str:
    marks = [cell.answer, cell.tally, STATE_WORDS[cell.state], "differs" if cell.differs else ""]
    return " · ".join(mark for mark in marks if mark)
