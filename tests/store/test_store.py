from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from promptgrid.cases.table import Case
from promptgrid.endpoint import Reply, ScriptedEndpoint
from promptgrid.errors import LibraryError, StoreError
from promptgrid.grading import parse_check
from promptgrid.grid import Plan, Point, decide, points
from promptgrid.grid.preflight import PlannedPoint
from promptgrid.prompt import Example, Message, Prompt
from promptgrid.store import (
    Database,
    attempts,
    commits,
    creation,
    drafts,
    plans,
    results,
    runs,
    schema,
    stored_replies,
)
from promptgrid.store.commits import CellOutcome, CellResult, Group, ReplyOrigin
from promptgrid.tokens import Count

HOSTILE = "a\ud800\x00`<b>` 我 \u2028"
PROMPT = Prompt("greet", (Message("user", "Hi {{ name }}"),), examples=(Example({"name": "007"}, "no"),))


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture(autouse=True)
def _openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")


def a_plan(**changes: Any) -> Plan:
    cases = (Case("1", {"name": "Ada"}, "x"), Case("b", {"name": HOSTILE}, None))
    return Plan(**{"prompts": (PROMPT,), "cases": cases, "models": ("openai/m",), **changes})


def unrolled(plan: Plan) -> list[Point]:
    return list(points(plan, {"openai": ScriptedEndpoint(["x"], name="openai")}, decide(plan)))


def queued(database: Database, plan: Plan, limit: int | None = None) -> str:
    planned = [PlannedPoint(one, Count(10, True), limit) for one in unrolled(plan)]
    return creation.create_run(database, plan, decide(plan), planned)


def pending(database: Database, run_id: str) -> dict[commits.CellName, int]:
    keys = [one.key for one in unrolled(runs.plan_of(database, run_id))]
    return commits.pending(database, run_id, keys)


def answered(
    position: int, text: str = "hello", *, run_id: str = "r", cost: float | None = 0.5, key: str = "k",
    sample: int = 0, **reply: Any,
) -> CellOutcome:  # fmt: skip
    row = commits.reply_row(
        Reply(text, prompt_tokens=4, completion_tokens=2, sent={"model": "m"}, **reply),
        ReplyOrigin(key, "run", "openai", "m", cost, sample, run_id),
    )
    return CellOutcome(CellResult(position, "answered", attempts=1), reply=row)


def answer_all(database: Database, run_id: str, text: str = "hello") -> None:
    epoch = commits.claim(database, run_id)
    outcomes = [
        answered(at, text, run_id=run_id, key=name.key, sample=name.sample)
        for name, at in pending(database, run_id).items()
    ]
    commits.commit(database, run_id, epoch, Group(outcomes))
    commits.end(database, run_id, epoch, "finished")


def test_a_plan_comes_back_as_it_was(database: Database) -> None:
    plan = a_plan(
        techniques=("zero-shot", "few-shot"), temperatures=(0.0, 0.7), samples=3, seed=5, stop=("a", "b"),
        checks=(parse_check("number:tolerance=0.5"),), extra_body={"top_k": 3}, budget="2usd", fresh=True,
        cases=(Case("1", {"name": "Ada"}, "x"),),
    )  # fmt: skip
    assert runs.plan_of(database, queued(database, plan)) == plan


def test_cells_that_do_not_fit_end_at_once_and_are_never_pending(database: Database) -> None:
    run_id = queued(database, a_plan(max_tokens=5), limit=12)
    rows = list(results.result_rows(database, run_id))
    assert {row["status"] for row in rows} == {"too_long"}
    assert "over the limit of 12" in rows[0]["error"]
    assert pending(database, run_id) == {}


def test_hostile_text_is_stored_and_read_back(database: Database) -> None:
    run_id = queued(database, a_plan())
    answer_all(database, run_id, HOSTILE)
    rows = list(results.result_rows(database, run_id))
    assert rows[0]["output"] == HOSTILE.replace("\ud800", "\ufffd")
    assert rows[1]["var.name"] == HOSTILE  # inputs are what was typed, to the letter


def test_stored_replies_are_found_by_key_and_sample(database: Database) -> None:
    first, second = queued(database, a_plan(samples=2)), queued(database, a_plan(samples=3))
    answer_all(database, first)
    names = pending(database, second)
    keys = list({name.key for name in names})
    found = stored_replies.stored_replies(database, keys)
    assert set(found) == {(name.key, name.sample) for name in names if name.sample < 2}
    assert stored_replies.stored_samples(database, keys) == {key: {0, 1} for key in keys}
    assert stored_replies.stored_replies(database, keys, second) == {}  # paid for by another run
    assert stored_replies.stored_replies(database, ["nothing"]) == {}


def test_progress_counts_and_spends(database: Database) -> None:
    run_id = queued(database, a_plan(samples=2))
    assert runs.progress(database, run_id).by_status == {"pending": 4}
    answer_all(database, run_id)
    progress = runs.progress(database, run_id)
    assert (progress.done, progress.total, progress.spent_usd) == (4, 4, 2.0)
    assert (progress.reused, progress.retried) == (0, 0)
    assert attempts.spent(database, run_id).tokens == 4 * 6


def test_an_unknown_price_is_not_zero(database: Database) -> None:
    run_id = queued(database, a_plan())
    epoch = commits.claim(database, run_id)
    commits.commit(database, run_id, epoch, Group([answered(0, cost=None)]))
    assert runs.progress(database, run_id).spent_usd is None


def test_odd_names_from_a_server_do_not_lose_a_reply(database: Database) -> None:
    run_id = queued(database, a_plan())
    epoch = commits.claim(database, run_id)
    odd = answered(0, model_returned="m\ud800", finish_reason="\udfff")
    commits.commit(database, run_id, epoch, Group([odd]))
    assert next(results.result_rows(database, run_id))["model_returned"] == "m\ufffd"


