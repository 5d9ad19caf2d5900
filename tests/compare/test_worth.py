"""What variants are worth, by runs over real sockets."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from promptgrid.compare import View, facts
from promptgrid.compare.worth import column_worth, fair_plan, worth
from promptgrid.errors import CompareError
from promptgrid.runner import client
from promptgrid.store import Database, attempts, runs
from promptgrid.store.across.fair_runs import fair_runs
from promptgrid.store.results import result_rows
from tests.command import promptgrid
from tests.running import carried_out
from tests.stored import Cell, store_run
from tests.sums import refining, run_of

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")


def test_calls_tokens_and_time_are_those_of_all_steps(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    run_id, (plain, steps) = run_of(database, techniques=["chain-of-thought", "self-refine:rounds=1"])
    assert (plain.calls, steps.calls) == (1, 3)
    assert (plain.correct, steps.correct) == (4, 8)
    rows = [row for row in result_rows(database, run_id) if row.technique != "chain-of-thought"]
    tokens = sum((row.prompt_tokens or 0) + (row.completion_tokens or 0) for row in rows)
    assert steps.cost == pytest.approx(tokens / 8)
    assert steps.unit == "tokens"  # the endpoint on this machine is free
    assert steps.per_correct == pytest.approx(tokens / 8)


def test_one_more_correct_answer_has_a_price(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    _, (plain, steps) = run_of(database, techniques=["chain-of-thought", "self-refine:rounds=1"])
    assert plain.cost is not None
    assert steps.cost is not None
    assert steps.per_more == pytest.approx(8 * (steps.cost - plain.cost) / 4)
    assert steps.per_more_interval is not None
    assert steps.per_more_interval.low < (steps.per_more or 0) < steps.per_more_interval.high
    assert plain.per_more is None
    assert plain.on_front
    assert steps.on_front


def test_what_costs_more_and_gives_no_more_is_not_on_the_front(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: f"Answer: {int(body['messages'][0]['content'].split()[2].split('+')[0]) + 1}"
    _, (plain, steps) = run_of(database, techniques=["chain-of-thought", "self-refine:rounds=1"])
    assert plain.on_front
    assert not steps.on_front
    assert steps.per_more is None


def a_reply(database: Database, run_id: str) -> float:
    rows = [row for row in result_rows(database, run_id) if row.technique == "self-consistency"]
    return sum((row.prompt_tokens or 0) + (row.completion_tokens or 0) for row in rows) / len(rows)


def test_the_fair_comparison_votes_with_as_many_tokens(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    run_id, (vote, steps) = run_of(
        database, techniques=["self-consistency", "self-refine:rounds=1"], samples=6, temperatures=[1.0]
    )
    assert steps.fair is not None
    assert steps.cost is not None
    assert steps.fair.samples == round(steps.cost / a_reply(database, run_id)) == 5
    figures = steps.fair.worth
    assert figures is not None
    assert (figures.answers, figures.correct) == (8, 4)  # a vote of equal replies is no better than one
    assert figures.cost == pytest.approx(5 * a_reply(database, run_id))
    assert figures.calls == 5
    assert vote.fair is None


def test_the_run_that_a_fair_comparison_lacks_is_planned_and_then_shown(
    database: Database, hostile: HostileServer
) -> None:
    hostile.answer = refining
    run_id, (_, steps) = run_of(
        database, techniques=["zero-shot", "self-refine:rounds=1"], temperatures=[1.0], max_tokens=50, budget="9usd"
    )
    assert steps.fair is not None
    assert steps.fair.worth is None
    plan = fair_plan(database, run_id, steps)
    assert (plan.techniques, plan.models, len(plan.cases)) == (("self-consistency",), ("openai/ok",), 8)
    assert (plan.axes["temperature"], plan.parameters.max_tokens, plan.budget) == ((1.0,), 50, "9usd")
    assert 2 <= plan.samples <= 6
    assert carried_out(database, client.submit(database, plan, fair_for=run_id)) == "finished"
    (_, after) = worth(database, run_id)
    assert after.fair is not None
    fair_id = fair_runs(database, run_id)[0].id
    if (after.fair.samples or 0) > plan.samples:  # its replies were longer than those of the technique
        again = fair_plan(database, run_id, after)
        before = hostile.calls("ok")
        assert carried_out(database, client.submit(database, again, fair_for=run_id)) == "finished"
        assert hostile.calls("ok") - before <= 8 * (again.samples - plan.samples)  # the first replies are reused
        fair_id = fair_runs(database, run_id)[0].id
        (_, after) = worth(database, run_id)
    assert after.fair is not None
    assert after.fair.run_id == fair_id
    assert after.fair.worth is not None
    assert (after.fair.worth.answers, after.fair.worth.correct) == (8, 4)
    runs.delete(database, fair_id)
    assert fair_id not in [run.id for run in fair_runs(database, run_id)]


def test_a_column_of_several_variants_has_no_fair_comparison(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    run_id, _ = run_of(database, techniques=["self-refine:rounds=1"], temperatures=[0.5, 1.0])
    (both,) = column_worth(database, facts(database, run_id), View(columns=("technique",), rows=("case",)))
    assert both.fair is None
    with pytest.raises(CompareError, match="no fair comparison"):
        fair_plan(database, run_id, both)


def test_no_correct_answer_has_no_price(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "Answer: -1"
    _, (only,) = run_of(database)
    assert (only.correct, only.per_correct, only.interval) == (0, None, None)


def test_lost_calls_are_a_part_of_the_cost(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptgrid.calls.call._FIRST_WAIT_S", 0.01)
    hostile.answer = refining
    hostile.script("ok", "html", "ok")
    run_id, (only,) = run_of(database, max_tokens=16)
    ((_, (_, tokens)),) = attempts.lost_by_cell(database, run_id).items()
    assert tokens > 16
    rows = list(result_rows(database, run_id))
    spent = sum((row.prompt_tokens or 0) + (row.completion_tokens or 0) for row in rows)
    assert only.cost == pytest.approx((spent + tokens) / 8)
    assert only.interval is not None
    assert not math.isnan(only.interval.low)


def test_the_command_shows_costs_and_sends_the_fair_comparison(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    run_id, _ = run_of(database, techniques=["self-consistency", "self-refine:rounds=1"], samples=3, temperatures=[1])
    shown = promptgrid("worth", run_id)
    assert shown.exit_code == 0
    assert "Per correct answer, tokens" in shown.output
    assert "there are too few replies for 5 votes of self-consistency" in shown.output
    assert f"promptgrid worth {run_id} --fair" in shown.output
    (vote, steps) = json.loads(promptgrid("worth", run_id, "--json").output)
    assert (vote["calls"], steps["calls"]) == (3, 3)
    assert steps["interval"]["low"] > 0
    sent = hostile.calls("ok")
    fair = promptgrid("worth", run_id, "--fair")
    assert fair.exit_code == 0
    assert "16 calls to send, 24 already answered" in fair.stderr
    assert hostile.calls("ok") - sent == 16
    assert "↳ 5 votes of self-consistency" in fair.stdout
    assert "too few" not in fair.stdout


def test_the_money_of_a_cell_that_failed_is_a_part_of_the_cost(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    hostile.script("ok", "ok", "html", "ok")
    run_id, (only,) = run_of(database, max_tokens=16, retries=0, concurrency=1)
    ((position, (_, tokens)),) = attempts.lost_by_cell(database, run_id).items()
    rows = list(result_rows(database, run_id))
    assert [row.position for row in rows if row.status == "failed"] == [position]
    spent = sum((row.prompt_tokens or 0) + (row.completion_tokens or 0) for row in rows)
    assert only.answers == 7
    assert only.cost == pytest.approx((spent + tokens) / 7)


def test_a_run_in_which_nothing_is_scored_says_so(database: Database) -> None:
    store_run(database, [Cell("1")])
    assert promptgrid("worth", "run00001").output.startswith("No reply is scored.")


def test_a_call_that_brings_several_replies_counts_once() -> None:
    database = Database()
    cells = [
        Cell("1", batch=4, prompt_tokens=100, completion_tokens=10, latency_ms=800.0, score=1.0, cost_usd=0.0)
        for _ in range(4)
    ]
    store_run(database, cells)
    (only,) = worth(database, "run00001")
    assert (only.calls, only.prompt_tokens, only.completion_tokens, only.seconds) == (0.25, 25, 10, 0.2)
    assert (only.unit, only.cost) == ("tokens", 35)
