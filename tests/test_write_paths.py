"""What is written, on a full disk and in a read-only folder: the error says what to do, and everything old is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptgrid import chat, identities
from promptgrid.calls.unsaved import UnsavedReplies, recover
from promptgrid.chat import Settings
from promptgrid.endpoint import Reply
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.errors import PromptgridError, StoreError
from promptgrid.export.files import save
from promptgrid.judging import session
from promptgrid.library.folder import Library
from promptgrid.models import learned
from promptgrid.paths import data_folder
from promptgrid.prompt import Message, Prompt
from promptgrid.runner.lock import RunnerLock
from promptgrid.runner.process import ask_to_leave, ensure_runner
from promptgrid.store import Database, conversations, drafts, schema
from promptgrid.store.commits import ReplyOrigin, reply_row
from promptgrid.ui.run.tables import store_upload
from tests.commits import queued
from tests.running import a_plan

if TYPE_CHECKING:
    from tests.faults.disk import Disk

PROMPT = Prompt("new", (Message("user", "Hi"),))


def library() -> Library:
    return Library(Path("prompts"))


def endpoint(port: int) -> EndpointSettings:
    return EndpointSettings("openai", f"http://127.0.0.1:{port}/v1", key_env="OPENAI_API_KEY")


def origin(key: str) -> ReplyOrigin:
    return ReplyOrigin(key, "run", "openai", "m", None, 0, None)


def export() -> None:
    save(Path("results.csv"), lambda out: out.write(b"new"))


def change() -> None:
    old, etag = library().load("old")
    library().save(old, etag)


FULL: Mapping[str, Callable[[], object]] = {
    "draft": lambda: drafts.keep_draft(Database(), "run", {"text": "x"}),
    "conversation": lambda: conversations.create(Database(), "talk", chat.to_json(Settings()), [("user", "Hi")]),
    "run": lambda: queued(Database(), a_plan()),
    "new prompt": lambda: library().save(PROMPT, None),
    "changed prompt": change,
    "copied prompt": lambda: library().duplicate("old"),
    "export": export,
    "uploaded table": lambda: store_upload(b"word\nx\n", "new.csv"),
    "identities": lambda: identities.identity(endpoint(2)),
    "learned facts": learned.forget,
    "runner's lock": lambda: RunnerLock().acquire(),
}
READ_ONLY: Mapping[str, Callable[[], object]] = {
    **FULL,
    "deleted prompt": lambda: library().delete("old"),
    "copy of the database": lambda: Database().copy_to(data_folder() / "copy.sqlite3"),
    "runner's log": ensure_runner,
    "runner's stop": ask_to_leave,
    "judging lock": lambda: session.lock("run").acquire(),
}


@pytest.fixture(autouse=True)
def _old(database: Database, no_runner: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there before."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    drafts.keep_draft(database, "run", {"text": "old"})
    library().save(Prompt("old", (Message("user", "Hello"),)), None)
    library().save(Prompt("other", (Message("user", "Hello"),)), None)
    library().delete("other")  # the trash is there
    Path("results.csv").write_text("old")
    store_upload(b"word\nold\n", "old.csv")
    identities.identity(endpoint(1))
    learned.remember("http://127.0.0.1:1/v1", "m", "temperature", 0.5, "no")
    session.in_progress("other run")  # its folder is there
    database.vacuum()


def contents(home: Path) -> dict[Path, bytes]:
    """Every file with its bytes, but for locks and SQLite's own."""
    own = (".lock", "-wal", "-shm", ".sqlite3")
    return {
        path: path.read_bytes()
        for folder in (home, Path.cwd())
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(own)
    }


@pytest.mark.parametrize("what", FULL)
def test_on_a_full_disk_it_says_what_to_do_and_loses_nothing(
    what: str, home: Path, database: Database, disk: Disk
) -> None:
    before = contents(home)
    disk.full = True
    with pytest.raises(PromptgridError, match=r"No space left|disk is full") as caught:
        FULL[what]()
    assert caught.value.hint
    assert contents(home) == before
    assert drafts.draft(database, "run") == {"text": "old"}
    assert conversations.listed(database) == []
    disk.full = False
    FULL[what]()


@pytest.mark.parametrize("what", READ_ONLY)
def test_in_a_read_only_folder_it_says_what_to_do_and_loses_nothing(
    what: str, home: Path, database: Database, disk: Disk
) -> None:
    before = contents(home)
    disk.read_only = True
    with pytest.raises(PromptgridError, match=r"Read-only file system|readonly") as caught:
        READ_ONLY[what]()
    assert caught.value.hint
    assert contents(home) == before
    assert drafts.draft(database, "run") == {"text": "old"}


def test_what_is_learned_on_a_full_disk_is_left_out_without_a_word(home: Path, disk: Disk) -> None:
    before = contents(home)
    disk.full = True
    learned.remember("http://127.0.0.1:1/v1", "m", "top_p", 0.5, "no")
    assert disk.refused
    assert contents(home) == before
    assert [one.parameter for one in learned.all_refusals()] == ["temperature"]


def test_a_full_disk_that_sqlite_calls_an_io_error_is_named(monkeypatch: pytest.MonkeyPatch, disk: Disk) -> None:
    monkeypatch.setattr("promptgrid.paths.free_bytes", lambda folder: 0)
    disk.full_words = "disk I/O error"
    disk.full = True
    with pytest.raises(StoreError, match="free some space"):
        drafts.keep_draft(Database(), "run", 1)


def test_a_reply_that_the_disk_cuts_off_takes_no_later_one_with_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = queued(database, a_plan())
    own, write = UnsavedReplies(run_id, None), os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, line: write(file, line[:40]))
        own.add([reply_row(Reply("cut"), origin("a"))], None)
    own.add([reply_row(Reply("whole"), origin("b"))], None)
    assert recover(database, run_id, None) == 1


def test_a_database_of_a_newer_version_is_refused_and_untouched(database: Database) -> None:
    with database.write() as connection:
        connection.execute(schema.meta.update().values(value=str(schema.VERSION + 1)))
    database.close()
    before = database.path.read_bytes()
    with pytest.raises(StoreError, match="Update promptgrid"):
        Database()
    assert database.path.read_bytes() == before
    assert not list(database.copies().iterdir())
