"""What the cells of a run take, and its sums by case.

Money counts whole: every call of a technique in several steps, and what lost and discarded calls may have cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from promptgrid.compare.aggregate import Bools, Longs
from promptgrid.compare.facts import Facts
from promptgrid.stats.intervals import Floats

CostUnit = Literal["usd", "tokens"]


@dataclass(frozen=True, eq=False)
class CaseSums:
    """Sums over some cells, with one entry per case: cost, correct answers and number of answers (0: all of its cells
    failed). `cells` are the answered cells behind them, `cases` the numbers of the cases."""

    cells: Longs
    cases: Longs
    cost: Floats
    correct: Floats
    answers: Floats

    @property
    def cost_and_score(self) -> tuple[float, float]:
        """The cost and the correct answers per answer; NaN where nothing is scored."""
        answers = float(self.answers.sum()) or np.nan
        return float(self.cost.sum()) / answers, float(self.correct.sum()) / answers


@dataclass(frozen=True, eq=False)
class Spending:
    """What each cell of the run took: its share of its call. `cost`, in `unit`, has its lost and discarded calls
    too."""

    facts: Facts
    unit: CostUnit
    cost: Floats
    share: Floats
    tokens: Floats

    @classmethod
    def of(cls, facts: Facts, lost: Mapping[int, tuple[float, int]], unit: CostUnit | None = None) -> Spending:
        """Returns the spending in `unit` (None: tokens if no cell costs money, else US dollars). `lost` has, by
        position of a cell, what its lost and discarded calls may have cost: (US dollars, tokens)."""
        share = 1 / np.nan_to_num(facts.batch, nan=1.0)
        tokens = facts.prompt_tokens * share + facts.completion_tokens
        # A cell without a reply has paid for its lost calls, and for the steps before the one that failed.
        usd, count = (np.where(facts.answered, cost, np.nan_to_num(cost)) for cost in (facts.cost_usd, tokens))
        for position, (lost_usd, lost_tokens) in lost.items():
            at = int(np.searchsorted(facts.position, position))
            if at < len(facts) and facts.position[at] == position:
                usd[at] += lost_usd
                count[at] += lost_tokens
        if unit is None:
            unit = "tokens" if np.nansum(usd) == 0 and not np.isnan(usd).any() else "usd"
        return cls(facts, unit, count if unit == "tokens" else usd, share, tokens)

    def by_case(self, cells: Longs, counts: Bools) -> CaseSums:
        """Returns the sums over these cells, for the cases that are scored or whose cells failed; copies of a case are
        one case. `counts` tells for each cell of the run whether it counts as an answer."""
        facts = self.facts
        answered = facts.answered[cells]
        case = facts.firsts[facts.case[cells]].astype(np.int64)
        scored = answered & counts[cells] & ~np.isnan(facts.score[cells])
        cases = np.unique(case[scored | (~answered & (self.cost[cells] > 0))])
        inside = np.isin(case, cases)
        cells, case, answered = cells[inside], case[inside], answered[inside]
        place, counted = np.searchsorted(cases, case), answered & counts[cells]
        right = counted & (facts.score[cells] == 1)

        def total(values: Floats) -> Floats:
            return np.bincount(place, weights=values, minlength=len(cases)).astype(np.float64)

        sums = (self.cost[cells], right.astype(np.float64), counted.astype(np.float64))
        return CaseSums(cells[answered], cases, *map(total, sums))
