"""One cell is run again, and a case is added to a run: only what is new is sent, and every earlier reply stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from promptgrid import compare
from promptgrid.cases.table import Case
from promptgrid.compare import View, comparison_rows
from promptgrid.errors import MissingVariables, PlanError
from promptgrid.runner import client
from promptgrid.store import Database, commits, creation, results, runs
from tests.running import a_plan, a_run, carried_out, resumed

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")


def again(database: Database, run_id: str, position: int) -> int:
    added = creation.add_sample(database, run_id, position)
    assert carried_out(database, run_id) == "finished"
    return added


def outputs(database: Database, run_id: str) -> dict[int, str | None]:
    return {row.position: row.output for row in results.result_rows(database, run_id)}


def test_a_cell_that_is_run_again_gets_one_more_sample_beside_the_earlier_ones(
    database: Database, hostile: HostileServer
) -> None:
    run_id = a_run(database, a_plan(words=2, temperatures=[0, 1], samples=2))
    before, calls = outputs(database, run_id), hostile.calls("ok")
    assert [again(database, run_id, 1), again(database, run_id, 0)] == [8, 9]
    assert hostile.calls("ok") == calls + 2
    rows = list(results.result_rows(database, run_id))
    assert {row.position: row.output for row in rows[:8]} == before
    assert [(row.case_id, row.sample, row.status, row.reused) for row in rows[8:]] == [
        (rows[0].case_id, 2, "answered", False), (rows[0].case_id, 3, "answered", False),
    ]  # fmt: skip
    assert runs.find_run(database, run_id).total == 10
    place = comparison_rows(database, compare.facts(database, run_id), View()).layout.places
    assert sorted(place.samples.ravel().tolist()) == [2, 2, 2, 4]


def test_a_later_run_of_the_plan_and_more_samples_send_only_what_is_missing(
    database: Database, hostile: HostileServer
) -> None:
    run_id = a_run(database, a_plan(words=2))
    again(database, run_id, 0)
    assert hostile.calls("ok") == 3
    a_run(database, a_plan(words=2, samples=2))
    assert hostile.calls("ok") == 4
    client.extend(database, run_id, samples=2)
    assert carried_out(database, run_id) == "finished"
    assert hostile.calls("ok") == 4


def test_a_seed_goes_on_where_the_earlier_samples_ended(database: Database, hostile: HostileServer) -> None:
    run_id = a_run(database, a_plan(words=1, seed=5, samples=2))
    again(database, run_id, 0)
    assert sorted(request.body["seed"] for request in hostile.books.completions) == [5, 6, 7]


def test_a_reply_of_another_run_is_never_taken_for_the_new_one(database: Database, hostile: HostileServer) -> None:
    a_run(database, a_plan(words=1, samples=3))
    run_id = a_run(database, a_plan(words=1))
    assert hostile.calls("ok") == 3
    again(database, run_id, 0)
    assert hostile.calls("ok") == 4
    assert [row.sample for row in results.result_rows(database, run_id)] == [0, 3]


def test_a_failed_cell_is_sent_again_itself_and_alone(database: Database, hostile: HostileServer) -> None:
    run_id = a_run(database, a_plan("html", words=3, retries=0))
    hostile.answer = lambda body: "fine now"
    hostile.script("html", "ok")
    calls = hostile.calls("html")
    assert again(database, run_id, 1) == 1
    assert hostile.calls("html") == calls + 1
    assert [row.status for row in results.result_rows(database, run_id)] == ["failed", "answered", "failed"]


def test_a_run_with_pending_cells_or_in_progress_is_refused(database: Database) -> None:
    run_id = client.submit(database, a_plan(words=2))
    with pytest.raises(PlanError, match="still queued"):
        creation.add_sample(database, run_id, 0)
    commits.end(database, run_id, commits.claim(database, run_id), "stopped", "no credit")
    with pytest.raises(PlanError, match="2 pending cells"):
        creation.add_sample(database, run_id, 0)
    with pytest.raises(PlanError, match="2 pending cells"):
        client.submit_case(database, run_id, Case("new", {"word": "x"}))
    assert resumed(database, run_id) == "finished"
    assert again(database, run_id, 0) == 2


def test_an_added_case_is_answered_by_every_variant(database: Database, hostile: HostileServer) -> None:
    run_id = a_run(database, a_plan(words=2, temperatures=[0, 1], samples=2))
    case = Case("new", {"word": "fresh"}, "fresh")
    sheet = client.new_case_preflight(database, client.with_case(database, run_id, case))
    calls = hostile.calls("ok")
    assert client.submit_case(database, run_id, case) == sheet.cells == 4
    assert carried_out(database, run_id) == "finished"
    assert hostile.calls("ok") - calls == sheet.replies.calls
    rows = [row for row in results.result_rows(database, run_id) if row.case_id == "new"]
    assert [(row.status, row.expected, row.inputs) for row in rows] == [("answered", "fresh", {"word": "fresh"})] * 4
    assert [case.id for case in runs.plan_of(database, run_id).cases][-1] == "new"
    with pytest.raises(PlanError, match="called 'new'"):
        client.submit_case(database, run_id, case)
    with pytest.raises(MissingVariables):
        client.submit_case(database, run_id, Case("other", {"text": "x"}))


def test_a_case_added_to_a_run_with_failed_cells_sends_itself_alone(database: Database, hostile: HostileServer) -> None:
    run_id = a_run(database, a_plan("html", words=2, retries=0))
    hostile.script("html", "ok")
    client.submit_case(database, run_id, Case("new", {"word": "x"}))
    carried_out(database, run_id)
    assert [row.status for row in results.result_rows(database, run_id)] == ["failed", "failed", "answered"]
