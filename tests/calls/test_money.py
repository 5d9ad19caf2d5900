"""What a call cost, by the usage that its endpoint reports: shares add up, and what cannot be true is not believed."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from promptgrid import connections
from promptgrid.budget import Cost
from promptgrid.calls.batch import Batch
from promptgrid.cli import sheet
from promptgrid.compare import count_differences
from promptgrid.endpoint.usage import MOST, read_usage, shares
from promptgrid.grid import decide, points
from promptgrid.grid.preflight import EstimateTally, preflight
from promptgrid.models import ModelFacts, cost_of, cost_shares
from promptgrid.runner import client
from promptgrid.store import Database, attempts, runs
from promptgrid.store.results import result_rows
from tests.running import a_plan, a_run, carried_out, statuses

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")
FACTS = ModelFacts("m", input_price=Decimal("1.25"), output_price=Decimal("2.5"), cached_price=Decimal("0.2"))


@pytest.fixture(autouse=True)
def _prices(home: Path, hostile: HostileServer) -> None:
    (home / "config").mkdir(parents=True, exist_ok=True)
    prices = '[models."m"]\ninput_price = 1.25\noutput_price = 2.5\ncached_price = 0.2\n'
    (home / "config" / "models.toml").write_text(prices)
    (home / "config" / "endpoints.toml").write_text(f'[many]\nbase_url = "{hostile.url}"\nmax_n = 8\nfree = false\n')


def of_eight(**changes: Any) -> Any:
    """20 calls of eight samples each."""
    return replace(a_plan(words=20, samples=8, max_tokens=40, **changes), models=("many/m",))


def usage(hostile: HostileServer, **reported: Any) -> None:
    hostile.script("m", "any-usage")
    hostile.usage = reported


def test_the_usage_of_a_call_with_n_is_its_sum(database: Database, hostile: HostileServer) -> None:
    usage(hostile, prompt_tokens=2000, completion_tokens=150)
    run_id = a_run(database, of_eight())
    rows = list(result_rows(database, run_id))
    assert hostile.calls("m") == 20
    assert runs.progress(database, run_id).spent_usd == pytest.approx(0.0575, abs=1e-12)
    assert sum(row.completion_tokens or 0 for row in rows) == 20 * 150
    assert sum(row.cost_usd or 0.0 for row in rows) == pytest.approx(0.0575, abs=1e-12)
    assert {row.prompt_tokens for row in rows} == {2000}
    spent = attempts.spent(database, run_id)
    assert (spent.tokens, spent.calls) == (20 * 2150, 20)
    assert spent.usd == pytest.approx(0.0575, abs=1e-12)


def test_a_budget_is_settled_by_the_sum(database: Database, hostile: HostileServer) -> None:
    usage(hostile, prompt_tokens=20, completion_tokens=16)
    run_id = a_run(database, of_eight(budget="1500tok"))
    assert statuses(database, run_id) == {"answered": 160}
    assert attempts.spent(database, run_id).tokens == 20 * 36


def test_tools_and_a_schema_are_in_the_worst_case_of_a_call() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "label", "schema": {"enum": ["long"] * 100}}}
    attached = {"response_format": schema, "extra_body": {"tools": [{"type": "function", "function": {"name": "f"}}]}}
    worst = []
    given: list[dict[str, Any]] = [{}, attached]
    for parameters in given:
        plan = a_plan(words=1, max_tokens=40, **parameters)
        point = next(points(plan, {"openai": connections.connect("openai")}, decide(plan)))
        worst.append(Batch(point, (0,)).worst(FACTS).tokens or 0)
    assert worst[1] >= worst[0] + len(json.dumps(attached)) - 60


def test_the_preflight_counts_the_prompt_once_a_call() -> None:
    whole = preflight(EstimateTally(of_eight(), lambda keys: {}, lambda ref: 1.0))
    alone = preflight(EstimateTally(replace(of_eight(), samples=1), lambda keys: {}, lambda ref: 1.0))
    assert (whole.replies.calls, whole.replies.asked, whole.seconds) == (20, 160, 160.0)
    assert whole.replies.prompt_tokens == alone.replies.prompt_tokens
    assert whole.replies.cost_floor == alone.replies.cost_floor
    assert whole.replies.completion_ceiling == 160 * 40
    assert whole.replies.cost_ceiling == pytest.approx((whole.replies.cost_floor or 0) + 160 * 40 * 2.5e-6)


def test_later_counts_are_corrected_by_the_usage_of_replies_and_this_is_shown(
    database: Database, hostile: HostileServer
) -> None:
    before = client.preflight(database, of_eight())
    counted = before.replies.prompt_tokens // 20
    usage(hostile, prompt_tokens=2 * counted, completion_tokens=16)
    run_id = a_run(database, replace(of_eight(), samples=1))
    after = client.preflight(database, replace(of_eight(), fresh=True))
    assert after.replies.prompt_tokens == 2 * before.replies.prompt_tokens
    assert "Corrected by +100%, as the latest replies report (20)." in sheet.as_text(after)
    (sentence,) = count_differences(database, run_id)
    assert f"the prompts took {40 * counted:,} tokens where {20 * counted:,} were counted (+100.0%)" in sentence
    assert count_differences(database, a_run(database, replace(of_eight(), samples=1, fresh=True))) == []


def test_reasoning_beside_the_completion_is_paid(database: Database, hostile: HostileServer) -> None:
    reported: dict[str, Any] = {
        "prompt_tokens": 10_120, "completion_tokens": 1_499, "total_tokens": 14_428,
        "completion_tokens_details": {"reasoning_tokens": 2_809}, "prompt_tokens_details": {"cached_tokens": 128},
    }  # fmt: skip
    counts = read_usage({"usage": reported})
    assert (counts.prompt, counts.completion, counts.reasoning, counts.cached) == (10_120, 4_308, 2_809, 128)
    assert cost_of(FACTS, counts.prompt, counts.completion, counts.cached).usd == pytest.approx(0.0232856, abs=1e-9)
    del reported["total_tokens"]
    assert read_usage({"usage": reported}).completion == 4_308
    usage(hostile, **reported)
    (row,) = result_rows(database, a_run(database, replace(a_plan(words=1), models=("many/m",))))
    assert row.cost_usd == pytest.approx(0.0232856, abs=1e-9)


IMPLAUSIBLE = [
    ({"prompt_tokens": 0, "completion_tokens": 0}, "0 prompt tokens"),
    ({"prompt_tokens": 10, "completion_tokens": 0}, "0 completion tokens"),
    ({"prompt_tokens": 10, "completion_tokens": -5}, "-5 completion tokens"),
    ({"prompt_tokens": "ten", "completion_tokens": "5"}, "'ten' prompt tokens"),
    ({"prompt_tokens": 2**53, "completion_tokens": 2**53}, f"{2**53} prompt tokens"),
    ({"prompt_tokens": 10, "completion_tokens": MOST + 1}, f"{MOST + 1} completion tokens"),
    ({}, "did not report"),
]


@pytest.mark.parametrize(("reported", "says"), IMPLAUSIBLE)
@pytest.mark.parametrize("budget", ["", "5calls", "1usd"])
def test_usage_that_cannot_be_true_is_counted_at_its_worst_and_said(
    database: Database, hostile: HostileServer, reported: dict[str, Any], says: str, budget: str
) -> None:
    usage(hostile, **reported)
    plan = replace(a_plan(words=1, max_tokens=40, budget=budget), models=("many/m",))
    run_id = client.submit(database, plan)
    assert carried_out(database, run_id) == "finished"
    (row,) = result_rows(database, run_id)
    assert (row.status, row.cost_usd) == ("answered", None)
    (attempt,) = attempts.log(database, run_id, row.position)
    assert says in attempt.message
    assert "The most it may have cost is counted." in attempt.message
    worst = attempts.spent(database, run_id)
    assert worst.calls == 1
    assert worst.usd is not None
    assert 40 * 2.5e-6 < worst.usd < 0.01


@pytest.mark.parametrize(("total", "weights"), [(150, [3, 3, 3, 1]), (7, [0, 0, 0]), (0, [1, 2]), (1, [5, 5, 5])])
def test_shares_add_up(total: int, weights: list[int]) -> None:
    parts = [part for part in shares(total, weights) if part is not None]
    assert (sum(parts), len(parts), min(parts) >= 0) == (total, len(weights), True)


def test_a_long_prompts_price_is_that_of_the_whole_call() -> None:
    facts = connections.model_facts("many/m")
    whole = cost_of(facts, 5000, 30, 100)
    parts = cost_shares(facts, 5000, [10, 0, 20], 100)
    assert sum(part.usd or 0 for part in parts) == pytest.approx(whole.usd, abs=1e-15)
    assert sum(part.tokens or 0 for part in parts) == whole.tokens
    assert cost_shares(facts, 5000, [10, None], 100) == [Cost(None, None)] * 2
