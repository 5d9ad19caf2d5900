"""`promptgrid copy-store`: a whole store goes to another kind of database and back, and nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from promptgrid.cli import main
from promptgrid.errors import StoreError
from promptgrid.runner import client
from promptgrid.store import Database, conversations, drafts, runs
from promptgrid.store.database import next_ids
from promptgrid.store.schema import meta, prompt_versions, replies
from promptgrid.store.shared import copying
from tests.running import a_plan, a_run, resumed, statuses

if TYPE_CHECKING:
    from tests.faults.server import HostileServer
    from tests.store.server import Server

STRANGE = "NUL \0, \U0010ffff0, 我, é, '\\%_"

pytestmark = pytest.mark.usefixtures("endpoint")


@pytest.fixture
def source(tmp_path: Path, hostile: HostileServer) -> Database:
    """A SQLite file with a finished run, one that has still to be carried out, drafts, and a strange text."""
    database = Database(tmp_path / "source.sqlite3")
    a_run(database, a_plan(words=30))
    paused = client.submit(database, a_plan(words=40))
    runs.ask(database, paused, "pause")
    drafts.keep_draft(database, "one", {"text": STRANGE})
    with database.write() as connection:
        connection.execute(prompt_versions.insert().values(version="v", name="n", text=STRANGE, created=0.1))
    return database


@pytest.fixture
def new_store(server: Server, closing: None) -> Callable[[], str]:
    return server.new_store


def copied(*names: str) -> str:
    result = CliRunner().invoke(main, ["copy-store", *names])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_store_goes_to_postgresql_and_back(
    source: Database, new_store: Callable[[], str], tmp_path: Path, hostile: HostileServer
) -> None:
    url, back = new_store(), tmp_path / "back.sqlite3"
    there, again = copied(str(source.path), url), copied(url, str(back))
    assert there == again
    assert [line.split()[1] for line in there.splitlines() if line.startswith("cells ")] == ["70"]
    target = Database(url)
    assert drafts.draft(target, "one") == {"text": STRANGE}
    assert conversations.listed(target) == []
    paused = runs.find_run(target, "last").id
    before = len(hostile.books.completions)
    assert resumed(target, paused) == "finished"
    assert statuses(target, paused) == {"answered": 40}
    assert len(hostile.books.completions) == before + 10  # thirty are reused, and the new ids are free


def test_a_copy_to_postgresql_that_was_ended_is_no_store_and_goes_on(
    source: Database, new_store: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_BATCH", 20)
    url = new_store()
    half, written = Database(url, half_copy=True), copying._write

    class Killed(Exception):
        pass

    def until_killed(done: int, total: int, what: str) -> None:
        if done > total / 2:
            raise Killed

    with pytest.raises(Killed):
        copying.copy_store(source, half, on_progress=until_killed)
    with pytest.raises(StoreError, match="a copy that is not complete"):
        Database(url)
    lots: list[int] = []

    def counted(*given: Any) -> None:
        lots.append(len(given[2]))
        written(*given)

    monkeypatch.setattr(copying, "_write", counted)
    sums = copying.copy_store(source, half)
    assert sum(lots) < sum(held.rows for held in sums.values()) / 2
    whole = Database(url)
    assert drafts.draft(whole, "one") == {"text": STRANGE}
    with whole.write() as connection:
        assert min(next_ids(connection, replies.c.id, 3)) == 31


def test_what_the_target_holds_is_not_touched(source: Database, tmp_path: Path) -> None:
    other = Database(tmp_path / "other.sqlite3")
    drafts.keep_draft(other, "mine", 1)
    with pytest.raises(StoreError, match="is not empty"):
        copying.copy_store(source, other)
    assert drafts.draft(other, "mine") == 1
    assert Database(tmp_path / "other.sqlite3").version()


def test_a_half_copy_of_another_source_is_refused(source: Database, tmp_path: Path) -> None:
    target = Database(tmp_path / "target.sqlite3")
    copying._begin(Database(tmp_path / "first.sqlite3"), target, [])
    with pytest.raises(StoreError, match=r"half copy of .*first"):
        copying.copy_store(source, target)


def test_a_copy_of_a_source_that_was_changed_meanwhile_is_not_called_complete(
    source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Database(tmp_path / "target.sqlite3", half_copy=True)
    summed = copying._check

    def changed(*given: object) -> None:
        with target.write() as connection:
            connection.execute(replies.update().where(replies.c.id == 7).values(text="another"))
        summed(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(copying, "_check", changed)
    with pytest.raises(StoreError, match="differs in replies"):
        copying.copy_store(source, target)
    with target.read() as connection:
        assert int(connection.scalar(sa.select(meta.c.value).where(meta.c.name == "schema_version")) or 0) < 0


def test_a_run_in_progress_and_a_missing_file_are_said(source: Database, tmp_path: Path) -> None:
    missing = CliRunner().invoke(main, ["copy-store", "nowhere.sqlite3", "new.sqlite3"])
    assert "There is no file nowhere.sqlite3" in missing.stderr
    runs.ask(source, runs.find_run(source, "last").id, "resume")
    with pytest.raises(StoreError, match=r"is queued") as error:
        copying.copy_store(source, Database(tmp_path / "target.sqlite3", half_copy=True))
    assert "Pause it" in error.value.hint
