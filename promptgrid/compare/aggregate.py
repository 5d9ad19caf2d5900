"""What some cells come to together: their vote, their score, their means. Arrays in, arrays out, group by group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promptgrid.compare.facts import Bools, Facts, Ints, Longs
from promptgrid.stats.intervals import Floats


@dataclass(frozen=True, eq=False)
class Votes:
    """By place: see Places. `shown` are places in the arrays that were given."""

    votes: Longs
    distinct: Longs
    voted: Longs
    shown: Longs


def voted(key: Longs, answered: Bools, answer: Ints, size: int) -> Votes:
    """The vote in each place over the answers that could be read; of equals the one seen first wins."""
    readable = np.flatnonzero(answered & (answer >= 0))
    width = int(answer.max(initial=0)) + 1
    pairs, first, counts = np.unique(key[readable] * width + answer[readable], return_index=True, return_counts=True)
    place, said = np.divmod(pairs, width)
    order = np.lexsort((first, -counts, place))
    winners = order[np.flatnonzero(np.diff(place[order], prepend=-1))]
    votes, voted = np.zeros(size, dtype=np.int64), np.full(size, -1, dtype=np.int64)
    shown = np.full(size, -1, dtype=np.int64)
    for some in (np.arange(len(key)), np.flatnonzero(answered)):  # the first cell, else; the first reply goes before
        places, at = np.unique(key[some], return_index=True)
        shown[places] = some[at]
    at = place[winners]
    votes[at], voted[at], shown[at] = counts[winners], said[winners], readable[first[winners]]
    return Votes(votes, np.bincount(place, minlength=size), voted, shown)


def entry_scores(facts: Facts, chosen: Longs, entry: Longs, size: int, score: Floats) -> Floats:
    """By entry (the samples of one case under one variant) the mean over its replies' scores, NaN: nothing was scored.

    Self-consistency is one answer made of many samples, so there the voted answer's score is the score.
    """
    answered = facts.answered[chosen]
    values = np.where(answered, score[chosen], np.nan)
    means = mean_by(values, entry, size)
    by_vote = np.array([variant.technique == "self-consistency" for variant in facts.variants], dtype=np.bool_)
    if by_vote.any():
        shown = voted(entry, answered, facts.answer[chosen], size).shown
        voting = by_vote[facts.variant[chosen][shown]]
        means[voting] = values[shown[voting]]
    return means


def mean_by(values: Floats, key: Longs | Ints, size: int) -> Floats:
    """By key (0 to size), the mean over what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    counts = np.bincount(key[known], minlength=size)
    sums = np.bincount(key[known], weights=values[known], minlength=size)
    means: Floats = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
    return means
