"""What is PostgreSQL's alone: its texts, its ids, its write lock, and what a person reads when it fails."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import make_url

from promptgrid.errors import StoreError
from promptgrid.store import Database, drafts
from promptgrid.store.database import next_ids
from promptgrid.store.dialects.postgresql import PostgresqlBackend
from promptgrid.store.schema import VERSION, meta, prompt_versions, replies
from tests.store.server import Server

pytestmark = pytest.mark.parametrize("store", ["postgresql"], indirect=True, scope="function")


@pytest.fixture
def url(store: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets PROMPTGRID_DATABASE."""
    return lambda value: monkeypatch.setenv("PROMPTGRID_DATABASE", value)


@pytest.mark.parametrize("text", ["a\0b", "\0", "\U0010ffff0", "\U0010ffff1\0\U0010ffff", "\U0010ffff"])
def test_every_character_comes_back_the_nul_too(store: str, text: str) -> None:
    database = Database()
    with database.write() as connection:
        connection.execute(prompt_versions.insert().values(version="v", name="n", text=text, created=0.0))
    with database.read() as connection:
        assert connection.scalar(prompt_versions.select().with_only_columns(prompt_versions.c.text)) == text


def test_ids_are_never_given_twice(store: str) -> None:
    first, second = Database(), Database()

    def taken(database: Database) -> list[int]:
        with database.write() as connection:
            return next_ids(connection, replies.c.id, 50)

    with ThreadPoolExecutor(2) as pool:
        lots = list(pool.map(taken, [first, second] * 4))
    assert len({id_ for lot in lots for id_ in lot}) == 400
    assert all(lot == sorted(lot) for lot in lots)


def test_the_version_changes_with_each_commit_and_not_with_a_read(store: str) -> None:
    database, other = Database(), Database()
    before = database.version()
    with other.read() as connection:
        connection.execute(replies.select()).all()
    assert database.version() == before
    drafts.keep_draft(other, "one", 1)
    assert database.version() != before


def test_a_server_that_went_away_is_said_and_its_return_is_used(store: str, server: Server) -> None:
    database = Database()
    drafts.keep_draft(database, "one", 1)
    server.stop()
    try:
        with pytest.raises(StoreError) as error:
            drafts.draft(database, "one")
    finally:
        server.start()
    assert "not reachable" in error.value.hint
    assert drafts.draft(database, "one") == 1


def test_a_database_that_is_not_there_is_said(url: Callable[[str], None], server: Server) -> None:
    url(server.url("nowhere"))
    with pytest.raises(StoreError, match='"nowhere" does not exist') as error:
        Database()
    assert "createdb" in error.value.hint


def test_a_wrong_password_is_said_and_no_password_is_shown(url: Callable[[str], None], server: Server) -> None:
    server.ask_for_password("guest", "right")
    url(server.url("postgres").replace("postgres@", "guest:wrong-secret@"))
    with pytest.raises(StoreError, match="password authentication failed") as error:
        Database()
    assert "The password is wrong" in error.value.hint
    assert "wrong-secret" not in error.value.message


def test_a_server_that_is_read_only_is_said(store: str, server: Server) -> None:
    Database()
    name = make_url(os.environ["PROMPTGRID_DATABASE"]).database
    server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(StoreError, match="read-only") as error:
        drafts.keep_draft(Database(), "one", 1)
    assert "standby" in error.value.hint


@pytest.mark.parametrize("value", ["mysql://u:p4ss@h/d", "no url at all"])
def test_what_is_no_postgresql_url_is_refused_without_being_shown(store: str, value: str) -> None:
    with pytest.raises(StoreError) as error:
        PostgresqlBackend(value)
    assert "postgresql://USER" in error.value.hint
    assert "p4ss" not in error.value.message


def test_a_copy_to_a_file_is_refused_with_the_tool_to_use(store: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        Database().copy_to(tmp_path / "copy.sqlite3")
    assert "pg_dump" in error.value.hint


def test_a_store_of_version_22_gets_the_table_of_hosts_with_texts_in_the_order_of_code_points(store: str) -> None:
    database = Database()
    with database.write() as connection:
        connection.exec_driver_sql("DROP TABLE hosts")
        connection.exec_driver_sql("UPDATE meta SET value = '22' WHERE name = 'schema_version'")
    older = Database()
    query = "SELECT collation_name FROM information_schema.columns WHERE table_name = 'hosts' AND column_name = 'name'"
    with older.read() as connection:
        assert connection.exec_driver_sql(query).scalar_one() == "C"
        assert connection.scalar(meta.select().with_only_columns(meta.c.value)) == str(VERSION)
