"""Pools the cells of each place: majority votes and means. All functions take arrays and return arrays."""

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
    """The majority vote in each place of a table; a place is all cells in one row and one column. Every field has one
    entry per place.

    votes             the number of votes for the most common answer
    distinct          the number of distinct answers
    voted             the code of the most common answer; -1: there is none
    representative    the cell that shows it, as an index into the arguments of the function `voted`
    """

    votes: Longs
    distinct: Longs
    voted: Longs
    representative: Longs


def voted(key: Longs, answered: Bools, answer: Ints, size: int) -> Votes:
    """Returns the majority vote in each place of a table, numbered from 0 to `size` - 1. For each cell, `key` holds its
    place, `answered` whether it has a reply, and `answer` the code of its answer.

    Only answers that could be read (code 0 or more) have a vote; in a tie the answer that comes first in the arrays
    wins.
    """
    readable = np.flatnonzero(answered & (answer >= 0))
    width = int(answer.max(initial=0)) + 1
    pairs, first, counts = np.unique(key[readable] * width + answer[readable], return_index=True, return_counts=True)
    place, code = np.divmod(pairs, width)
    order = np.lexsort((first, -counts, place))
    winners = order[np.flatnonzero(np.diff(place[order], prepend=-1))]
    votes, voted = np.zeros(size, dtype=np.int64), np.full(size, -1, dtype=np.int64)
    representative = np.full(size, -1, dtype=np.int64)
    for cells in (np.arange(len(key)), np.flatnonzero(answered)):  # the second pass prefers cells with a reply
        places, at = np.unique(key[cells], return_index=True)
        representative[places] = cells[at]
    at = place[winners]
    votes[at], voted[at], representative[at] = counts[winners], code[winners], readable[first[winners]]
    return Votes(votes, np.bincount(place, minlength=size), voted, representative)


def mean_by(values: Floats, key: Longs | Ints, size: int) -> Floats:
    """Returns the mean of the values that share a key, for each key from 0 to `size` - 1; `key` has one entry per
    value. NaN values are ignored; a key without values has NaN."""
    known = ~np.isnan(values)
    counts = np.bincount(key[known], minlength=size)
    sums = np.bincount(key[known], weights=values[known], minlength=size)
    means: Floats = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
    return means


def mean_known(table: Floats) -> Floats:
    """Returns the mean of each row. NaN values are ignored; a row without values has NaN."""
    known = ~np.isnan(table)
    counts = known.sum(axis=1)
    sums = np.where(known, table, 0.0).sum(axis=1)
    means: Floats = np.divide(sums, counts, out=np.full(len(table), np.nan), where=counts > 0)
    return means


def most_gaps(key: Longs, position: Ints) -> int:
    """Returns the largest number of gaps of any key: a gap is where two successive positions of the cells with this key
    differ by more than 1. `key` and `position` have one entry per cell."""
    order = np.lexsort((position, key))
    gaps = (np.diff(key[order]) == 0) & (np.diff(position[order]) > 1)
    return int(np.bincount(key[order][1:][gaps]).max(initial=0))


def known(value: float) -> float | None:
    """Returns the value, or None if it is NaN."""
    return None if np.isnan(value) else float(value)
