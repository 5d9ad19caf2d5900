"""Counts the looks at two runs: how often their variants were compared before over fewer replies."""

from __future__ import annotations

from promptgrid.compare.facts import Facts
from promptgrid.store import Database
from promptgrid.store.looks import looks_before
from promptgrid.store.runs import RunInfo


def look_of_two_runs(database: Database, a: tuple[RunInfo, Facts], b: tuple[RunInfo, Facts]) -> int:
    """Returns which look the comparison of two runs is, 1 for the first.

    Each run is given with its facts. It counts with the earlier runs over fewer cases whose replies it reuses, from the
    time on when there were two runs to compare, and with itself before samples were added to it. The run that was
    looked at more often decides.
    """
    created = [[*looks_before(database, info.id, 1), info.created] for info, _ in (a, b)]
    first = max(times[0] for times in created)
    return max(
        max(1, sum(time >= first for time in times)) + facts.extended
        for times, (_, facts) in zip(created, (a, b), strict=True)
    )
