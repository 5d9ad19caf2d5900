"""Similarity by embedding, against real sockets: told before, held by a budget, and no text is sent twice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from promptgrid import api
from promptgrid.budget import BudgetReached
from promptgrid.calls import call
from promptgrid.cli.sheet import as_text
from promptgrid.endpoint.embeddings import embeddings
from promptgrid.errors import EndpointError
from promptgrid.grading import parse_check
from promptgrid.grading.similarity import cosine
from promptgrid.grid import Plan
from promptgrid.judging import rescore
from promptgrid.prompt import Message, Prompt
from promptgrid.runner import client, phrases
from promptgrid.store import Database, results, runs
from promptgrid.store.attempts import NO_CELL, spent
from promptgrid.store.attempts import log as attempts_log
from promptgrid.store.schema import attempts
from tests.judging.rechecks import a_plan, rechecked, values
from tests.running import a_run

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint.answer = lambda body: f"It is 2, at {body.get('temperature')}."
    monkeypatch.setattr(call, "_FIRST_WAIT_S", 0.002)


def similar(model: str, **options: Any) -> str:
    return f"similarity:method=embedding,model=openai/{model}" + "".join(f",{k}={v}" for k, v in options.items())


def embedded_texts(hostile: HostileServer) -> list[str]:
    """All that were sent, in turn."""
    calls = [request for request in hostile.requests if request.path.endswith("/embeddings")]
    return [text for call in calls for text in call.body["input"]]


@pytest.fixture
def cats(database: Database, hostile: HostileServer) -> str:
    """A run of three replies to compare, of which two are the same."""
    hostile.answer = lambda body: "the red cat" if "3" not in body["messages"][-1]["content"] else "a dog"
    cases = [{"a": "1", "expected": "cat the red"}, {"a": "2", "expected": "dog"}, {"a": "3", "expected": "dog"}]
    return a_run(
        database, api.plan(Prompt("say", (Message("user", "Say {{ a }}."),)), cases, models="openai/m", checks=[])
    )


def test_embeddings_are_told_before_and_no_text_is_sent_twice(
    database: Database, hostile: HostileServer, cats: str
) -> None:
    planned = rescore.plan_recheck(database, cats, add=[parse_check(similar("vectors"))])
    (sheet,) = rescore.preflights(database, planned)
    assert (sheet.calls, sheet.texts, sheet.answered, sheet.embeds, sheet.free) == (1, 4, 0, True, True)
    assert embedded_texts(hostile) == []
    rescore.carry_out(database, planned)
    before = values(database, cats)
    assert sorted(embedded_texts(hostile)) == ["a dog", "cat the red", "dog", "the red cat"]
    (sheet,) = rescore.preflights(database, planned)
    assert (sheet.calls, sheet.texts, sheet.answered) == (0, 0, 4)
    rechecked(database, cats, similar("vectors", min=0.5))
    assert len(embedded_texts(hostile)) == 4
    assert values(database, cats) == before
    rechecked(database, cats, similar("others"))
    assert len(embedded_texts(hostile)) == 8


PRICED = '[models."vectors"]\ninput_price = 1000000\n[models."silent"]\ninput_price = 1000000\n'


@pytest.fixture
def priced(home: Path, hostile: HostileServer) -> None:
    """A token of `vectors` and `silent` costs a dollar; of other models nobody knows."""
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / "models.toml").write_text(PRICED)
    (home / "config" / "endpoints.toml").write_text(f'[paid]\nbase_url = "{hostile.url}"\nfree = false\n')


@pytest.mark.usefixtures("priced")
def test_embeddings_cost_what_was_told(database: Database, cats: str) -> None:
    planned = rescore.plan_recheck(database, cats, add=[parse_check(similar("vectors"))])
    (sheet,) = rescore.preflights(database, planned)
    assert sheet.cost_floor == sheet.cost_ceiling == sheet.prompt_tokens > 0
    rescore.carry_out(database, planned)
    assert runs.progress(database, cats).spent_usd == pytest.approx(9)  # words
    unknown = rescore.plan_recheck(database, cats, add=[parse_check("similarity:method=embedding,model=paid/other")])
    (sheet,) = rescore.preflights(database, unknown)
    assert phrases.cost(sheet) == "price not known"
    with pytest.raises(BudgetReached, match="price is not known"):
        rescore.carry_out(database, unknown, budget="5usd")


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize(("model", "budget"), [("vectors", "40usd"), ("silent", "40usd"), ("vectors", "40tok"),
                                               ("vectors", "0calls")])  # fmt: skip
def test_a_budget_holds_for_embeddings(
    database: Database, hostile: HostileServer, cats: str, model: str, budget: str
) -> None:
    with pytest.raises(BudgetReached):
        rechecked(database, cats, similar(model), budget=budget)  # 30 bytes, and up to 16 tokens more a text
    assert embedded_texts(hostile) == []
    rechecked(database, cats, similar(model), budget="120" + budget.lstrip("04"))
    assert len(embedded_texts(hostile)) == 4
    paid = spent(database, cats).usd  # what does not say what it cost has cost the most that it may
    assert paid == pytest.approx(9 if model == "vectors" else 30 + 4 * 16)


def test_one_text_that_is_refused_costs_the_others_nothing(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "word " * 20 if "4" in body["messages"][-1]["content"] else "dog"
    cases = [{"a": str(n), "expected": "dog"} for n in range(8)]
    plan = api.plan(Prompt("say", (Message("user", "Say {{ a }}."),)), cases, models="openai/m", checks=[])
    run_id = a_run(database, plan)
    rechecked(database, run_id, similar("short"))
    assert values(database, run_id)["similarity"] == pytest.approx([1, 1, 1, 1, None, 1, 1, 1])
    row = list(results.result_rows(database, run_id))[4]
    assert row.scores["similarity"].explanation.startswith("the check failed: ")


def test_embeddings_are_retried_as_often_as_any_call(database: Database, hostile: HostileServer, cats: str) -> None:
    rechecked(database, cats, similar("server-error"))
    attempted = 1 + Plan.retries
    assert len(embedded_texts(hostile)) == 4 * attempted
    with database.read() as connection:
        kinds = connection.scalars(sa.select(attempts.c.kind).where(attempts.c.position == NO_CELL)).all()
    assert list(kinds) == ["server"] * attempted
    assert attempts_log(database, cats, 0) == []


def test_a_new_run_tells_what_its_embeddings_may_take(database: Database, hostile: HostileServer) -> None:
    plan = a_plan(checks=[similar("vectors")], samples=2, max_tokens=10)
    (sheet,) = client.preflight(database, plan).judges
    assert (sheet.embeds, sheet.texts, sheet.calls, sheet.exact) == (True, 6, 1, False)  # a case has no expected value
    assert "embedded by openai/vectors: 1 call" in as_text(client.preflight(database, plan))
    run_id = a_run(database, plan)
    assert sorted(embedded_texts(hostile)) == ["2", "3"]
    assert len(values(database, run_id)["similarity"]) == 6


def test_similarity_by_embedding_asks_once_for_each_text(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "the red cat" if "1" in body["messages"][-1]["content"] else "zzz"
    cases = [{"a": "1", "expected": "cat the red"}, {"a": "2", "expected": "dog"}, {"a": "3"}]
    plan = api.plan(Prompt("say", (Message("user", "Say {{ a }}."),)), cases, models="openai/m", samples=2)
    run_id = a_run(database, plan)
    rechecked(database, run_id, "similarity:method=embedding,model=openai/vectors")
    assert values(database, run_id)["similarity"] == pytest.approx([1, 1, 0, 0, None, None])
    (call,) = [request for request in hostile.requests if request.path.endswith("/embeddings")]
    assert sorted(call.body["input"]) == ["cat the red", "dog", "the red cat", "zzz"]


@pytest.mark.parametrize(("model", "why"), [("html", "web page"), ("unauthorized", "key"), ("server-error", "")])
def test_an_endpoint_without_embeddings_scores_nothing(database: Database, model: str, why: str) -> None:
    run_id = a_run(database, a_plan())
    rechecked(database, run_id, f"similarity:method=embedding,model=openai/{model}")
    row = next(iter(results.result_rows(database, run_id)))
    assert row.scores["similarity"].value is None
    assert row.scores["similarity"].explanation.startswith("the check failed: ")
    assert why in row.scores["similarity"].explanation


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"data": [{"index": 0}]}', '{"data": [{"index": 1, "embedding": [1]}]}',
     '{"data": [{"index": 0, "embedding": [1, "x"]}]}', '{"data": [{"index": 0, "embedding": [NaN]}]}',
     '{"data": [{"index": 0, "embedding": [1e300]}]}'],
)  # fmt: skip
def test_what_is_no_vector_is_a_bad_reply(text: str) -> None:
    with pytest.raises(EndpointError) as caught:
        embeddings(text, 1)
    assert caught.value.kind == "bad_reply"


def test_the_cosine_of_nothing_is_no_number() -> None:
    assert cosine([1, 0], [2, 0]) == 1
    assert cosine([1, 0], [-1, 0]) == 0
    assert cosine([0, 0], [1, 0]) != cosine([0, 0], [1, 0])
    assert cosine([1], [1, 2]) != cosine([1], [1, 2])
