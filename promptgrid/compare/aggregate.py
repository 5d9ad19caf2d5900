"""Cells pooled place by place: majority votes and means. Arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptgrid.stats.intervals import Floats

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Votes:
    """The majority vote in each place (see Places). `representative` holds indices of the arrays that were voted on."""

    votes: Longs
    distinct: Longs
    voted: Longs
    representative: Longs


def voted(key: Longs, answered: Bools, answer: Ints, size: int) -> Votes:
    """The vote in each place, 0 to `size`, over the answers that could be read; of equals the first in the arrays wins.

    `key` is the place of each cell.
    """
    readable = np.flatnonzero(answered & (answer >= 0))
    width = int(answer.max(initial=0)) + 1
    pairs, first, counts = np.unique(key[readable] * width + answer[readable], return_index=True, return_counts=True)
    place, code = np.divmod(pairs, width)
    order = np.lexsort((first, -counts, place))
    winners = order[np.flatnonzero(np.diff(place[order], prepend=-1))]
    votes, voted = np.zeros(size, dtype=np.int64), np.full(size, -1, dtype=np.int64)
    representative = np.full(size, -1, dtype=np.int64)
    for cells in (np.arange(len(key)), np.flatnonzero(answered)):  # a reply goes before a cell without one
        places, at = np.unique(key[cells], return_index=True)
        representative[places] = cells[at]
    at = place[winners]
    votes[at], voted[at], representative[at] = counts[winners], code[winners], readable[first[winners]]
    return Votes(votes, np.bincount(place, minlength=size), voted, representative)


def mean_by(values: Floats, key: Longs | Ints, size: int) -> Floats:
    """By key, 0 to `size`, the mean over the values that are not NaN; NaN where there are none."""
    known = ~np.isnan(values)
    counts = np.bincount(key[known], minlength=size)
    sums = np.bincount(key[known], weights=values[known], minlength=size)
    means: Floats = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
    return means


def mean_known(table: Floats) -> Floats:
    """By row, the mean over the values that are not NaN; NaN where there are none."""
    known = ~np.isnan(table)
    counts = known.sum(axis=1)
    sums = np.where(known, table, 0.0).sum(axis=1)
    means: Floats = np.divide(sums, counts, out=np.full(len(table), np.nan), where=counts > 0)
    return means


def known(value: float) -> float | None:
    """None for NaN."""
    return None if np.isnan(value) else float(value)
