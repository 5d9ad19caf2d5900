"""Conversion of a comparison to the columns and rows of the matrix component, in pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from promptgrid.compare import ComparisonRow, ComparisonRows, Metric, PooledCell, VariantSummary
from promptgrid.export.tables import percent
from promptgrid.humanize import dollars, latency, many
from promptgrid.text import one_line, value_text
from promptgrid.ui.compare.matrix import Badge, CellState, MatrixCell, MatrixColumn, MatrixRow
from promptgrid.ui.widgets.summary_table import interval_of

_HEAD = 34  # characters of a long answer on the first line; the rest goes below
_OTHERS = 2  # answers that fit in a cell beside the most frequent one
_PLAIN: tuple[Metric, ...] = ("tokens", "cost", "latency", "length")
# Metric -> (least difference, least share of the baseline's value) for a badge. The latency of a single reply is mostly
# the time it waited in a queue.
_NOTABLE: Mapping[Metric, tuple[float, float]] = {"tokens": (1, 0.1), "cost": (5e-7, 0.1), "latency": (100, 0.5)}

STATES: dict[str, CellState] = {
    "pending": "pending",
    "failed": "failed",
    "refused": "refused",
    "too_long": "too_long",
    "cancelled": "none",
}


def matrix_columns(comparison: ComparisonRows, summaries: Sequence[VariantSummary]) -> list[MatrixColumn]:
    """Returns a column of the matrix for each variant on the screen. `summaries` has the summary of each, in the same
    order. The first of several columns is the baseline."""
    sort, has_baseline = comparison.view.sort, len(comparison.columns) > 1
    return [
        MatrixColumn(
            head.id,
            head.lines,
            column_summary(summary),
            mark=" · ".join([*(["baseline"] if has_baseline and i == 0 else []), *(["best"] if summary.best else [])]),
            sorted=("descending" if sort.descending else "ascending")
            if sort.by != "case" and sort.column == head.id
            else "",
        )
        for i, (head, summary) in enumerate(zip(comparison.columns, summaries, strict=True))
    ]


def column_summary(summary: VariantSummary) -> str:
    """Returns the text below a column's title, such as "53 % (41–65) · 68 % agreement": the score with its 95 %
    interval, how many replies could not be read, and the mean share of a case's samples that have the same answer.
    Without a score it begins with the number of answered cells."""
    if summary.answered < summary.cells and not summary.scored:
        return f"{summary.answered:,} of {summary.cells:,} answered"
    parts = [f"{summary.answered:,} answered"]
    if summary.score is not None:
        parts = [
            f"{percent(summary.score)} ({interval})" if (interval := interval_of(summary)) else percent(summary.score)
        ]
    if summary.unread:
        parts.append(f"{summary.unread:,} of {summary.answered:,} unread")
    if summary.agreement is not None:
        parts.append(f"{percent(summary.agreement)} agreement")
    return " · ".join(parts)


def matrix_rows(comparison: ComparisonRows, page: Sequence[ComparisonRow]) -> list[MatrixRow]:
    return [
        MatrixRow(row.id, row_title(row), _expected(row), [_cell(row.entries.get(h.id)) for h in comparison.columns])
        for row in page
    ]


def row_title(row: ComparisonRow) -> str:
    """Returns the title of a row in one line: the id and the inputs of its case, or its label if the row is not a
    case."""
    return one_line(row.head.label) if row.case is None else case_title(row.case.case_id, row.case.inputs)


def case_title(case_id: str, inputs: Mapping[str, Any]) -> str:
    """Returns the id and the inputs of the case in one line."""
    return one_line(f"{case_id} {' · '.join(map(value_text, inputs.values()))}")


def _expected(row: ComparisonRow) -> str:
    if row.case is None:
        return ""
    changed = " · changed" if row.case.changed else ""
    return f"expected {one_line(row.case.expected)}{changed}" if row.case.expected is not None else changed[3:]


def _cell(entry: PooledCell | None) -> MatrixCell:
    if entry is None:
        return MatrixCell("", state="none")
    if not entry.answered:
        return _unanswered(entry)
    if entry.cases > 1:
        return _pooled(entry)
    answer, detail = _texts(entry)
    return MatrixCell(
        answer=answer,
        detail=detail,
        tally=_tally(entry),
        state=state_of(entry),
        differs=entry.differs,
        others=_others(entry),
        badges=badges(entry),
    )


def state_of(entry: PooledCell) -> CellState:
    """Returns the state that colours the edge of the cell. The score decides it for an answered cell: right, wrong or
    partly, or plain without a score. If no answer was read, passed checks make it partly right: the check of the answer
    has no score. The status decides the state of any other cell."""
    if not entry.answered:
        return STATES[entry.status]
    state = score_state(entry.score)
    return "partly" if state == "right" and entry.is_unread else state


def score_state(score: float | None) -> CellState:
    if score is None:
        return "plain"
    return "right" if score == 1 else "wrong" if score == 0 else "partly"


def _unanswered(entry: PooledCell) -> MatrixCell:
    answer = "cancelled" if entry.status == "cancelled" else ""
    count = many(entry.samples, "sample") if entry.samples > 1 else ""
    return MatrixCell(answer, one_line(entry.error), count, STATES[entry.status])


def _pooled(entry: PooledCell) -> MatrixCell:
    """Returns the cell of the matrix for an entry with several cases. These have no common answer, so the cell shows
    their mean score."""
    answer = percent(entry.score) or f"{entry.answered:,} answered"
    agreement = "" if entry.agreement is None else f"{percent(entry.agreement)} agreement"
    return MatrixCell(answer, agreement, f"of {many(entry.cases, 'case')}", "plain", badges=badges(entry))


def figures(entry: PooledCell) -> list[tuple[str, str]]:
    """Returns (name, value) pairs on a cell, such as ("score", "53 %"): means over its cases, and the differences from
    the baseline."""
    parts = [
        ("score", percent(entry.score)),
        ("answered", f"{entry.answered:,} of {entry.samples:,}"),
        ("agreement", percent(entry.agreement)),
        *((name, in_words(name, entry.metrics[name])) for name in _PLAIN if name in entry.metrics),
    ]
    return [*parts, ("to the baseline", ", ".join(badge.text for badge in badges(entry)))]


def _texts(entry: PooledCell) -> tuple[str, str]:
    """Returns (first line, text below it) for a cell: its answer and the output, or only the output if no answer was
    read."""
    if entry.answer is None:
        return "no answer read" if entry.output.strip() else "empty reply", one_line(entry.output)
    answer, output = one_line(entry.answer), one_line(entry.output)
    if len(answer) <= _HEAD:
        return answer, output
    head = answer[:_HEAD].rpartition(" ")[0] or answer[:_HEAD]
    return head, answer[len(head) :].strip()


def _tally(entry: PooledCell) -> str:
    """Returns how many samples have the cell's answer, and how many have no reply: "2 of 5", or "2 of 4, 1 missing". ""
    if there is only one sample."""
    if entry.samples == 1:
        return ""
    votes = f"{entry.votes} of {entry.answered}"
    return votes if entry.answered == entry.samples else f"{votes}, {entry.samples - entry.answered} missing"


def _others(entry: PooledCell) -> str:
    """Returns the less frequent answers of a cell with their counts, such as "2 × negative · 1 × mixed · 3 more". Only
    the first few are named."""
    if entry.answer is None:
        return ""
    others = [tally for tally in entry.tallies if tally.answer != entry.answer]
    texts = [f"{t.count} × {'no answer' if t.answer is None else one_line(t.answer)[:_HEAD]}" for t in others[:_OTHERS]]
    rest = entry.distinct - 1 - sum(t.answer is not None for t in others[:_OTHERS])
    return " · ".join([*texts, *([f"{rest} more"] if rest > 0 else [])])


def badges(entry: PooledCell) -> list[Badge]:
    """Returns a badge for each difference of the cell from the baseline: for any in the score, and for large ones in
    tokens, cost and latency."""
    differences = [score_badge(delta)] if (delta := entry.delta.get("score")) else []
    for name, (least, share) in _NOTABLE.items():
        delta, value = entry.delta.get(name, 0.0), entry.metrics.get(name, 0.0)
        if abs(delta) >= max(least, share * abs(value - delta)):
            differences.append(Badge(f"{'−' if delta < 0 else '+'}{in_words(name, abs(delta))}"))
    return differences


def in_words(metric: Metric, value: float) -> str:
    """Returns the value of a metric with its unit, such as "12 tokens", "$0.0003", "0.21 s" (from milliseconds) or "950
    characters"."""
    if metric == "cost":
        return f"${value:.6f}" if 0 < value < 1e-3 else dollars(value) if value else "free"
    if metric == "latency":
        return latency(value)
    return f"{value:,.0f} {'characters' if metric == 'length' else metric}"


def score_badge(delta: float) -> Badge:
    """Returns the badge for a difference in score (0 to 1), such as "+50 points"."""
    return Badge(f"{'−' if delta < 0 else '+'}{abs(100 * delta):.0f} points", "good" if delta > 0 else "bad")
