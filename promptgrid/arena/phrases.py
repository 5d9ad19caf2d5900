"""The sentences about a ranking, for the Judge page and the command line."""

from __future__ import annotations

from promptgrid.arena.orders import OrderBias
from promptgrid.arena.standings import AgreementOfAll, Standings
from promptgrid.humanize import many
from promptgrid.stats import Interval

_CHANCE = 0.05


def verdict(standings: Standings) -> str:
    """Returns a sentence that says whether the best variant is ahead of all others: by more than chance explains, after
    correction for the number of pairs of variants."""
    best, *others = standings.ranked
    rivals = [one for one in others if one.p >= _CHANCE]
    if not rivals:
        return f"{best.label} is ahead of all others by more than chance explains."
    if len(rivals) == len(others):
        return "The votes do not distinguish the variants yet."
    return f"{best.label} leads, but is not distinguishable from {', '.join(one.label for one in rivals)} yet."


def notes(standings: Standings) -> list[str]:
    """Returns sentences on how to read the ranking and on which votes it leaves out."""
    several = standings.pairs < standings.votes
    weighed = ", votes on the same pair weighed by how far they agree" if several else ""
    lines = [
        f"By {many(standings.votes, 'vote')} on {many(standings.pairs, 'pair')}, a tie as half a win for each"
        f" (Bradley–Terry){weighed}; 95 of 100 such intervals hold the true value."
    ]
    if standings.regularised:
        lines.append("A variant won or lost everything, or some never met: each was given half a win and half a loss.")
    skipped = [f"{many(standings.skipped, 'skip')} left out"] if standings.skipped else []
    skipped += [f"{many(standings.stale, 'vote')} on replies that are gone"] if standings.stale else []
    bias = [words] if (words := bias_words(standings)) else []
    return [*lines, *bias, *([", ".join(skipped) + "."] if skipped else [])]


def agreement_words(agreement: AgreementOfAll) -> str:
    """Returns a sentence on how far all judges agree; "" if their agreement is not defined."""
    if agreement.alpha is None:
        return ""
    return (
        f"All {agreement.judges} judges together: Krippendorff's alpha {agreement.alpha:.2f} "
        "(1 is full agreement, 0 as by chance)."
    )


def bias_words(standings: Standings) -> str:
    """Returns a sentence on position bias: whether the votes of people prefer the replies shown on one side more than
    chance explains; "" if there are no votes of people."""
    bias = standings.bias
    if not bias.decided + bias.ties:
        return ""
    if bias.share is None or bias.interval is None or bias.p is None:
        return "Position bias: no vote preferred a side."
    share = f"{100 * bias.share:.0f} %, {in_percent(bias.interval)}"
    preferred = f"A was preferred in {bias.left} of {bias.decided} ({share})"
    sign = "the side seems to matter" if bias.p < _CHANCE else "no more than by chance"
    return f"Position bias: {preferred}, {sign} (p = {bias.p:.2g})."


def order_bias_words(bias: OrderBias) -> str:
    """Returns a sentence on how often a model's preference changed with the order of the replies."""
    places = bias.places
    changed = f"changed with the order in {bias.changed} of {many(bias.pairs, 'pair')} ({100 * bias.share:.0f} %)"
    if places.p is None:
        return f"Position bias of {bias.judge}: its preference {changed}."
    second = places.decided - places.left
    sign = "the place seems to matter" if places.p < _CHANCE else "neither place more than by chance"
    return (
        f"Position bias of {bias.judge}: its preference {changed}: {places.left} times for the first place, {second}"
        f" times for the second, {sign} (p = {places.p:.2g})."
    )


def in_percent(interval: Interval) -> str:
    """Formats an interval within 0 to 1 as `25–75 %`."""
    return f"{100 * interval.low:.0f}–{100 * interval.high:.0f} %"
