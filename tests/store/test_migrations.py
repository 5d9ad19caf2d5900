"""A database of an earlier version is brought along with all that is in it, and its runs go on where they were.

`version_4/` has the schema as version 4 made it, and what its code left behind: a database with a finished run of 6
cells and one of 24 whose runner was killed after 10, against tests/faults/server.py, and 2 replies not committed yet.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from promptgrid import api, grid, identities
from promptgrid.cli import main
from promptgrid.errors import StoreError
from promptgrid.prompt import loads
from promptgrid.store import Database, attempts, conversations, drafts, migrations, plans, runs, schema
from promptgrid.store.results import result_rows
from tests.running import replies_of, resumed, statuses

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

VERSION_4 = Path(__file__).parent / "version_4"
CHAT = ("turn_replies", "turns", "conversations")  # came with version 4


@pytest.fixture
def path(home: Path) -> Path:
    """Where the database of this test is."""
    folder = home / "data"
    folder.mkdir(parents=True)
    return folder / "promptgrid.sqlite3"


def version_4(path: Path) -> None:
    """An empty database as version 4 made it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((VERSION_4 / "schema.sql").read_text("utf-8"))
        connection.execute("INSERT INTO meta VALUES ('schema_version', '4')")
        connection.commit()


def version_3(path: Path) -> None:
    """The same without the tables that came after version 3."""
    version_4(path)
    with closing(sqlite3.connect(path)) as connection:
        for table in CHAT:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE meta SET value='3'")
        connection.execute("INSERT INTO drafts VALUES ('kept', '1', 0), ('prompt:films', '2', 7)")
        connection.commit()


def shape(path: Path) -> dict[str, list[set[tuple[object, ...]]]]:
    """By table: its columns, foreign keys and indexes, whatever their order."""
    with closing(sqlite3.connect(path)) as connection:

        def rows(pragma: str) -> list[tuple[object, ...]]:
            return connection.execute(f"PRAGMA {pragma}").fetchall()

        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {
            table: [
                {column[1:] for column in rows(f"table_info({table})")},
                {key[2:] for key in rows(f"foreign_key_list({table})")},
                {(index[2], *(part[2] for part in rows(f"index_info('{index[1]}')")))
                 for index in rows(f"index_list({table})")},
            ]
            for table in tables
        }  # fmt: skip


