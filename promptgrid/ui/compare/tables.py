"""The comparison as plain tables: a summary of each column, and the matrix as a table or Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from promptgrid.compare import VariantSummary
from promptgrid.export import markdown
from promptgrid.export.tables import pass_at
from promptgrid.ui.compare.cells import interval_of
from promptgrid.ui.compare.facts import Fact, facts
from promptgrid.ui.compare.matrix import STATE_WORDS, MatrixCell, MatrixColumn, MatrixRow

MOST_COPIED = 1_000  # rows in the Markdown text
_FORMS = ("This page", "This page as Markdown", "All rows as Markdown")
_SENTENCES = 8  # more are folded away


def summary_table(summaries: Sequence[VariantSummary]) -> None:
    """One line for each column of the matrix."""
    import pandas as pd

    if not summaries:
        st.caption("No replies yet.")
        return
    checks = list(summaries[0].by_check)
    frame = pd.DataFrame([_line(summary, checks) for summary in summaries])
    config = _column_config(checks, pass_at(summaries))
    st.dataframe(frame.dropna(axis="columns", how="all"), hide_index=True, placeholder="–", column_config=config)


def _line(summary: VariantSummary, checks: Sequence[str]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "variant": summary.label,
        "best": "best" if summary.best else None,
        "score": None if summary.score is None else 100 * summary.score,
        "interval": interval_of(summary) or None,
        "scored": summary.scored or None,
        "versus": None if summary.versus is None else summary.versus.verdict,
    }
    if len(checks) > 1:
        for check, (value, _) in summary.by_check.items():
            line[f"score.{check}"] = None if value is None else 100 * value
    return line | {
        "answered": f"{summary.answered:,} of {summary.cells:,}",
        "unread": summary.unread or None,
        "agreement": None if summary.agreement is None else summary.agreement * summary.samples,
        "pass_at_k": None if summary.pass_at_k is None else 100 * summary.pass_at_k,
        "distinct": summary.distinct,
        "chars": summary.chars,
        "prompt_tokens": summary.prompt_tokens,
        "completion_tokens": summary.completion_tokens,
        "cost_usd": summary.cost_usd,
        "cost_per_correct": summary.cost_per_correct,
        "latency_ms": summary.latency_ms,
        "latency_p95_ms": summary.latency_p95_ms,
    }


def _column_config(checks: Sequence[str], passes: str) -> dict[str, Any]:
    column, number = st.column_config.TextColumn, st.column_config.NumberColumn
    return {
        "variant": column("Variant", width=280, pinned=True),
        "best": column("", help="Better than every other by more than chance would explain"),
        "score": number(
            "Score", format="%.0f %%", help="Mean over the scored cases. Cases without a score do not count."
        ),
        "interval": column("95 % interval", help="The likely range of the score for other cases of the same kind"),
        "scored": number("of cases", help="Cases with a score"),
        "versus": column("vs baseline", help="Over the cases with a score in both; the sentence is below"),
        **{f"score.{check}": number(check, format="%.0f %%") for check in checks},
        "answered": column("Answered", help="Cells with a reply, of all cells"),
        "unread": number("No answer read", help="Replies without a readable answer. They have no score"),
        "agreement": number(
            "Samples agree", format="%.1f", help="Samples of a case that give its most frequent answer"
        ),
        "pass_at_k": number(
            passes, format="%.0f %%", help="Chance that at least one of this many samples of a case is right"
        ),
        "distinct": number("Distinct answers"),
        "chars": number("Length", format="%.0f", help="Mean number of characters of a reply"),
        "prompt_tokens": number("Prompt tokens", format="%.0f", help="Mean per reply"),
        "completion_tokens": number("Reply tokens", format="%.0f", help="Mean per reply"),
        "cost_usd": number("Cost, US$", format="%.4f", help="Sum over the replies; empty if a price is not known"),
        "cost_per_correct": number(
            "US$ per correct", format="%.5f", help="Cost divided by the number of right answers; empty if none is right"
        ),
        "latency_ms": number("Latency p50, ms", format="%.0f", help="Median"),
        "latency_p95_ms": number("p95, ms", format="%.0f", help="19 of 20 replies took no longer"),
    }


def sentences(summaries: Sequence[VariantSummary]) -> None:
    """Each column's score compared with the baseline's in words, and whether one column is the best."""
    compared = [summary for summary in summaries if summary.sentence]
    if not compared:
        return
    lines = [Fact(summary.versus.verdict if summary.versus else "", "", summary.sentence) for summary in compared]
    facts(lines[:_SENTENCES], key="compare_sentences")
    if len(lines) > _SENTENCES:
        with st.expander(f"{len(lines) - _SENTENCES} more", key="compare_more_sentences", on_change="rerun") as opened:
            if opened.open:
                facts(lines[_SENTENCES:], key="compare_sentences_more")
    if not any(summary.best for summary in summaries):
        st.caption("No column is marked as the best: the differences may be chance.")


def matrix_table(
    total: int,
    columns: Sequence[MatrixColumn],
    rows: Sequence[MatrixRow],
    corner: str,
    first_rows: Callable[[int], Sequence[MatrixRow]],
) -> None:
    """The matrix as a table, or as Markdown: this page, or the first of all `total` rows, read by `first_rows`."""
    import pandas as pd

    form = st.segmented_control(
        "Form", _FORMS, default=_FORMS[0], required=True, key="compare_table_form", label_visibility="collapsed"
    )
    if form == _FORMS[0]:
        heads, lines = as_table(columns, rows, corner)
        st.dataframe(pd.DataFrame(lines, columns=pd.Index(heads)), hide_index=True, height=420)
        return
    if form == _FORMS[2]:
        rows = first_rows(MOST_COPIED)
        if len(rows) < total:
            st.caption(f"The first {len(rows):,} of {total:,} rows. Export has all of them.")
    st.code(markdown.table(*as_table(columns, rows, corner)), language=None, height=420)


def as_table(
    columns: Sequence[MatrixColumn], rows: Sequence[MatrixRow], corner: str
) -> tuple[list[str], list[list[str]]]:
    """(heads, lines) of the matrix as texts. The heads are unique, as a dataframe needs them."""
    heads = [corner, "expected", *(" · ".join(column.title_lines) for column in columns)]
    for i, head in enumerate(heads):
        heads[i] = head if heads.index(head) == i else f"{head} ({i})"
    lines = [[row.title, row.sub.removeprefix("expected "), *map(_words, row.cells)] for row in rows]
    return heads, lines


def _words(cell: MatrixCell) -> str:
    marks = [cell.answer, cell.tally, STATE_WORDS[cell.state], "differs" if cell.differs else "", cell.others]
    return " · ".join(mark for mark in [*marks, *(badge.text for badge in cell.badges)] if mark)