def test_why_a_run_stopped_survives_a_cancel_that_does_nothing(database: Database) -> None:
    run_id = queued(database, a_plan())
    commits.end(database, run_id, commits.claim(database, run_id), "stopped", "No credit left.")
    runs.ask(database, run_id, "pause")
    assert runs.find_run(database, run_id).message == "No credit left."


def test_a_deleted_run_that_goes_on_is_in_the_list_again(database: Database) -> None:
    run_id = queued(database, a_plan())
    runs.delete(database, run_id)
    runs.ask(database, run_id, "resume")
    assert [(r.id, r.ended) for r in runs.list_runs(database)] == [(run_id, None)]


def test_a_copy_under_another_name_has_versions_of_its_own(database: Database) -> None:
    queued(database, a_plan())
    queued(database, a_plan(prompts=(replace(PROMPT, name="copy"),)))
    assert len(plans.versions(database, "greet")) == len(plans.versions(database, "copy")) == 1


def test_a_lost_epoch_commits_nothing(database: Database) -> None:
    run_id = queued(database, a_plan())
    old = commits.claim(database, run_id)
    commits.claim(database, run_id)
    with pytest.raises(commits.Fenced):
        commits.commit(database, run_id, old, Group([CellOutcome(CellResult(0, "failed"))]))
    assert {row["status"] for row in results.result_rows(database, run_id)} == {"pending"}


def test_delete_has_a_way_back_until_purge(database: Database) -> None:
    kept, gone = queued(database, a_plan()), queued(database, a_plan())
    answer_all(database, gone)
    runs.delete(database, gone)
    assert [r.id for r in runs.list_runs(database)] == [kept]
    assert [r.id for r in runs.list_runs(database, deleted=True)] == [gone]
    runs.restore(database, gone)
    assert len(runs.list_runs(database)) == 2
    runs.delete(database, gone)
    assert runs.purge(database) == 1
    assert runs.list_runs(database, deleted=True) == []
    assert [r.id for r in runs.list_runs(database)] == [kept]


def test_purge_keeps_replies_that_another_run_shows(database: Database) -> None:
    paid, shows = queued(database, a_plan()), queued(database, a_plan())
    answer_all(database, paid)
    names = pending(database, shows)
    stored = stored_replies.stored_replies(database, [name.key for name in names])
    epoch = commits.claim(database, shows)
    for name, position in names.items():
        result = CellResult(position, "answered", reused=True)
        commits.commit(database, shows, epoch, Group([CellOutcome(result, reply_id=stored[name.key, name.sample].id)]))
    assert runs.progress(database, shows).reused == 2
    runs.delete(database, paid)
    runs.purge(database)
    assert [row["output"] for row in results.result_rows(database, shows)] == ["hello", "hello"]


def test_deleting_an_active_run_cancels_it(database: Database) -> None:
    run_id = queued(database, a_plan())
    runs.delete(database, run_id)
    assert runs.find_run(database, run_id).status == "cancelled"
    assert {row["status"] for row in results.result_rows(database, run_id)} == {"cancelled"}


def test_a_version_is_kept_whatever_becomes_of_the_file(database: Database) -> None:
    queued(database, a_plan())
    assert plans.prompt_at(database, "greet", PROMPT.version[:6]) == PROMPT
    with pytest.raises(LibraryError, match="is not known"):
        plans.prompt_at(database, "greet", "ffffff")


def test_drafts_are_kept_replaced_and_dropped(database: Database) -> None:
    assert drafts.draft(database, "p") is None
    drafts.keep_draft(database, "p", {"text": "one"})
    drafts.keep_draft(database, "p", {"text": HOSTILE})
    assert drafts.draft(database, "p") == {"text": HOSTILE}
    drafts.drop_draft(database, "p")
    assert drafts.draft(database, "p") is None


def test_runs_are_found_by_the_beginning_of_their_id(database: Database) -> None:
    run_id = queued(database, a_plan())
    assert runs.find_run(database, run_id[:5]).id == run_id
    assert runs.find_run(database, "last").id == run_id
    with pytest.raises(StoreError, match="no run that starts"):
        runs.find_run(database, "zzz")


@pytest.mark.skipif(os.name == "nt", reason="locks of this kind are POSIX's")
def test_another_process_takes_nothing_away_from_an_open_database(database: Database) -> None:
    run_id = queued(database, a_plan())
    Database()  # a second one in this process: its opening must not drop the locks of the first
    script = "from promptgrid.store import Database, runs; d = Database(); print(len(runs.list_runs(d))); d.close()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "1", done.stderr
    runs.change(database, run_id, name="still there")
    again = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert again.stdout.strip() == "1", again.stderr
    assert runs.list_runs(database)[0].name == "still there"
    assert (database.path.parent / f"{database.path.name}-wal").exists()


def test_a_database_opens_while_another_process_writes(database: Database) -> None:
    queued(database, a_plan())
    with database.write() as connection:  # held for longer than anybody waits
        connection.execute(schema.runs.update().values(name="being written"))
        assert [run.name for run in runs.list_runs(Database())] == ["greet"]


def test_a_file_that_is_no_database_is_named(home: Path) -> None:
    Database().close()
    path = home / "data" / "promptgrid.sqlite3"
    for file in path.parent.iterdir():
        file.unlink()
    path.write_bytes(b"not a database at all, " * 100)
    with pytest.raises(StoreError, match="not a database"):
        Database()


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX's")
def test_the_database_is_the_owners_alone(home: Path) -> None:
    Database()
    assert stat.S_IMODE((home / "data" / "promptgrid.sqlite3").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_made_says_the_way_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("PROMPTGRID_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="PROMPTGRID_HOME"):
        Database()
