"""The fair comparison of a technique in several steps: a vote of self-consistency with as many tokens.

The replies are those of the run itself, or of a run that was started for this comparison (`runs.fair_for`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from promptgrid.compare.aggregate import Bools, Longs, voted
from promptgrid.compare.facts import Facts
from promptgrid.compare.facts import facts as facts_of
from promptgrid.compare.parts import by_check
from promptgrid.compare.variants import Variant
from promptgrid.compare.worth.sums import Spending
from promptgrid.grid import MAX_SAMPLES
from promptgrid.store import Database
from promptgrid.store.across.fair_runs import fair_runs
from promptgrid.store.attempts import lost_by_cell
from promptgrid.techniques import technique_calls, votes

TECHNIQUE = "self-consistency"
_SAME_REQUEST = (TECHNIQUE, "chain-of-thought")
_READ = 8  # linked runs


@dataclass(frozen=True, eq=False)
class EqualVote:
    """The first `samples` replies of self-consistency to each case that has as many. `cells` are their indices in the
    facts of `spending`, `counts` marks those that show a voted answer; both are empty if no case has as many."""

    spending: Spending
    samples: int
    cells: Longs
    counts: Bools


def linked_spendings(database: Database, spending: Spending) -> list[Spending]:
    """Returns what the cells of the newest runs took that were started as fair comparisons for this run."""
    own, linked = spending.facts, []
    for run in fair_runs(database, own.run_id)[:_READ]:
        facts = facts_of(database, run.id)
        if not own.check or own.check in facts.checks:
            facts = by_check(facts, own.check) if own.check else facts
            linked.append(Spending.of(facts, lost_by_cell(database, run.id), spending.unit))
    return linked


def strategy(facts: Facts, cells: Longs) -> Variant | None:
    """Returns the variant of these cells; None unless they all are of one variant, whose technique makes several
    calls."""
    variants = np.unique(facts.variant[cells])
    if len(variants) != 1:
        return None
    variant = facts.variants[int(variants[0])]
    return variant if technique_calls(variant.technique) > 1 else None


def equal_vote(variant: Variant, tokens: float, cases: Longs, sources: Sequence[Spending]) -> EqualVote | None:
    """Returns the vote over as many replies as `tokens`, the mean of the variant's cells, buy, for these cases: from
    the first source that has so many replies, else from the first one with any. None if none has."""
    each = list(_votes(variant, tokens, cases, sources))
    return next((vote for vote in each if len(vote.cells)), each[0] if each else None)


def _votes(variant: Variant, tokens: float, cases: Longs, sources: Sequence[Spending]) -> Iterator[EqualVote]:
    for spending in sources:
        facts = spending.facts
        rivals = [at for at, one in enumerate(facts.variants) if _differs_in_technique(one, variant)]
        for rival in sorted(rivals, key=lambda at: not votes(facts.variants[at].technique)):
            cells = np.flatnonzero((facts.variant == rival) & facts.answered & np.isin(facts.case, cases))
            a_reply = spending.tokens[cells].mean() if len(cells) else np.nan
            if not np.isnan(a_reply) and a_reply > 0:
                yield _vote(spending, cells, buys(tokens, float(a_reply)))


def _vote(spending: Spending, cells: Longs, samples: int) -> EqualVote:
    facts = spending.facts
    cells = cells[facts.sample[cells] < samples]
    _, place, counts = np.unique(facts.case[cells], return_inverse=True, return_counts=True)
    cells = cells[counts[place] >= samples]
    cases, place = np.unique(facts.case[cells], return_inverse=True)
    result = voted(place, np.ones(len(cells), dtype=np.bool_), facts.answer[cells], len(cases))
    shows = np.zeros(len(facts), dtype=np.bool_)
    shows[cells[result.representative]] = True
    return EqualVote(spending, samples, cells, shows)


def buys(tokens: float, a_reply: float) -> int:
    """Returns how many replies of `a_reply` tokens so many tokens buy: at least 1, at most as many as a plan takes."""
    return min(MAX_SAMPLES, max(1, round(tokens / a_reply)))


def _differs_in_technique(one: Variant, other: Variant) -> bool:
    return replace(one, technique=other.technique) == other and one.technique in _SAME_REQUEST
