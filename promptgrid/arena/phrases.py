"""What the votes say, in plain words: for the page and the terminal."""

from __future__ import annotations

from promptgrid.arena.standings import AgreementOfAll, Standings
from promptgrid.humanize import many
from promptgrid.stats import Interval

_BIAS_P = 0.05


def verdict(found: Standings) -> str:
    """Whether the votes tell the best apart from the rest; two intervals that overlap do not."""
    best, *others = found.ranked
    level = [one for one in others if one.interval.high >= best.interval.low]
    if not level:
        return f"{best.label} is ahead of all others, by more than chance would explain."
    if len(level) == len(others):
        return "The votes do not tell the variants apart yet: the intervals overlap."
    return f"{best.label} leads, but is not told apart from {', '.join(one.label for one in level)} yet."


def notes(found: Standings) -> list[str]:
    """How to read the ranking, and what was left out of it."""
    lines = [
        f"By {many(found.votes, 'vote')}, a tie as half a win for each (Bradley–Terry); 95 of 100 such intervals "
        "hold the true value."
    ]
    if found.regularised:
        lines.append(
            "Some variant won or lost everything, or some never met: each was given half a win and half a loss."
        )
    skipped = [f"{many(found.skipped, 'skip')} left out"] if found.skipped else []
    skipped += [f"{many(found.stale, 'vote')} on replies that are gone"] if found.stale else []
    return [*lines, bias_words(found), *([", ".join(skipped) + "."] if skipped else [])]


def agreement_words(agreement: AgreementOfAll) -> str:
    """How far all judges agree; "" where that is not defined."""
    if agreement.alpha is None:
        return ""
    return (
        f"All {agreement.judges} judges together: Krippendorff's alpha {agreement.alpha:.2f} "
        "(1 is full agreement, 0 what chance would bring)."
    )


def bias_words(found: Standings) -> str:
    """Whether the side on the screen decided."""
    bias = found.bias
    if bias.share is None or bias.interval is None or bias.p is None:
        return "Position bias: nothing was decided."
    share = f"{100 * bias.share:.0f} %, {in_percent(bias.interval)}"
    seen = f"A was preferred in {bias.left} of {bias.decided} ({share})"
    sign = "the side seems to matter" if bias.p < _BIAS_P else "no more than chance would bring"
    return f"Position bias: {seen}, {sign} (p = {bias.p:.2g})."


def in_percent(interval: Interval) -> str:
    """`25–75 %`; the interval is from 0 to 1."""
    return f"{100 * interval.low:.0f}–{100 * interval.high:.0f} %"
