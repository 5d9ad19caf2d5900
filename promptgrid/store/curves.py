"""What a curve over the temperature is made of: one line a cell, and the texts of a few replies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from promptgrid.store.database import Database
from promptgrid.store.schema import cells, replies, scores

_CHUNK = 500


def curve_cells(database: Database, run_id: str) -> list[Any]:
    """Every cell of the run in the grid's order, without its texts. `score` is the mean over its checks, None where
    none could be scored; `tokens` those of prompt and reply together."""
    scored = (
        sa.select(scores.c.position, sa.func.avg(scores.c.value).label("score"))
        .where(scores.c.run_id == run_id)
        .group_by(scores.c.position)
        .subquery()
    )
    names = ("prompt", "prompt_version", "technique", "endpoint", "model", "temperature", "temperature_sent",
             "parameter_note", "case_position", "status", "ballot", "reply_id")  # fmt: skip
    chosen = (
        sa.select(
            *(cells.c[name] for name in names),
            replies.c.chars,
            replies.c.cost_usd,
            (replies.c.prompt_tokens + replies.c.completion_tokens).label("tokens"),
            scored.c.score,
        )
        .select_from(
            cells.outerjoin(replies, cells.c.reply_id == replies.c.id).outerjoin(
                scored, cells.c.position == scored.c.position
            )
        )
        .where(cells.c.run_id == run_id)
        .order_by(cells.c.position)
    )
    with database.read() as connection:
        return list(connection.execute(chosen))


def beginnings(database: Database, reply_ids: Sequence[int], characters: int) -> dict[int, str]:
    """By id, the first characters of these replies."""
    found: dict[int, str] = {}
    with database.read() as connection:
        for start in range(0, len(reply_ids), _CHUNK):
            wanted = replies.c.id.in_(reply_ids[start : start + _CHUNK])
            text = sa.func.substr(replies.c.text, 1, characters)
            found.update({row[0]: row[1] for row in connection.execute(sa.select(replies.c.id, text).where(wanted))})
    return found
