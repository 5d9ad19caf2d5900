"""Brings an older database to the schema of today: one step a version, in order, each written out.

A step names the tables as they were then. It must not read `schema`, which moves on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

STEPS: Mapping[int, Sequence[str]] = {
    4: (
        """CREATE TABLE conversations (
            id VARCHAR NOT NULL PRIMARY KEY, name TEXT NOT NULL, settings TEXT NOT NULL, leaf INTEGER,
            created FLOAT NOT NULL, updated FLOAT NOT NULL, deleted FLOAT)""",
        """CREATE TABLE turns (
            id INTEGER NOT NULL PRIMARY KEY,
            conversation_id VARCHAR NOT NULL REFERENCES conversations (id) ON DELETE CASCADE, parent INTEGER,
            role VARCHAR NOT NULL, part VARCHAR NOT NULL, text TEXT NOT NULL, created FLOAT NOT NULL, deleted FLOAT)""",
        "CREATE INDEX ix_turns_conversation_id ON turns (conversation_id)",
        """CREATE TABLE turn_replies (
            turn_id INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE, variant INTEGER NOT NULL,
            text TEXT NOT NULL, state VARCHAR NOT NULL, error TEXT DEFAULT '' NOT NULL,
            cut INTEGER DEFAULT '0' NOT NULL, reply_id INTEGER REFERENCES replies (id),
            PRIMARY KEY (turn_id, variant))""",
    ),
}
"""By the version that it leads to, the statements of a step."""

OLDEST = min(STEPS) - 1
"""The oldest version that can be brought along."""


def migrate(connection: sa.Connection, old: int, new: int) -> None:
    """Takes every step from the version `old` to `new`, within the transaction of the connection."""
    for version in range(old + 1, new + 1):
        for statement in STEPS[version]:
            connection.exec_driver_sql(statement)
