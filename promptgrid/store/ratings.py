"""Stores ratings: one person's judgement of a reply, as a thumb or stars, and a note."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from promptgrid.store.database import Database, now, storable
from promptgrid.store.schema import ratings
from promptgrid.store.votes import require_cells

Scale = Literal["thumb", "stars"]
STARS = 5


@dataclass(frozen=True, slots=True)
class Rating:
    """One person's rating of the reply of the cell at `position`.

    `value` is 0 to 1, by `scale`: a thumb is 0 or 1; one to five stars are 0, 0.25 … 1. None means only a note.
    """

    position: int
    owner: str
    value: float | None
    scale: Scale
    note: str

    @property
    def mark(self) -> int | None:
        """Returns the rating as the person gave it: 0 or 1 for a thumb, 1 to 5 for stars; None for only a note."""
        if self.value is None or self.scale == "thumb":
            return None if self.value is None else round(self.value)
        return round(self.value * (STARS - 1)) + 1


def value_of(scale: Scale, mark: int) -> float:
    """Converts a `mark` on this scale (thumb: 0 or 1, stars: 1 to 5) to a value from 0 to 1."""
    return float(mark) if scale == "thumb" else (mark - 1) / (STARS - 1)


def put(database: Database, run_id: str, rating: Rating) -> None:
    """Stores the rating in place of an earlier one by the same owner; a rating without value and note only deletes the
    earlier one. Raises StoreError when the run or the cell no longer exists."""
    row = {
        "run_id": run_id,
        "position": rating.position,
        "owner": storable(rating.owner),
        "value": rating.value,
        "scale": rating.scale,
        "note": storable(rating.note.strip()),
        "updated": now(),
    }
    with database.write() as connection:
        require_cells(connection, run_id, {rating.position})
        if row["value"] is None and not row["note"]:
            named = (ratings.c[name] == row[name] for name in ("run_id", "position", "owner"))
            connection.execute(ratings.delete().where(*named))
        else:
            statement = insert(ratings).values(row)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["run_id", "position", "owner"], set_=row)
            )


def listed(database: Database, run_id: str, position: int | None = None) -> list[Rating]:
    """Returns the ratings of the run, or only of the cell at `position`, ordered by position, then by the time of their
    last change."""
    condition = sa.true() if position is None else ratings.c.position == position
    with database.read() as connection:
        return _listed(connection, run_id, condition)


def summed(connection: sa.Connection, run_id: str, first: int, last: int) -> dict[int, tuple[float | None, str | None]]:
    """Returns, by position, the pair (human_score, human_note) of each rated cell from `first` to `last`: the mean over
    the people who gave a value, and their notes as `name: note`, one per line. A missing mean or note is None."""
    by_position: dict[int, list[Rating]] = defaultdict(list)
    for rating in _listed(connection, run_id, ratings.c.position.between(first, last)):
        by_position[rating.position].append(rating)
    return {position: _summed(rated) for position, rated in by_position.items()}


def _summed(rated: Sequence[Rating]) -> tuple[float | None, str | None]:
    values = [one.value for one in rated if one.value is not None]
    notes = [f"{one.owner}: {one.note}" for one in rated if one.note]
    return fmean(values) if values else None, "\n".join(notes) or None


def _listed(connection: sa.Connection, run_id: str, condition: sa.ColumnElement[bool]) -> list[Rating]:
    columns = (ratings.c[name] for name in Rating.__dataclass_fields__)
    query = sa.select(*columns).where(ratings.c.run_id == run_id, condition)
    rows = connection.execute(query.order_by(ratings.c.position, ratings.c.updated, ratings.c.owner))
    return [Rating(**row._mapping) for row in rows]
