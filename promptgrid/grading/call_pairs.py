"""Pairs the calls of a model with the calls that a case expects, so that the pairs differ as little as possible."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from promptgrid.grading.argument_values import Leniency, Mismatch
from promptgrid.grading.expected_call import BAD_ARGUMENTS, OTHER_TOOL, ExpectedCall
from promptgrid.prompt import ToolCall

_COUNTED = 50  # differences of one pair, of which an explanation shows the first
_UNLIKE = {BAD_ARGUMENTS: 100.0, OTHER_TOOL: 1000.0}  # count more than all differences of arguments


class Pairs(NamedTuple):
    """For each expected call the index of its call (None: there are too few calls) and their differences, and the
    indices of the calls that are left over."""

    of: list[int | None]
    mismatches: list[list[Mismatch]]
    left: list[int]


def pair_calls(expected: Sequence[ExpectedCall], calls: Sequence[ToolCall], leniency: Leniency) -> Pairs:
    """Pairs the calls in any order with the fewest differences in all, by optimal assignment: a call that fits two
    expected calls is left for the one that nothing else fits. Raises Unscorable."""
    table = [[list(islice(one.mismatches(call, leniency), _COUNTED)) for call in calls] for one in expected]
    of = _assigned([[_cost(cell) for cell in row] for row in table])
    mismatches = [[] if at is None else row[at] for row, at in zip(table, of, strict=True)]
    return Pairs(of, mismatches, [i for i in range(len(calls)) if i not in of])


def _cost(mismatches: Sequence[Mismatch]) -> float:
    return sum(_UNLIKE.get(mismatch.status, 1.0) for mismatch in mismatches)


def _assigned(costs: list[list[float]]) -> list[int | None]:
    """Returns the column of each row in an assignment with the least sum of costs; None for a row without one."""
    if not costs or not costs[0]:
        return [None] * len(costs)
    if len(costs) == 1:
        return [min(range(len(costs[0])), key=costs[0].__getitem__)]
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs)
    pairs = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    return [pairs.get(row) for row in range(len(costs))]
