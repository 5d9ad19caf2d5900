"""What variants are worth, as a table of words and as sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from promptgrid.export.tables import Table

if TYPE_CHECKING:
    from promptgrid.compare.worth import CostUnit, Worth
    from promptgrid.stats import Interval


def worth_words(worths: Sequence[Worth]) -> Table:
    """Returns one row per variant, and below it one (↳) of self-consistency for as many tokens, if it is a technique in
    several steps that was compared: calls, tokens, seconds and cost per answer, cost per correct answer with its 95 %
    interval, the price of one more correct answer than the first variant gives, and whether no other variant beats it.
    Columns in which nothing is known are left out."""
    unit = worths[0].unit if worths else "usd"
    of = "US$" if unit == "usd" else "tokens"
    columns = [
        "Variant", "Correct", "Calls", "Prompt tokens", "Reply tokens", "of it reasoning", "Seconds", f"Cost, {of}",
        f"Per correct answer, {of}", "95 % interval", f"Per further correct answer, {of}", "its 95 % interval",
        "On the front",
    ]  # fmt: skip
    rows = [row for worth in worths for row in _rows(worth)]
    used = [at for at in range(len(columns)) if at < 2 or any(row[at] for row in rows)]
    return Table("Worth", [columns[at] for at in used], [[row[at] for at in used] for row in rows])


def _rows(worth: Worth) -> list[list[str]]:
    """Returns the row of the variant, and below it, if there is one, that of its fair comparison."""
    vote = worth.fair and worth.fair.worth
    return [_row(worth, worth.head.label), *([_row(vote, f"↳ {vote.head.label}")] if vote else ())]


def _row(worth: Worth, label: str) -> list[str]:
    unit = worth.unit
    return [
        label, f"{worth.correct:,} of {worth.answers:,}", _number(worth.calls, ",.1f"),
        _number(worth.prompt_tokens, ",.0f"), _number(worth.completion_tokens, ",.0f"),
        _number(worth.reasoning_tokens or None, ",.0f"), _number(worth.seconds, ",.2f"),
        amount(worth.cost, unit), amount(worth.per_correct, unit), _interval(worth.interval, unit),
        amount(worth.per_more, unit), _interval(worth.per_more_interval, unit), "yes" if worth.on_front else "",
    ]  # fmt: skip


def fair_sentence(worth: Worth) -> str:
    """Returns what the fair comparison of a technique in several steps still lacks; "" if it lacks nothing, and for a
    technique that makes one call."""
    fair = worth.fair
    if fair is None or fair.worth is not None:
        return ""
    votes = "a vote of self-consistency" if fair.samples is None else f"{fair.samples:,} votes of self-consistency"
    return f"For the tokens of {worth.head.label} there are too few replies for {votes}."


def amount(value: float | None, unit: CostUnit) -> str:
    """Returns a cost as text: US dollars with three significant digits, tokens as whole numbers; "" for None."""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "no limit"
    return f"{value:,.3g}" if unit == "usd" else f"{value:,.0f}"


def _interval(interval: Interval | None, unit: CostUnit) -> str:
    if interval is None:
        return ""
    if math.isinf(interval.high):
        return "no limit" if math.isinf(interval.low) else f"{amount(interval.low, unit)} or more"
    return f"{amount(interval.low, unit)} to {amount(interval.high, unit)}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
