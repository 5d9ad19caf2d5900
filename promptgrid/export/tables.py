"""The small tables of workbooks, reports and Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptgrid.text import one_line, value_text

if TYPE_CHECKING:
    from promptgrid.compare import ComparisonRow, Head, PooledCell, VariantSummary

_ENDINGS: Mapping[str, str] = {
    "pending": "not answered yet",
    "failed": "failed",
    "refused": "refused",
    "too_long": "too long",
    "cancelled": "cancelled",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a name and headers; each row has one value per header: text, a number, a bool or None."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def summary_table(summaries: Sequence[VariantSummary]) -> Table:
    """Returns one row per variant with all figures of its summary: scores from 0 to 1, costs in US dollars."""
    checks = _checks(summaries)
    columns = [
        "variant", "cells", "answered", "no_answer_read", "scored_cases", "score", "score_low", "score_high",
        *(f"score.{check}" for check in checks), "best", "agreement", "pass_at_k", "k", "distinct_answers",
        "characters", "prompt_tokens", "completion_tokens", "cost_usd", "cost_per_correct_usd", "latency_ms_p50",
        "latency_ms_p95", "against_the_first",
    ]  # fmt: skip
    rows = [
        [
            s.label, s.cells, s.answered, s.unread, s.scored, s.score, s.interval and s.interval.low,
            s.interval and s.interval.high, *(s.by_check[check][0] for check in checks), s.best, s.agreement,
            s.pass_at_k, s.k or None, s.distinct, s.chars, s.prompt_tokens, s.completion_tokens, s.cost_usd,
            s.cost_per_correct, s.latency_ms, s.latency_p95_ms, s.sentence,
        ]
        for s in summaries
    ]  # fmt: skip
    return Table("summary", columns, rows)


def summary_words(summaries: Sequence[VariantSummary]) -> Table:
    """Returns the summary as a table of texts for readers: "53 %", "31 to 74 %". Columns in which nothing is known are
    left out."""
    checks = _checks(summaries)
    columns = [
        "Variant", "Answered", "Score", "95 % interval", "Cases scored", *checks, "Agreement", pass_at(summaries),
        "Distinct answers", "Characters", "Prompt → reply tokens", "Cost, US$", "Cost per correct, US$", "Latency, s",
        "Latency p95, s",
    ]  # fmt: skip
    rows = [
        [
            s.label, f"{s.answered:,} of {s.cells:,}", f"{percent(s.score)}{', best' if s.best else ''}",
            _interval(s), f"{s.scored:,}" if s.scored else "", *(percent(s.by_check[check][0]) for check in checks),
            percent(s.agreement), percent(s.pass_at_k), f"{s.distinct:,}", _number(s.chars, ",.0f"), _tokens(s),
            _number(s.cost_usd, ",.4f", "free"), _number(s.cost_per_correct or None, ",.5f"),
            _seconds(s.latency_ms), _seconds(s.latency_p95_ms),
        ]
        for s in summaries
    ]  # fmt: skip
    used = [at for at in range(len(columns)) if at < 2 or any(row[at] for row in rows)]
    return Table("Summary", [columns[at] for at in used], [[row[at] for at in used] for row in rows])


def pass_at(summaries: Sequence[VariantSummary]) -> str:
    """Returns the header of the column for pass@k, the chance that one of k replies is right, with its k: `pass@5`;
    `pass@k` if no k is known."""
    return f"pass@{next((s.k for s in summaries if s.k), 'k')}"


def matrix_words(heads: Sequence[Head], rows: Sequence[ComparisonRow]) -> Table:
    """Returns a table with one row for each of `rows` that is a case: its id and expected answer, for each of `heads`,
    the variants, a cell with the answer, how many samples gave it, and the verdict, and last its inputs."""
    table = [
        [row.id, one_line(row.case.expected or "")]
        + [cell_words(row.entries[head.id]) if head.id in row.entries else "" for head in heads]
        + [one_line(" · ".join(map(value_text, row.case.inputs.values())))]
        for row in rows
        if row.case
    ]
    return Table("Answers", ["Case", "Expected", *(head.label for head in heads), "Inputs"], table)


def cell_words(entry: PooledCell) -> str:
    """Returns the results in one row and column in one line: "mixed · 4 of 5 · right"."""
    return " · ".join(part for part in (answer_words(entry), tally_words(entry), verdict(entry)) if part)


def answer_words(entry: PooledCell) -> str:
    """Returns the voted answer in one line; if there is no reply, the status of the cells in words."""
    if entry.answered:
        return "no answer read" if entry.answer is None else one_line(entry.answer) or "empty answer"
    return _ENDINGS.get(entry.status, entry.status)


def tally_words(entry: PooledCell) -> str:
    """Returns how many samples gave the voted answer: "4 of 5"; "" for a single sample or without a reply."""
    if entry.samples < 2 or not entry.answered:
        return ""
    return (
        f"{entry.votes:,} of {entry.answered:,}" if entry.votes else f"{entry.answered:,} of {entry.samples:,} answered"
    )


def verdict(entry: PooledCell) -> str:
    """Returns the score in a word: `right` for 1 (`checks passed` if no answer was read), `wrong` for 0, a percentage
    in between, "" if nothing was scored."""
    if entry.score is None:
        return ""
    if entry.score == 1 and entry.is_unread:
        return "checks passed"
    return "right" if entry.score == 1 else "wrong" if entry.score == 0 else percent(entry.score)


def percent(share: float | None) -> str:
    """Returns a share from 0 to 1 as "53 %"; "" for None. It reads 100 or 0 only if the share is exactly 1 or 0."""
    if share is None:
        return ""
    rounded = int(100 * share + 0.5)  # as a browser rounds
    return f"{min(99, max(1, rounded)) if 0 < share < 1 else rounded} %"


def _checks(summaries: Sequence[VariantSummary]) -> list[str]:
    """Returns the names of the checks that get a column of their own: none for a single check, since its score stands
    in the column for the score."""
    checks = list(dict.fromkeys(check for summary in summaries for check in summary.by_check))
    return checks if len(checks) > 1 else []


def _interval(summary: VariantSummary) -> str:
    if summary.interval is None:
        return ""
    return f"{percent(summary.interval.low).removesuffix(' %')} to {percent(summary.interval.high)}"


def _tokens(summary: VariantSummary) -> str:
    prompt, reply = _number(summary.prompt_tokens, ",.0f"), _number(summary.completion_tokens, ",.0f")
    return f"{prompt} → {reply}" if prompt or reply else ""


def _seconds(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:,.2f}"


def _number(value: float | None, form: str, zero: str = "") -> str:
    return "" if value is None else format(value, form) if value or not zero else zero