@pytest.mark.parametrize("make", [version_3, version_4])
def test_a_database_of_every_version_gets_the_shape_of_a_new_one(
    path: Path, make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(path)
    for _ in range(2):
        database = Database()
        assert conversations.listed(database) == []
        database.close()
    Database(tmp_path / "new.sqlite3").close()
    assert shape(path) == shape(tmp_path / "new.sqlite3")


def test_what_is_in_it_stays(path: Path) -> None:
    version_3(path)
    assert drafts.draft(Database(), "kept") == 1
    (info,) = drafts.prompt_drafts_of(Database(), "films")
    assert drafts.prompt_draft(Database(), info.id) == (drafts.DraftInfo(info.id, "draft", 7), 2)
    assert drafts.draft(Database(), "prompt:films") is None


def test_a_copy_of_the_old_database_is_kept(path: Path) -> None:
    version_3(path)
    database = Database()
    (copy,) = database.copies().iterdir()
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT value FROM meta").fetchone() == ("3",)
        assert connection.execute("SELECT * FROM drafts").fetchone()[0] == "kept"
    Database()
    assert list(database.copies().iterdir()) == [copy]  # nothing changes, nothing is copied


def test_there_is_a_step_to_every_version(path: Path) -> None:
    assert list(migrations.STEPS) == list(range(migrations.OLDEST + 1, schema.VERSION + 1))


@pytest.mark.parametrize(("version", "way"), [("2", "Set PROMPTGRID_HOME"), ("99", "Update promptgrid")])
def test_a_database_that_cannot_be_brought_along_is_refused(path: Path, version: str, way: str) -> None:
    version_4(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE meta SET value=?", [version])
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=f"schema version {version}") as refused:
        Database()
    assert way in str(refused.value)
    assert path.read_bytes()[100:] == before[100:]  # the header says that it is in WAL mode now


def test_a_step_that_fails_leaves_the_old_database(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version_3(path)
    before = shape(path)
    steps = {**migrations.STEPS, schema.VERSION: ("CREATE TABLE half (a)", "CREATE TABLE half (a)")}
    monkeypatch.setattr(migrations, "STEPS", steps)
    with pytest.raises(StoreError, match="half"):
        Database()
    assert shape(path) == before


# What version 4 wrote of two runs of this prompt, which has parameters of its own.
PROMPT = """---
name: sum
model: {options: {temperature: 0, topP: 1.0, maxOutputTokens: 9, seed: 7, stopSequences: [END], reasoningEffort: low}}
---
user:
{{ sum }}
"""
PLAN: dict[str, Any] = {
    "models": ["openai/gpt-4o"], "techniques": ["zero-shot"], "temperatures": [], "samples": 1, "max_tokens": None,
    "top_p": None, "seed": None, "stop": [], "reasoning_effort": None, "response_format": None, "extra_body": {},
    "examples_k": None, "examples_as": "turns", "budget": "", "concurrency": None, "retries": 5, "fresh": False,
    "name": "", "checks": None,
}  # fmt: skip
RUNS: dict[str, tuple[dict[str, Any], list[Any], str]] = {
    "own": (
        {},
        [0.0],
        """{"temperature": 0.0, "top_p": 1.0, "seed": 7, "reasoning_effort": "low", "notes": [],
        "honoured": {"temperature": true, "top_p": true, "seed": true, "reasoning_effort": null}}""",
    ),
    "all": (
        {
            "models": ["openai/o3"], "temperatures": [0, 0.7, 1], "max_tokens": 16, "top_p": 0.9, "seed": 3,
            "stop": ["x"], "reasoning_effort": "high", "response_format": {"type": "json_object"},
            "extra_body": {"top_k": 40},
        },
        [0.0, 0.7, 1.0],
        """{"temperature": null, "top_p": null, "seed": 3, "reasoning_effort": "high",
        "notes": ["temperature 0 not sent: o3 takes only its default, 1",
                  "top_p 0.9 not sent: o3 takes only its default, 1"],
        "honoured": {"temperature": false, "top_p": false, "seed": null, "reasoning_effort": null}}""",
    ),
}  # fmt: skip


@pytest.mark.parametrize("run_id", RUNS)
def test_what_version_4_decided_is_what_would_be_decided_now(
    path: Path, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    version_4(path)
    changes, same, sent = RUNS[run_id]
    version = loads(PROMPT).version
    plan = {**PLAN, **changes, "prompts": [["sum", version]]}
    token_parameter = "max_completion_tokens" if run_id == "all" else ""
    variant = {"same": same, "sent": json.loads(sent), "token_parameter": token_parameter}
    decided = [[[plan["models"][0], "sum", version], [variant]]]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO prompt_versions VALUES (?, 'sum', ?, 0)", (version, PROMPT))
        connection.execute("INSERT INTO cases VALUES (?, 0, '1', ?, NULL)", (run_id, '{"sum": "1+1"}'))
        connection.execute(
            "INSERT INTO runs (id, name, note, owner, status, message, plan, decided, total, created, epoch, spent_usd,"
            " unpriced, reused, retried, live) VALUES (?, 'r', '', '', 'paused', '', ?, ?, 1, 0, 0, 0, 0, 0, 0, '{}')",
            (run_id, json.dumps(plan), json.dumps(decided)),
        )
        connection.execute(
            "INSERT INTO cells (run_id, position, case_position, prompt, prompt_version, technique, examples_k,"
            " endpoint, model, temperature, parameter_note, sample, key, status) VALUES"
            " (?, 0, 0, 'sum', ?, 'zero-shot', 0, 'openai', ?, 0.0, '', 0, 'k', 'pending')",
            (run_id, version, plan["models"][0].partition("/")[2]),
        )
        connection.commit()
    database = Database()
    assert plans.decided_of(database, run_id) == grid.decide(runs.plan_of(database, run_id))
    (row,) = result_rows(database, run_id)
    effort = changes.get("reasoning_effort", "low")
    assert (row.parameters["effort"], row.parameters["effort_sent"]) == (effort, effort)


@pytest.fixture
def of_version_4(path: Path, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The database that version 4 wrote; its endpoint answers, at another port but as the same."""
    path.write_bytes(gzip.decompress((VERSION_4 / "promptgrid.sqlite3.gz").read_bytes()))
    shutil.copytree(VERSION_4 / "unsaved", path.parent / "unsaved")
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    monkeypatch.setattr(identities, "identity", lambda configured: "http://models.test/v1")
    database = Database()
    yield database
    database.close()


def test_a_run_that_version_4_began_is_resumed_and_sends_only_the_rest(
    of_version_4: Database, hostile: HostileServer
) -> None:
    half = runs.find_run(of_version_4, "last").id
    assert statuses(of_version_4, half) == {"answered": 10, "pending": 14}
    before = set(replies_of(of_version_4))
    assert resumed(of_version_4, half) == "finished"
    assert statuses(of_version_4, half) == {"answered": 24}
    assert hostile.calls("ok") == 12
    assert len(set(replies_of(of_version_4)) - before) == 14  # two of them had been received already
    assert runs.progress(of_version_4, half).calls == attempts.spent(of_version_4, half).calls > 0


def test_the_same_plan_finds_every_reply_of_version_4(of_version_4: Database, hostile: HostileServer) -> None:
    finished = runs.list_runs(of_version_4)[-1]
    again = api.run(runs.plan_of(of_version_4, finished.id), database=of_version_4)
    assert list(again["reused"]) == [True] * 6
    assert hostile.calls("ok") == 0


def test_runs_of_version_4_are_compared_and_exported(of_version_4: Database) -> None:
    half, finished = (run.id for run in runs.list_runs(of_version_4))
    resumed(of_version_4, half)
    compared = CliRunner().invoke(main, ["compare", finished, half, "--json"])
    assert compared.exit_code == 0, compared.output
    assert json.loads(compared.output)
    exported = CliRunner().invoke(main, ["export", half, "--csv", "out.csv"])
    assert exported.exit_code == 0, exported.output
    assert Path("out.csv").read_bytes().count(b"\r\n") == 25
