"""Finds the earlier runs whose comparison a run repeats with more cells: each was a look at the same replies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from promptgrid.prompt.parameters import AXIS_COLUMNS
from promptgrid.store.database import Database
from promptgrid.store.schema import cells, runs

_VARIANT = ("prompt", "prompt_version", "technique", "endpoint", "model", *AXIS_COLUMNS)
_Variant = tuple[Any, ...]  # of the columns in _VARIANT


def looks_before(database: Database, run_id: str, variants: int) -> list[float]:
    """Returns the times (seconds since 1970) at which the earlier looks at this run's comparison were created, oldest
    first.

    An earlier look is an older run of which this run reuses replies in at least `variants` variants, and which has
    fewer cells than this run in one of these variants. Earlier runs with equally many cells in these variants are one
    look, as of the oldest. Runs that were removed permanently are not counted.
    """
    with database.read() as connection:
        shared = _shared(connection, run_id)
        earlier = {other: names for other, names in shared.items() if len(names) >= variants}
        sizes = {one: _cells_by_variant(connection, one) for one in (run_id, *earlier)} if earlier else {}
        times = connection.execute(sa.select(runs.c.id, runs.c.created).where(runs.c.id.in_(sizes)))
        created: dict[str, float] = dict(times.all())
    looks: dict[int, float] = {}
    for other, names in earlier.items():
        before = {name: _size(sizes[other], name, theirs) for name, theirs in names.items()}
        if created[other] < created[run_id] and any(size < sizes[run_id][name] for name, size in before.items()):
            size = sum(before.values())
            looks[size] = min(created[other], looks.get(size, created[other]))
    return sorted(looks.values())


def _size(sizes: Mapping[_Variant, int], name: _Variant, theirs: Collection[_Variant]) -> int:
    """Returns how many cells a run has of the variant, or else of the largest of those that show the same replies."""
    return sizes[name] if name in theirs else max(sizes[one] for one in theirs)


def _shared(connection: sa.Connection, run_id: str) -> dict[str, dict[_Variant, set[_Variant]]]:
    """Returns the other runs with a reply that this run reuses, by id. Each has the variants of these replies in this
    run, with those in the other run: what is not sent, such as the number of chunks, may differ."""
    mine, other = cells.alias(), cells.alias()
    columns = [other.c.run_id, *(one.c[name] for one in (mine, other) for name in _VARIANT)]
    reused = (mine.c.run_id == run_id) & mine.c.reused & (other.c.run_id != run_id)
    query = sa.select(*columns).join_from(mine, other, mine.c.reply_id == other.c.reply_id).where(reused).distinct()
    shared: dict[str, dict[_Variant, set[_Variant]]] = {}
    for other_run, *variants in connection.execute(query):
        ours, theirs = tuple(variants[: len(_VARIANT)]), tuple(variants[len(_VARIANT) :])
        shared.setdefault(other_run, {}).setdefault(ours, set()).add(theirs)
    return shared


def _cells_by_variant(connection: sa.Connection, run_id: str) -> dict[_Variant, int]:
    """Returns how many cells the run has of each variant; cells with the same request and sample, which copies of a
    case have, count once."""
    columns = [cells.c[name] for name in _VARIANT]
    request = cells.c.key + ":" + sa.cast(cells.c.sample, sa.String)
    query = sa.select(sa.func.count(request.distinct()), *columns).where(cells.c.run_id == run_id).group_by(*columns)
    rows: Sequence[Any] = connection.execute(query).all()
    return {tuple(variant): count for count, *variant in rows}
