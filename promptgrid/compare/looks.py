"""Counts the looks at two runs: how often their variants were compared before over fewer replies."""

from __future__ import annotations

from promptgrid.compare.facts import Facts
from promptgrid.store import Database
from promptgrid.store.across.looks import looks_before
from promptgrid.store.runs import RunInfo


def look_of_two_runs(database: Database, a: tuple[RunInfo, Facts], b: tuple[RunInfo, Facts]) -> int:
    """Returns how often the variants of two runs were compared so far, this time included; each run is given as (its
    record, its facts).

    Earlier looks at a run are earlier runs over fewer cases whose replies it reuses, and each addition of samples to
    it. An earlier run counts only if both runs, or earlier looks at them, existed by then: before that there was
    nothing to compare. The larger of the two runs' numbers counts.
    """
    created = [[*looks_before(database, info.id, 1), info.created] for info, _ in (a, b)]
    first = max(times[0] for times in created)
    return max(
        max(1, sum(time >= first for time in times)) + facts.extended
        for times, (_, facts) in zip(created, (a, b), strict=True)
    )
