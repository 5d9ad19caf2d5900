"""Runs are found again by the marks that a person gives them: favourites and tags."""

from __future__ import annotations

import pytest

from promptgrid.errors import StoreError
from promptgrid.store import Database, runs
from promptgrid.store.across.tags import LONGEST_TAG, change_tags, set_favourite, tag_counts
from tests.stored import Cell, store_run


@pytest.fixture
def two(database: Database) -> Database:
    for run_id in ("aaaaaaaa", "bbbbbbbb"):
        store_run(database, [Cell()], run_id=run_id)
    return database


def ids(database: Database, **which: object) -> set[str]:
    return {run.id for run in runs.list_runs(database, **which)}  # type: ignore[arg-type]


def test_runs_are_listed_by_favourite_and_tag(two: Database) -> None:
    set_favourite(two, "aaaaaaaa", True)
    change_tags(two, "bbbbbbbb", add=["生产", '50% "off"'])
    assert ids(two, favourite=True) == {"aaaaaaaa"}
    assert ids(two, tag="生产") == ids(two, tag='50% "off"') == {"bbbbbbbb"}
    assert ids(two, tag="50") == ids(two, tag="%") == set()
    set_favourite(two, "aaaaaaaa", False)
    assert ids(two, favourite=True) == set()


def test_tags_keep_their_order_and_spelling(two: Database) -> None:
    assert change_tags(two, "aaaaaaaa", add=["  before  the move ", "Slow"]) == ("before the move", "Slow")
    assert change_tags(two, "aaaaaaaa", add=["slow", "new"], remove=["before the move", "unknown"]) == ("Slow", "new")
    assert runs.find_run(two, "aaaaaaaa").tags == ("Slow", "new")
    change_tags(two, "bbbbbbbb", add=["slow"])
    assert tag_counts(two) == {"Slow": 2, "new": 1}
    runs.delete(two, "aaaaaaaa")
    assert tag_counts(two) == {"slow": 1}


@pytest.mark.parametrize(("tag", "why"), [(" \n", "empty"), ("x" * (LONGEST_TAG + 1), "too long")])
def test_a_tag_that_no_list_could_show_is_refused(two: Database, tag: str, why: str) -> None:
    with pytest.raises(StoreError, match=why):
        change_tags(two, "aaaaaaaa", add=["fine", tag])
    assert runs.find_run(two, "aaaaaaaa").tags == ()


def test_a_run_that_is_gone_cannot_be_tagged(two: Database) -> None:
    with pytest.raises(StoreError, match="no run cccc"):
        change_tags(two, "cccc", add=["a"])
