"""The sums of a results file equal the server's own books, for strategies and chains, whatever fails on the way."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from promptgrid import api
from promptgrid.calls import call
from promptgrid.compare.facts import facts
from promptgrid.compare.worth.sums import Spending
from promptgrid.export import read_csv
from promptgrid.export.runs import save_run
from promptgrid.grid import Plan
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.prompt.model import ChainStep
from promptgrid.runner import client
from promptgrid.store import Database, runs
from promptgrid.store.attempts import spent
from tests.running import RUNNER, carried_out, kill, named, process, resumed, until

if TYPE_CHECKING:
    from tests.faults.books import Recorded
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")
FAULTS = {"server-error": 0.1, "reset": 0.08, "half-body": 0.08, "null-content": 0.08, "rate-limited-ms": 0.1}
STRATEGIES = ["zero-shot", "chain-of-thought", "self-refine:rounds=1", "least-to-most", "best-of-n:n=2,choose=vote"]
QUESTION = Prompt("sum", (Message("user", "What is {{ sum }}?"),), answer=AnswerRule("number"))
CHAIN = replace(
    QUESTION,
    name="chain",
    messages=(Message("user", "Is {{ better }} right for {{ sum }}?"),),
    chain=(
        ChainStep("parts", text="user:\nWhich parts has {{ sum }}?", technique="step-back"),
        ChainStep("better", text="user:\nBetter than {{ better }}, by {{ parts }}", repeat=2),
    ),
)
ROOM = 12


@pytest.fixture(autouse=True)
def _prices(home: Path, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / "models.toml").write_text('[models."m"]\ninput_price = 1000000\noutput_price = 2000000\n')
    hostile.answer = lambda body: f"1. {len(json.dumps(body))}?\n2. two? {body.get('seed')}"
    monkeypatch.setattr(call, "_FIRST_WAIT_S", 0.002)


def a_plan(prompt: Prompt, **changes: Any) -> Plan:
    cases = [{"sum": f"{number} + {number}"} for number in range(6)]
    techniques = ["zero-shot", "self-refine:rounds=1"] if prompt.chain else STRATEGIES
    settings = {"models": "openai/m", "techniques": techniques, "samples": 2, "seed": 1, "max_tokens": ROOM}
    return api.plan(prompt, cases, doubts=False, **{**settings, "concurrency": 8, **changes})


def file_of(database: Database, run_id: str, home: Path) -> list[dict[str, Any]]:
    save_run(database, run_id, home / "out.csv", "csv")
    return [dict(row) for row in read_csv(home / "out.csv")]


def calls_in(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The calls that the run paid for and that brought a reply: a row, or each of its steps."""
    calls = [one for row in rows for one in (json.loads(row["steps_json"]) if row["steps_json"] else [row])]
    return [one for one in calls if not one["reused"] and one["completion_tokens"] is not None]


def equal_the_books(rows: list[dict[str, Any]], server: HostileServer) -> None:
    calls, good = calls_in(rows), [one for one in server.books.completions if one.whole and one.mode == "ok"]
    assert sum(1 / one.get("batch", 1) for one in calls) == pytest.approx(len(good))
    assert sum(map(tokens, calls)) == pytest.approx(sum(one.tokens for one in good))
    assert sum(one["cost_usd"] for one in calls) == pytest.approx(sum(map(price, good)))
    assert sum(row["attempts"] for row in rows) == len(server.books.completions)
    assert sum(row["lost_tokens"] or 0 for row in rows) >= server.books.tokens - sum(one.tokens for one in good)


def tokens(call: dict[str, Any]) -> float:
    """The tokens of a reply with its share of the prompt: replies of one call share it."""
    return float(call["prompt_tokens"] / call.get("batch", 1) + call["completion_tokens"])


def price(request: Recorded) -> int:
    """What the call cost, in dollars: a token of the prompt is one, a token of the reply two."""
    prompt = sum(len(message["content"].split()) for message in request.body["messages"])
    return 2 * request.tokens - prompt


@pytest.mark.parametrize("prompt", [QUESTION, CHAIN], ids=["strategies", "chain"])
def test_calls_tokens_and_cost_are_those_of_the_server(
    database: Database, hostile: HostileServer, home: Path, prompt: Prompt
) -> None:
    hostile.mix(FAULTS, seed=3)
    run_id = client.submit(database, a_plan(prompt, retries=2))
    assert carried_out(database, run_id) == "finished"
    rows = file_of(database, run_id, home)
    equal_the_books(rows, hostile)
    assert resumed(database, run_id) == "finished"  # what has failed, once more
    rows = file_of(database, run_id, home)
    equal_the_books(rows, hostile)
    known, paid = spent(database, run_id), calls_in(rows)
    assert known.tokens == round(sum(map(tokens, paid)) + sum(row["lost_tokens"] or 0 for row in rows))
    assert math.isclose(
        known.usd or 0.0, sum(one["cost_usd"] for one in paid) + sum(row["lost_cost_usd"] or 0.0 for row in rows)
    )


