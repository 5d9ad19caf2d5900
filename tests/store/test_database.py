"""The file: other processes, its rights, and what is no database."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from promptgrid.errors import StoreError
from promptgrid.store import Database, runs, schema
from tests.commits import greeting_plan, queued

pytestmark = pytest.mark.usefixtures("openai")


@pytest.mark.skipif(os.name == "nt", reason="locks of this kind are POSIX's")
def test_another_process_takes_nothing_away_from_an_open_database(database: Database) -> None:
    run_id = queued(database, greeting_plan())
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
    queued(database, greeting_plan())
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


def test_a_copy_is_whole_and_the_owners_alone_while_others_write(database: Database, tmp_path: Path) -> None:
    queued(database, greeting_plan())
    path = tmp_path / "copy.sqlite3"
    with database.write() as connection:
        connection.execute(schema.runs.update().values(name="not yet committed"))
        database.copy_to(path)
    assert [run.name for run in runs.list_runs(Database(path))] == ["greet"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="exists"):
        database.copy_to(path)
    assert [run.name for run in runs.list_runs(Database(path))] == ["greet"]


def test_a_damaged_page_is_named_with_the_copy_that_can_take_its_place(database: Database) -> None:
    queued(database, greeting_plan())
    copy = database.copies() / "before.sqlite3"
    database.copy_to(copy)
    database.close()
    content = bytearray(database.path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    database.path.write_bytes(content)
    with pytest.raises(StoreError, match="malformed") as caught:
        runs.list_runs(Database())
    assert str(copy) in str(caught.value)
    for file in database.path.parent.glob("promptgrid.sqlite3*"):
        file.unlink()
    copy.rename(database.path)
    assert [run.name for run in runs.list_runs(Database())] == ["greet"]


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX's")
def test_the_database_is_the_owners_alone(home: Path) -> None:
    Database()
    assert stat.S_IMODE((home / "data" / "promptgrid.sqlite3").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_made_says_the_way_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("PROMPTGRID_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="PROMPTGRID_HOME"):
        Database()
