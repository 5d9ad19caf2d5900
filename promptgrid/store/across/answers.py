"""Searches the replies of all runs, the newest first.

A million replies of 1,000 characters take about two seconds if few contain the text, and less if many do: no index is
needed, which would double the size of the database and slow down each commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from promptgrid.prompt.parameters import AXIS_SPECS
from promptgrid.store.database import Database, raw_cursor
from promptgrid.store.schema import cases, cells, replies, runs
from promptgrid.store.search import Candidates, contains
from promptgrid.store.stored_replies import lots

_LOT = 50_000  # replies that one thread searches at once
_THREADS = 2  # SQLite releases the GIL
_AXES = tuple(spec.column for spec in AXIS_SPECS)


class AnswerRow(NamedTuple):
    """A cell whose reply contains the searched text. `created` is when the run was created, in seconds since 1970;
    `parameters` are the requested values in the order of AXIS_SPECS; `output` is the whole reply."""

    run_id: str
    run_name: str
    created: float
    position: int
    case_id: str
    prompt: str
    version: str
    technique: str
    model: str
    parameters: tuple[Any, ...]
    sample: int
    answer: str | None
    output: str


def answers_with(database: Database, text: str, limit: int) -> list[AnswerRow]:
    """Returns cells whose reply contains the text, ignoring case (str.casefold): at most `limit`, the newest replies
    first. A reply that several runs show stands once, with the newest of these runs; deleted runs are left out."""
    with database.read() as connection:
        end = (connection.scalar(sa.select(sa.func.max(replies.c.id))) or 0) + 1
    starts = list(range(end - _LOT, -_LOT, -_LOT))
    ids: list[int] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for at in range(0, len(starts), _THREADS):
            for part in pool.map(partial(_matching_ids, database, text, limit), starts[at : at + _THREADS]):
                ids += part
            if len(ids) >= limit:
                break
    return _rows(database, ids[:limit])


def _matching_ids(database: Database, text: str, limit: int, start: int) -> list[int]:
    """Returns the ids of at most `limit` replies that contain the text and that a run shows, the newest first: of the
    _LOT replies from the id `start` on."""
    wanted, candidates = text.casefold(), Candidates.of(text, [(replies.c.text, replies.c.chars)])
    of_reply = sa.select(cells.c.position).join(runs, runs.c.id == cells.c.run_id)
    shown = sa.exists(of_reply.where(cells.c.reply_id == replies.c.id, _listed()))
    query = (
        sa.select(replies.c.id, *candidates.texts)
        .where(replies.c.id >= start, replies.c.id < start + _LOT, candidates.condition, shown)
        .order_by(replies.c.id.desc())
    )
    ids: list[int] = []
    with database.read() as connection:
        cursor = raw_cursor(connection, query)
        while len(ids) < limit and (row := cursor.fetchone()) is not None:  # the rest is never searched
            if contains(row[1:], wanted):
                ids.append(row[0])
        cursor.close()
    return ids


def _listed() -> sa.ColumnElement[bool]:
    return runs.c.deleted.is_(None) & (runs.c.status != "planning")


def _rows(database: Database, ids: Sequence[int]) -> list[AnswerRow]:
    """Returns the cells that show these replies, in the order of `ids`."""
    names = ("prompt", "prompt_version", "technique", "endpoint", "model", *_AXES, "sample", "answer", "reply_id")
    query = (
        sa.select(runs.c.id, runs.c.name, runs.c.created, cells.c.position, cases.c.case_id, replies.c.text)
        .add_columns(*(cells.c[name] for name in names))
        .join_from(cells, runs, runs.c.id == cells.c.run_id)
        .join(replies, replies.c.id == cells.c.reply_id)
        .join(cases, (cases.c.run_id == cells.c.run_id) & (cases.c.position == cells.c.case_position))
        .where(_listed())
        .order_by(runs.c.created, cells.c.position.desc())
    )
    by_reply: dict[int, AnswerRow] = {}
    with database.read() as connection:
        for lot in lots(ids):
            for row in connection.execute(query.where(cells.c.reply_id.in_(lot))):
                by_reply[row.reply_id] = AnswerRow(
                    run_id=row.id, run_name=row.name, created=row.created, position=row.position, case_id=row.case_id,
                    prompt=row.prompt, version=row.prompt_version, technique=row.technique,
                    model=f"{row.endpoint}/{row.model}", parameters=tuple(getattr(row, name) for name in _AXES),
                    sample=row.sample, answer=row.answer, output=row.text,
                )  # fmt: skip
    return [by_reply[reply_id] for reply_id in ids if reply_id in by_reply]
