"""What variants are worth, as a table of words and as sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from promptgrid.export.tables import Table, percent

if TYPE_CHECKING:
    from promptgrid.compare.worth import CostUnit, Worth
    from promptgrid.stats import Interval


def worth_words(worths: Sequence[Worth]) -> Table:
    """Returns one row per variant: calls, tokens, seconds and cost per answer, cost per correct answer with its 95 %
    interval, the price of one more correct answer than the first variant gives, and whether no other variant beats it.
    Columns in which nothing is known are left out."""
    unit = worths[0].unit if worths else "usd"
    of = "US$" if unit == "usd" else "tokens"
    columns = [
        "Variant", "Correct", "Calls", "Prompt tokens", "Reply tokens", "of it reasoning", "Seconds", f"Cost, {of}",
        f"Per correct answer, {of}", "95 % interval", f"Per further correct answer, {of}", "its 95 % interval",
        "On the front",
    ]  # fmt: skip
    rows = [
        [
            worth.head.label, f"{worth.correct:,} of {worth.answers:,}", _number(worth.calls, ",.1f"),
            _number(worth.prompt_tokens, ",.0f"), _number(worth.completion_tokens, ",.0f"),
            _number(worth.reasoning_tokens or None, ",.0f"), _number(worth.seconds, ",.2f"),
            amount(worth.cost, unit), amount(worth.per_correct, unit), _interval(worth.interval, unit),
            amount(worth.per_more, unit), _interval(worth.per_more_interval, unit), "yes" if worth.on_front else "",
        ]
        for worth in worths
    ]  # fmt: skip
    used = [at for at in range(len(columns)) if at < 2 or any(row[at] for row in rows)]
    return Table("Worth", [columns[at] for at in used], [[row[at] for at in used] for row in rows])


def fair_sentences(worths: Sequence[Worth]) -> list[str]:
    """Returns for each technique in several steps how a vote over as many tokens does, or that the run has too few
    samples to say it."""
    sentences = []
    for worth in worths:
        if worth.fair is None:
            continue
        vote = f"For the tokens of {worth.head.label}, self-consistency votes over {worth.fair.samples:,} replies"
        if worth.fair.score is None:
            sentences.append(f"{vote}: the run has too few samples of it.")
        else:
            sentences.append(f"{vote} and scores {percent(worth.fair.score)}.")
    return sentences


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
