"""The comparison as plain tables: a summary per column with what it is worth, and the matrix for whoever cannot use the
component or wants it elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from promptgrid.compare import VariantSummary
from promptgrid.export import markdown
from promptgrid.ui.compare.cells import interval_of
from promptgrid.ui.compare.facts import Fact, facts
from promptgrid.ui.compare.matrix import STATE_WORDS, MatrixCell, MatrixColumn, MatrixRow

MOST_COPIED = 1_000  # rows that are made one Markdown text
_FORMS = ("This page", "This page as Markdown", "All rows as Markdown")
_SENTENCES = 8  # comparisons that are read at once; more are folded away


def summary_table(summaries: Sequence[VariantSummary]) -> None:
    """One line a column, to be sorted by any figure."""
    import pandas as pd

    if not summaries:
        st.caption("There is nothing to sum up yet.")
        return
    checks = list(summaries[0].by_check)
    frame = pd.DataFrame([_line(found, checks) for found in summaries])
    st.dataframe(
        frame.dropna(axis="columns", how="all"), hide_index=True, placeholder="–", column_config=_column_config(checks)
    )


def _line(found: VariantSummary, checks: Sequence[str]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "variant": found.label,
        "best": "best" if found.best else None,
        "score": None if found.score is None else 100 * found.score,
        "interval": interval_of(found) or None,
        "scored": found.scored or None,
        "versus": None if found.versus is None else found.versus.verdict,
    }
    if len(checks) > 1:
        for check, (value, _) in found.by_check.items():
            line[f"score.{check}"] = None if value is None else 100 * value
    return line | {
        "answered": f"{found.answered:,} of {found.cells:,}",
        "unread": found.unread or None,
        "agreement": None if found.agreement is None else found.agreement * found.samples,
        "distinct": found.distinct,
        "chars": found.chars,
        "prompt_tokens": found.prompt_tokens,
        "completion_tokens": found.completion_tokens,
        "cost_usd": found.cost_usd,
        "cost_per_correct": found.cost_per_correct,
        "latency_ms": found.latency_ms,
        "latency_p95_ms": found.latency_p95_ms,
    }


def _column_config(checks: Sequence[str]) -> dict[str, Any]:
    column, number = st.column_config.TextColumn, st.column_config.NumberColumn
    return {
        "variant": column("Variant", width=280, pinned=True),
        "best": column("", help="Better than every other, and not by luck"),
        "score": number("Score", format="%.0f %%", help="Mean over the scored cases. Not scored is not zero."),
        "interval": column("95 % interval", help="With other cases of the same kind the score would be in here"),
        "scored": number("of cases", help="Cases that were scored"),
        "versus": column("vs baseline", help="Over the cases that both have a score for; said in full below"),
        **{f"score.{check}": number(check, format="%.0f %%") for check in checks},
        "answered": column("Answered", help="Replies that came, of all cells"),
        "unread": number("No answer read", help="Replies in which no answer could be read: they are not scored"),
        "agreement": number("Samples agree", format="%.1f", help="Replies per case that gave the commonest answer"),
        "distinct": number("Distinct answers"),
        "chars": number("Length", format="%.0f", help="Characters of a reply, mean"),
        "prompt_tokens": number("Prompt tokens", format="%.0f", help="Mean per reply"),
        "completion_tokens": number("Reply tokens", format="%.0f", help="Mean per reply"),
        "cost_usd": number("Cost, US$", format="%.4f", help="Sum over the replies; empty where a price is not known"),
        "cost_per_correct": number(
            "US$ per correct", format="%.5f", help="Cost over right answers; empty where none is right"
        ),
        "latency_ms": number("Latency p50, ms", format="%.0f", help="Median"),
        "latency_p95_ms": number("p95, ms", format="%.0f", help="19 of 20 replies took no longer"),
    }


def sentences(summaries: Sequence[VariantSummary]) -> None:
    """What each column's score says against the baseline's, in words, and whether one is the best."""
    said = [found for found in summaries if found.sentence]
    if not said:
        return
    lines = [Fact(found.versus.verdict if found.versus else "", "", found.sentence) for found in said]
    facts(lines[:_SENTENCES], key="compare_sentences")
    if len(lines) > _SENTENCES:
        with st.expander(f"{len(lines) - _SENTENCES} more", key="compare_more_sentences", on_change="rerun") as opened:
            if opened.open:
                facts(lines[_SENTENCES:], key="compare_sentences_more")
    if not any(found.best for found in summaries):
        st.caption("None is marked as the best: the evidence does not say so.")


def matrix_table(
    total: int,
    columns: Sequence[MatrixColumn],
    rows: Sequence[MatrixRow],
    corner: str,
    first: Callable[[int], Sequence[MatrixRow]],
) -> None:
    """The matrix in words: as a table, or as Markdown to copy, of this page or of the `first` of all `total` rows."""
    import pandas as pd

    form = st.segmented_control(
        "Form", _FORMS, default=_FORMS[0], required=True, key="compare_table_form", label_visibility="collapsed"
    )
    if form == _FORMS[0]:
        heads, lines = as_table(columns, rows, corner)
        st.dataframe(pd.DataFrame(lines, columns=pd.Index(heads)), hide_index=True, height=420)
        return
    if form == _FORMS[2]:
        rows = first(MOST_COPIED)
        if len(rows) < total:
            st.caption(f"The first {len(rows):,} of {total:,} rows; Export has them all.")
    st.code(markdown.table(*as_table(columns, rows, corner)), language=None, height=420)


def as_table(
    columns: Sequence[MatrixColumn], rows: Sequence[MatrixRow], corner: str
) -> tuple[list[str], list[list[str]]]:
    """(heads, lines) of the matrix as texts; heads are unique, as a table's have to be."""
    heads = [corner, "expected", *(" · ".join(column.title_lines) for column in columns)]
    for i, head in enumerate(heads):
        heads[i] = head if heads.index(head) == i else f"{head} ({i})"
    lines = [[row.title, row.sub.removeprefix("expected "), *map(_words, row.cells)] for row in rows]
    return heads, lines


def _words(cell: MatrixCell) -> str:
    marks = [cell.answer, cell.tally, STATE_WORDS[cell.state], "differs" if cell.differs else "", cell.others]
    return " · ".join(mark for mark in [*marks, *(badge.text for badge in cell.badges)] if mark)