@pytest.fixture
def several(home: Path, hostile: HostileServer) -> Database:
    """A database, beside an endpoint `many` that takes requests for up to four replies."""
    settings = f'[many]\nbase_url = "{hostile.url}"\nmax_n = 4\nfree = false\n'
    (home / "config" / "endpoints.toml").write_text(settings)
    replies = count(1)
    hostile.answer = lambda body: f"1. {len(json.dumps(body))}?\n2. two? {next(replies)}"
    return Database()


SIDE_BY_SIDE = ["best-of-n:n=6,choose=vote", "best-of-n:n=3"]


@pytest.mark.parametrize("faults", [{}, FAULTS], ids=["no faults", "faults"])
def test_branches_that_came_by_one_request_are_paid_once(
    several: Database, hostile: HostileServer, home: Path, faults: dict[str, float]
) -> None:
    hostile.mix(faults, seed=5)
    plan = a_plan(QUESTION, models="many/m", techniques=SIDE_BY_SIDE, seed=None, retries=2)
    run_id = client.submit(several, plan)
    assert carried_out(several, run_id) == "finished"
    assert any("n" in one.body for one in hostile.books.completions)
    assert resumed(several, run_id) == "finished"  # what has failed, once more
    rows, known = file_of(several, run_id, home), spent(several, run_id)
    equal_the_books(rows, hostile)
    paid, lost = calls_in(rows), [(row["lost_tokens"] or 0, row["lost_cost_usd"] or 0.0) for row in rows]
    sent = sum(1 / one.get("batch", 1) for one in paid)
    assert runs.progress(several, run_id).calls == pytest.approx(sent, abs=0.5)
    assert known.tokens == pytest.approx(sum(map(tokens, paid)) + sum(one for one, _ in lost), abs=1)
    assert known.usd == pytest.approx(sum(one["cost_usd"] for one in paid) + sum(usd for _, usd in lost))
    for row in rows:  # a cell's own sums are those of its calls
        calls = json.loads(row["steps_json"])
        assert row["calls"] == math.ceil(sum(1 / one.get("batch", 1) for one in calls) - 0.01)
        assert row["prompt_tokens"] + row["completion_tokens"] == pytest.approx(sum(map(tokens, calls)), abs=1)
    worth = Spending.of(facts(several, run_id), {}, "tokens")
    every = [one for row in rows for one in json.loads(row["steps_json"])]  # a reused reply counts in each variant
    assert worth.tokens.sum() == pytest.approx(sum(map(tokens, every)), abs=len(rows))
    assert worth.share.sum() == len(rows)


@pytest.mark.parametrize("model", ["few-choices", "refuses-n"])
def test_an_endpoint_that_does_not_honour_n_still_brings_every_branch(
    several: Database, hostile: HostileServer, home: Path, model: str
) -> None:
    plan = a_plan(QUESTION, models=f"many/{model}", techniques=SIDE_BY_SIDE[:1], seed=None, samples=1, concurrency=1)
    run_id = client.submit(several, replace(plan, cases=plan.cases[:2]))
    assert carried_out(several, run_id) == "finished"
    rows = file_of(several, run_id, home)
    assert [row["status"] for row in rows] == ["answered"] * 2
    assert [len(json.loads(row["steps_json"])) for row in rows] == [6, 6]
    assert sum(row["attempts"] for row in rows) == len(hostile.books.completions)


def test_branches_of_a_killed_run_are_not_sent_again_and_count_as_one_attempt(
    several: Database, hostile: HostileServer, home: Path
) -> None:
    hostile.latency_s = 0.05
    plan = a_plan(QUESTION, models="many/m", techniques=["best-of-n:n=6,choose=judge"], seed=None)
    run_id = client.submit(several, plan)
    with process(home, *RUNNER) as runner:
        until(lambda: len(hostile.books.completions) >= 20)
        kill(runner)
    until(lambda: not hostile.books.in_flight)
    assert carried_out(several, run_id) == "finished"
    rows = file_of(several, run_id, home)
    assert not any(row["reused"] for row in rows)
    paid = sum(1 / one.get("batch", 1) for one in calls_in(rows))
    assert sum(row["attempts"] for row in rows) == round(paid)
    assert 0 <= len(hostile.books.completions) - round(paid) <= 8


def test_a_run_that_was_killed_in_mid_chain_has_all_calls_in_its_file(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    hostile.latency_s = 0.05
    run_id = client.submit(database, a_plan(CHAIN, techniques=["self-refine:rounds=1"]))
    with process(home, *RUNNER) as runner:
        until(lambda: len(hostile.books.completions) >= 20)
        kill(runner)
    until(lambda: not hostile.books.in_flight)
    assert carried_out(database, run_id) == "finished"
    rows = file_of(database, run_id, home)
    assert not any(row["reused"] for row in rows)
    lost = len(hostile.books.completions) - sum(row["attempts"] for row in rows)
    assert 0 <= lost == len(hostile.books.completions) - len(calls_in(rows)) <= 8


def test_a_run_that_stops_in_mid_chain_has_what_it_paid_in_its_file(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    run_id = client.submit(database, a_plan(CHAIN, budget="20calls"))
    assert carried_out(database, run_id) == "stopped"
    assert named(database, run_id, "pending")
    equal_the_books(file_of(database, run_id, home), hostile)
    assert runs.progress(database, run_id).spent_usd == pytest.approx(sum(map(price, hostile.books.completions)))
