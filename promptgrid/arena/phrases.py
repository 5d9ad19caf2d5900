"""The sentences about a ranking, for the Judge page and the command line."""

from __future__ import annotations

from promptgrid.arena.standings import AgreementOfAll, Standings
from promptgrid.humanize import many
from promptgrid.stats import Interval

_BIAS_P = 0.05


def verdict(standings: Standings) -> str:
    """Returns a sentence that says whether the best variant is ahead of all others: its interval overlaps with none of
    theirs."""
    best, *others = standings.ranked
    rivals = [one for one in others if one.interval.high >= best.interval.low]
    if not rivals:
        return f"{best.label} is ahead of all others by more than chance explains."
    if len(rivals) == len(others):
        return "The votes do not distinguish the variants yet: the intervals overlap."
    return f"{best.label} leads, but is not distinguishable from {', '.join(one.label for one in rivals)} yet."


def notes(standings: Standings) -> list[str]:
    """Returns sentences on how to read the ranking and on which votes it leaves out."""
    lines = [
        f"By {many(standings.votes, 'vote')}, a tie as half a win for each (Bradley–Terry); 95 of 100 such intervals "
        "hold the true value."
    ]
    if standings.regularised:
        lines.append("A variant won or lost everything, or some never met: each was given half a win and half a loss.")
    skipped = [f"{many(standings.skipped, 'skip')} left out"] if standings.skipped else []
    skipped += [f"{many(standings.stale, 'vote')} on replies that are gone"] if standings.stale else []
    return [*lines, bias_words(standings), *([", ".join(skipped) + "."] if skipped else [])]


def agreement_words(agreement: AgreementOfAll) -> str:
    """Returns a sentence on how far all judges agree; "" if their agreement is not defined."""
    if agreement.alpha is None:
        return ""
    return (
        f"All {agreement.judges} judges together: Krippendorff's alpha {agreement.alpha:.2f} "
        "(1 is full agreement, 0 as by chance)."
    )


def bias_words(standings: Standings) -> str:
    """Returns a sentence on position bias: whether the votes prefer the replies shown on one side more than chance
    explains."""
    bias = standings.bias
    if bias.share is None or bias.interval is None or bias.p is None:
        return "Position bias: no vote preferred a side."
    share = f"{100 * bias.share:.0f} %, {in_percent(bias.interval)}"
    preferred = f"A was preferred in {bias.left} of {bias.decided} ({share})"
    sign = "the side seems to matter" if bias.p < _BIAS_P else "no more than by chance"
    return f"Position bias: {preferred}, {sign} (p = {bias.p:.2g})."


def in_percent(interval: Interval) -> str:
    """Formats an interval within 0 to 1 as `25–75 %`."""
    return f"{100 * interval.low:.0f}–{100 * interval.high:.0f} %"
