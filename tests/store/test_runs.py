"""The list of runs: progress, asking, deleting and what comes back."""

from __future__ import annotations

import pytest

from promptgrid.errors import StoreError
from promptgrid.store import Database, attempts, commits, results, runs, stored_replies
from promptgrid.store.commits import CellOutcome, CellResult, Group
from tests.commits import answer_all, answered, greeting_plan, pending, queued

pytestmark = pytest.mark.usefixtures("openai")


def test_progress_counts_and_spends(database: Database) -> None:
    run_id = queued(database, greeting_plan(samples=2))
    assert runs.progress(database, run_id).by_status == {"pending": 4}
    answer_all(database, run_id)
    progress = runs.progress(database, run_id)
    assert (progress.done, progress.total, progress.spent_usd) == (4, 4, 2.0)
    assert (progress.reused, progress.retried) == (0, 0)
    assert attempts.spent(database, run_id).tokens == 4 * 6


def test_an_unknown_price_is_not_zero(database: Database) -> None:
    run_id = queued(database, greeting_plan())
    epoch = commits.claim(database, run_id)
    commits.commit(database, run_id, epoch, Group([answered(0, cost=None)]))
    assert runs.progress(database, run_id).spent_usd is None


def test_why_a_run_stopped_survives_a_cancel_that_does_nothing(database: Database) -> None:
    run_id = queued(database, greeting_plan())
    commits.end(database, run_id, commits.claim(database, run_id), "stopped", "No credit left.")
    runs.ask(database, run_id, "pause")
    assert runs.find_run(database, run_id).message == "No credit left."


def test_a_deleted_run_that_goes_on_is_in_the_list_again(database: Database) -> None:
    run_id = queued(database, greeting_plan())
    runs.delete(database, run_id)
    runs.ask(database, run_id, "resume")
    assert [(r.id, r.ended) for r in runs.list_runs(database)] == [(run_id, None)]


def test_delete_has_a_way_back_until_purge(database: Database) -> None:
    other, gone = queued(database, greeting_plan()), queued(database, greeting_plan())
    answer_all(database, gone)
    runs.delete(database, gone)
    assert [r.id for r in runs.list_runs(database)] == [other]
    assert [r.id for r in runs.list_runs(database, deleted=True)] == [gone]
    runs.restore(database, gone)
    assert len(runs.list_runs(database)) == 2
    runs.delete(database, gone)
    assert runs.purge(database) == 1
    assert runs.list_runs(database, deleted=True) == []
    assert [r.id for r in runs.list_runs(database)] == [other]


def test_purge_keeps_replies_that_another_run_shows(database: Database) -> None:
    paid, shows = queued(database, greeting_plan()), queued(database, greeting_plan())
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
    assert [row.output for row in results.result_rows(database, shows)] == ["hello", "hello"]


def test_deleting_an_active_run_cancels_it(database: Database) -> None:
    run_id = queued(database, greeting_plan())
    runs.delete(database, run_id)
    assert runs.find_run(database, run_id).status == "cancelled"
    assert {row.status for row in results.result_rows(database, run_id)} == {"cancelled"}


def test_the_last_run_of_an_empty_database_is_refused_with_what_to_do(database: Database) -> None:
    with pytest.raises(StoreError, match="There are no runs yet"):
        runs.find_run(database, "last")


def test_runs_are_found_by_the_beginning_of_their_id(database: Database) -> None:
    run_id = queued(database, greeting_plan())
    assert runs.find_run(database, run_id[:5]).id == run_id
    assert runs.find_run(database, "last").id == run_id
    with pytest.raises(StoreError, match="no run that starts"):
        runs.find_run(database, "zzz")
