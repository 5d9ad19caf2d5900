"""Migrates an older database to the current schema: one step per version, in order, each written out in full.

A step names the tables as they were at its version. It must not read `schema`, which changes later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from promptgrid.errors import PromptgridError
from promptgrid.prompt import Parameters, loads, parameters_from
from promptgrid.prompt.parameters import NAMES
from promptgrid.store.dialects.backend import backend_of


def decided_in_full(connection: sa.Connection) -> None:
    """Migrates from version 4: stores all requested and all sent parameters of each run. Version 4 stored only
    temperatures and the parameters that a model may refuse; the rest was read again from the plan and the prompts."""
    texts = {tuple(row[:2]): row[2] for row in connection.exec_driver_sql(
        "SELECT name, version, text FROM prompt_versions")}  # fmt: skip
    for run_id, plan, decided in connection.exec_driver_sql("SELECT id, plan, decided FROM runs").fetchall():
        settings = json.loads(plan)
        of_plan = parameters_from({name: settings[name] for name in NAMES if name in settings})
        whole = []
        for (ref, name, version), variants in json.loads(decided):
            own = of_plan.over(_own_parameters(texts.get((name, version), "")))
            whole.append([[ref, name, version], [_variant_in_full(variant, own) for variant in variants]])
        connection.exec_driver_sql("UPDATE runs SET decided = ? WHERE id = ?", (json.dumps(whole), run_id))


def _own_parameters(text: str) -> Parameters:
    with suppress(PromptgridError):  # such a run cannot be resumed anyway
        return loads(text).parameters
    return Parameters()


def _variant_in_full(variant: Mapping[str, Any], own: Parameters) -> dict[str, Any]:
    sent = dict(variant["sent"])
    notes, honoured = sent.pop("notes"), sent.pop("honoured")
    return {
        "same": [replace(own, temperature=temperature).as_json() for temperature in variant["same"]],
        "sent": replace(own, **sent).as_json(),
        "notes": notes,
        "honoured": honoured,
        "token_parameter": variant["token_parameter"],
    }


def efforts_of_cells(connection: sa.Connection) -> None:
    """Migrates from version 5: fills in the requested and the sent reasoning effort of each cell, from the parameters
    that are stored with its run."""
    for run_id, decided in connection.exec_driver_sql("SELECT id, decided FROM runs").fetchall():
        for (ref, name, version), variants in json.loads(decided):
            endpoint, _, model = ref.partition("/")
            for variant in variants:
                planned, sent = variant["same"][0], variant["sent"]
                cell = (run_id, name, version, endpoint, model, planned.get("temperature"))
                connection.exec_driver_sql(
                    "UPDATE cells SET effort = ?, effort_sent = ?"
                    " WHERE run_id = ? AND prompt = ? AND prompt_version = ? AND endpoint = ? AND model = ?"
                    " AND temperature IS ?",
                    (planned.get("reasoning_effort"), sent.get("reasoning_effort"), *cell),
                )


def hosts(connection: sa.Connection) -> None:
    """Migrates from version 22: adds the table of the processes that carry out runs of a store on a server."""
    metadata = sa.MetaData()
    floats = (sa.Column(name, sa.Float, nullable=False) for name in ("started", "seen"))
    name, work = (sa.Column(name, sa.Text, nullable=False) for name in ("name", "work"))
    sa.Table("hosts", metadata, sa.Column("id", sa.String, primary_key=True), name, *floats, work)
    backend_of(connection).create_tables(connection, metadata)


STEPS: Mapping[int, Sequence[str | Callable[[sa.Connection], None]]] = {
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
    5: (decided_in_full,),
    6: (
        "ALTER TABLE cells ADD COLUMN effort VARCHAR",
        "ALTER TABLE cells ADD COLUMN effort_sent VARCHAR",
        efforts_of_cells,
    ),
    7: (
        "ALTER TABLE cases ADD COLUMN part VARCHAR DEFAULT '' NOT NULL",
        "CREATE TABLE parts (content VARCHAR NOT NULL PRIMARY KEY, part VARCHAR NOT NULL)",
        """CREATE TABLE openings (
            id INTEGER NOT NULL PRIMARY KEY, prompt VARCHAR NOT NULL, prompt_version VARCHAR NOT NULL,
            run_id VARCHAR NOT NULL, cases INTEGER NOT NULL, opened FLOAT NOT NULL)""",
        "CREATE INDEX ix_openings_prompt ON openings (prompt)",
    ),
    8: ("ALTER TABLE cases ADD COLUMN checks TEXT DEFAULT '' NOT NULL",),
    9: ("ALTER TABLE votes ADD COLUMN orders VARCHAR DEFAULT '' NOT NULL",),
    10: (
        "ALTER TABLE runs ADD COLUMN favourite BOOLEAN DEFAULT 0 NOT NULL",
        "ALTER TABLE runs ADD COLUMN tags TEXT DEFAULT '[]' NOT NULL",
        """CREATE TABLE expectations (
            id INTEGER NOT NULL PRIMARY KEY,
            run_id VARCHAR NOT NULL REFERENCES runs (id) ON DELETE CASCADE, case_position INTEGER NOT NULL,
            "before" TEXT, "after" TEXT, changed FLOAT NOT NULL)""",
        "CREATE INDEX expectations_by_run ON expectations (run_id, case_position)",
    ),
    11: (
        """CREATE TABLE prompt_drafts (
            id VARCHAR NOT NULL PRIMARY KEY, prompt VARCHAR NOT NULL, kind VARCHAR NOT NULL, value TEXT NOT NULL,
            updated FLOAT NOT NULL)""",
        "CREATE INDEX ix_prompt_drafts_prompt ON prompt_drafts (prompt)",
        """INSERT INTO prompt_drafts SELECT lower(hex(randomblob(6))), substr(name, 8), 'draft', value, updated
            FROM drafts WHERE name LIKE 'prompt:%'""",
        "DELETE FROM drafts WHERE name LIKE 'prompt:%'",
    ),
    12: (
        "ALTER TABLE cells ADD COLUMN calls INTEGER",
        "ALTER TABLE cells ADD COLUMN steps_prompt_tokens INTEGER",
        "ALTER TABLE cells ADD COLUMN steps_completion_tokens INTEGER",
        "ALTER TABLE cells ADD COLUMN steps_reasoning_tokens INTEGER",
        "ALTER TABLE cells ADD COLUMN steps_cached_tokens INTEGER",
        "ALTER TABLE cells ADD COLUMN steps_cost_usd FLOAT",
        "ALTER TABLE cells ADD COLUMN steps_latency_ms FLOAT",
        """CREATE TABLE steps (
            run_id VARCHAR NOT NULL REFERENCES runs (id) ON DELETE CASCADE, position INTEGER NOT NULL,
            number INTEGER NOT NULL, round INTEGER NOT NULL, step TEXT NOT NULL,
            reply_id INTEGER NOT NULL REFERENCES replies (id), reused BOOLEAN NOT NULL,
            PRIMARY KEY (run_id, position, number))""",
    ),
    13: (
        """CREATE TABLE collections (
            id VARCHAR NOT NULL PRIMARY KEY, name TEXT NOT NULL, created FLOAT NOT NULL, updated FLOAT NOT NULL,
            deleted FLOAT)""",
        "CREATE TABLE document_texts (digest VARCHAR NOT NULL PRIMARY KEY, text TEXT NOT NULL, chars INTEGER NOT NULL)",
        """CREATE TABLE documents (
            id INTEGER NOT NULL PRIMARY KEY,
            collection_id VARCHAR NOT NULL REFERENCES collections (id) ON DELETE CASCADE, name TEXT NOT NULL,
            path TEXT NOT NULL, kind VARCHAR NOT NULL, title TEXT NOT NULL, bytes INTEGER NOT NULL,
            modified FLOAT NOT NULL, file_digest VARCHAR NOT NULL,
            text_digest VARCHAR REFERENCES document_texts (digest), pages TEXT NOT NULL, note TEXT NOT NULL,
            added FLOAT NOT NULL, UNIQUE (collection_id, name))""",
        """CREATE TABLE vectors (
            "key" VARCHAR NOT NULL PRIMARY KEY, embedder VARCHAR NOT NULL, dimension INTEGER NOT NULL,
            data BLOB NOT NULL)""",
        "CREATE INDEX ix_vectors_embedder ON vectors (embedder)",
    ),
    14: (
        "ALTER TABLE runs ADD COLUMN calls FLOAT DEFAULT '0' NOT NULL",
        "ALTER TABLE runs ADD COLUMN fair_for VARCHAR DEFAULT '' NOT NULL",
        """UPDATE runs SET calls =
            (SELECT coalesce(sum(1.0 / batch), 0) FROM replies WHERE replies.run_id = runs.id)""",
    ),
    15: (
        "ALTER TABLE replies ADD COLUMN tool_calls TEXT DEFAULT '' NOT NULL",
        "ALTER TABLE cells ADD COLUMN tool_choice VARCHAR",
        "ALTER TABLE cells ADD COLUMN tool_choice_sent VARCHAR",
        "ALTER TABLE cells ADD COLUMN parallel_calls VARCHAR",
        "ALTER TABLE cells ADD COLUMN parallel_calls_sent VARCHAR",
    ),
    16: (
        "ALTER TABLE cells ADD COLUMN beams INTEGER",
        "ALTER TABLE cells ADD COLUMN beams_sent INTEGER",
        "ALTER TABLE cells ADD COLUMN length_penalty FLOAT",
        "ALTER TABLE replies ADD COLUMN beams_json TEXT",
    ),
    17: ("CREATE INDEX steps_by_reply ON steps (reply_id)",),
    18: ("ALTER TABLE turn_replies ADD COLUMN retrieved TEXT",),
    19: (
        "ALTER TABLE cells ADD COLUMN collection VARCHAR",
        "ALTER TABLE cells ADD COLUMN chunker VARCHAR",
        "ALTER TABLE cells ADD COLUMN retriever VARCHAR",
        "ALTER TABLE cells ADD COLUMN chunks INTEGER",
        "ALTER TABLE cells ADD COLUMN chunk_order VARCHAR",
        "ALTER TABLE cells ADD COLUMN retrieval VARCHAR DEFAULT '' NOT NULL",
        """CREATE TABLE retrieved (
            run_id VARCHAR NOT NULL REFERENCES runs (id) ON DELETE CASCADE, retrieval VARCHAR NOT NULL,
            case_id TEXT NOT NULL, number INTEGER NOT NULL, document TEXT NOT NULL,
            digest VARCHAR NOT NULL REFERENCES document_texts (digest), title TEXT NOT NULL, page INTEGER,
            start INTEGER NOT NULL, "end" INTEGER NOT NULL, rank INTEGER NOT NULL, score FLOAT NOT NULL,
            PRIMARY KEY (run_id, retrieval, case_id, number))""",
        "CREATE INDEX retrieved_by_text ON retrieved (digest)",
    ),
    20: (
        "DROP INDEX IF EXISTS cells_by_status",
        "DROP INDEX IF EXISTS cells_by_key",
        "DROP INDEX IF EXISTS cells_by_reply",
        "CREATE INDEX cells_by_case ON cells (run_id, status, case_position)",
        "CREATE INDEX cells_by_reply ON cells (reply_id) WHERE reply_id IS NOT NULL",
    ),
    21: (
        "ALTER TABLE cells ADD COLUMN query VARCHAR",
        "ALTER TABLE cells ADD COLUMN rerank VARCHAR",
        "ALTER TABLE cells ADD COLUMN shown VARCHAR",
    ),
    22: (
        "ALTER TABLE cells ADD COLUMN examples TEXT DEFAULT '' NOT NULL",
        "ALTER TABLE cells ADD COLUMN shots INTEGER",
        "ALTER TABLE cells ADD COLUMN selector VARCHAR",
        "ALTER TABLE cells ADD COLUMN shot_order VARCHAR",
    ),
    23: (hosts,),
}
"""The steps by the version that they lead to: SQL statements, and functions for what SQL cannot express."""

OLDEST = min(STEPS) - 1
"""The oldest version that can be migrated."""


def migrate(connection: sa.Connection, old: int, new: int) -> None:
    """Runs the step of each version after `old` up to `new`, in order, within the connection's transaction."""
    for version in range(old + 1, new + 1):
        for step in STEPS[version]:
            if isinstance(step, str):
                connection.exec_driver_sql(step)
            else:
                step(connection)
