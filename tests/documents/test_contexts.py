"""Retrieval in the grid: what the cells of a run show of documents, and what is told before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptgrid import api, connections
from promptgrid.documents.adding import Source, add
from promptgrid.documents.contexts import with_contexts
from promptgrid.endpoint import Reply, Request, ScriptedEndpoint
from promptgrid.errors import PlanError, PromptError, PromptgridError
from promptgrid.grid import Plan, decide, points, skipped
from promptgrid.prompt import Prompt, dumps, loads
from promptgrid.runner import client
from promptgrid.store import Database, runs
from promptgrid.store.documents import collections
from promptgrid.store.documents.retrieved import retrieved_of
from promptgrid.store.results import result_rows
from tests.running import carried_out, resumed

TEXTS = {
    "boat.md": "# The ferry\n\nThe ferry leaves at nine.\n\nThe ferry returns at ten.",
    "zoo.md": "# The zoo\n\nZebras graze lazily. The zoo opens at noon.",
}
GOLD = f"zoo.md:{TEXTS['zoo.md'].index('The zoo opens')}-{len(TEXTS['zoo.md'])}"
CASES = [
    {"question": "When does the ferry leave?", "expected": "nine", "gold": "boat.md:13-38"},
    {"question": "When does the zoo open?", "expected": "noon", "gold": GOLD},
    {"question": "Who wrote the anthem?", "expected": "not stated", "gold": ""},
]
TEXT = """---
name: ask
metadata:
  retrieval: {collection: town, chunker: "sentences:size=8", k: 1}
---
user:
{{ context }}

Question: {{ question }}
"""


@pytest.fixture
def sent(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The requests that a scripted model, reader/any, was sent; it repeats what it was sent."""
    requests: list[Request] = []

    def reply(request: Request) -> Reply:
        requests.append(request)
        return Reply(request.messages[-1].text, prompt_tokens=5, completion_tokens=5)

    endpoint = ScriptedEndpoint(reply, name="reader", models=("any",))
    connect: Callable[[str], Any] = connections.connect
    (home / "config").mkdir(parents=True)
    (home / "config" / "endpoints.toml").write_text('[reader]\nbase_url = "http://127.0.0.1:9/v1"\n', "utf-8")
    monkeypatch.setattr(connections, "connect", lambda name: endpoint if name == "reader" else connect(name))
    return requests


@pytest.fixture
def database(home: Path) -> Database:
    database = Database()
    town = collections.create(database, "town")
    list(add(database, town, [Source(name, data=text.encode()) for name, text in TEXTS.items()]))
    return database


def ask(text: str = TEXT) -> Prompt:
    return loads(text, "ask")


def a_plan(**changes: Any) -> Plan:
    settings: dict[str, Any] = {
        "prompts": ask(),
        "cases": CASES,
        "models": "reader/any",
        "show": lambda note: None,
    } | changes
    return api.plan(**settings)


def finished(database: Database, plan: Plan) -> str:
    run_id = client.submit(database, plan)
    assert carried_out(database, run_id) == "finished"
    return run_id


def test_a_prompt_file_keeps_what_it_retrieves() -> None:
    prompt = ask()
    assert (prompt.parameters.collection, prompt.parameters.chunks) == ("town", 1)
    assert loads(dumps(prompt), "ask") == prompt
    assert ask(TEXT.replace("k: 1", "k: 2")).version != prompt.version


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [("k: 0", "goes from 1"), ("size: 3", "is not known"), ("order: worst", "best-first or best-last")],
)
def test_a_setting_that_cannot_be_is_named_with_its_line(wrong: str, reason: str) -> None:
    with pytest.raises(PromptError, match=reason):
        ask(TEXT.replace("k: 1", wrong))


def test_what_is_retrieved_is_sent_and_had_again_for_each_cell(database: Database, sent: list[Request]) -> None:
    run_id = finished(database, a_plan(retrievers=["none", "bm25", "oracle"], chunks=[1, 2]))
    rows = {row.position: row for row in result_rows(database, run_id)}
    shown = {
        (row.parameters["retriever"], row.parameters["chunks"], row.case_id): retrieved_of(database, run_id, position)
        for position, row in rows.items()
    }
    assert len(shown) == 4 * len(CASES)  # k changes nothing without documents, and for the oracle
    assert [one.text.strip() for one in shown["bm25", 1, "1"]] == ["The ferry leaves at nine."]
    assert [one.document for one in shown["oracle", None, "2"]] == ["zoo.md"]
    assert {len(shown["none", None, row.case_id]) for row in rows.values()} == {0}
    assert [one.rank for one in shown["bm25", 2, "1"]] == [1, 2]
    for row in rows.values():
        prompt = row.output or ""
        for number, one in enumerate(retrieved_of(database, run_id, row.position), 1):
            assert f"[{number}] {one.title}\n{one.text.strip()}" in prompt
            assert TEXTS[one.document][one.start : one.end] == one.text
    bodies = [json.dumps(connections.connect("reader").wire(request)) for request in sent]
    assert not any('"collection"' in body or '"chunks"' in body or '"retriever"' in body for body in bodies)


def test_settings_that_show_the_same_share_a_reply_and_stay_apart(database: Database, sent: list[Request]) -> None:
    run_id = finished(database, a_plan(chunkers=["sentences:size=8", "sentences:size=8,overlap=1"]))
    rows = list(result_rows(database, run_id))
    assert [row.status for row in rows] == ["answered"] * 2 * len(CASES)
    same = [row for row in rows if row.case_id == "1"]
    assert len({row.output for row in same}) == 1
    assert len(sent) == len({row.output for row in rows})


def test_a_run_that_was_planned_is_not_changed_by_its_collection(database: Database, sent: list[Request]) -> None:
    run_id = client.submit(database, a_plan())
    town = collections.find(database, "town")
    collections.delete(database, town.id)
    collections.purge(database)
    assert carried_out(database, run_id) == "finished"
    assert resumed(database, run_id) == "finished"
    assert "leaves at nine" in sent[0].messages[0].text
    with pytest.raises(PromptgridError, match="no collection"):
        client.submit(database, a_plan())


def test_a_run_is_extended_by_a_retriever_and_sends_no_more_than_that(database: Database, sent: list[Request]) -> None:
    run_id = finished(database, a_plan(retrievers=["bm25"]))
    before = len(sent)
    assert client.extend(database, run_id, retrievers=["none"]) == len(CASES)
    assert carried_out(database, run_id) == "finished"
    assert runs.find_run(database, run_id).total == 2 * len(CASES)
    assert all("[1]" not in request.messages[0].text for request in sent[before:])


def test_the_best_chunk_can_stand_last(database: Database, sent: list[Request]) -> None:
    plan = with_contexts(database, a_plan(chunks=2, chunk_orders=["best-first", "best-last"]))
    assert plan.contexts is not None
    first, last = (
        plan.contexts.passages(variant.sent.parameters, plan.cases[0])
        for variants in decide(plan).values()
        for variant in variants
    )
    assert [one.rank for one in first] == [1, 2]
    assert last == tuple(reversed(first))


def test_a_prompt_without_context_is_not_varied_by_retrieval(database: Database, sent: list[Request]) -> None:
    plain = loads("user:\n{{ question }}", "plain")
    plan = a_plan(prompts=plain, collections=["town"], retrievers=["bm25", "all"])
    run_id = finished(database, plan)
    notes = {row.parameters["retriever"]: row.parameter_note for row in result_rows(database, run_id)}
    assert "the prompt does not show {{ context }}" in notes[None]
    assert len(sent) == len(CASES)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"chunkers": ["pages"]}, "No chunker is called 'pages'"),
    ({"retrievers": ["bm52"]}, "No retriever is called 'bm52'"),
    ({"collections": ["village"]}, "no collection of documents called 'village'"),
    ({"collections": ["brackwater-en"]}, "has not been added yet"),
    ({"retrievers": ["oracle"], "cases": [{"question": "When?"}]}, "needs a column gold"),
    ({"retrievers": ["oracle"], "cases": [{"question": "When?", "gold": "bus.md:1-2"}]}, "no document bus.md"),
    ({"cases": [{"question": "When?", "context": "now"}]}, "a column context, which retrieval"),
    ({"prompts": loads(TEXT.replace("{{ context }}", ""), "ask")}, "shows nothing of it"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_what_cannot_be_retrieved_is_told_before_anything_is_sent(
    database: Database, sent: list[Request], changes: dict[str, Any], message: str
) -> None:
    for attempt in (client.preflight, client.submit):
        with pytest.raises(PromptgridError, match=message):
            attempt(database, a_plan(**changes))
    assert runs.list_runs(database) == []


def test_a_missing_embedder_is_told(database: Database, monkeypatch: pytest.MonkeyPatch, sent: list[Request]) -> None:
    monkeypatch.setattr("promptgrid.documents.contexts.is_available", lambda embedder: False)
    with pytest.raises(PromptgridError, match="needs the built-in embedder"):
        client.preflight(database, a_plan(retrievers=["hybrid"]))


def test_a_k_above_the_number_of_chunks_is_a_doubt(database: Database, sent: list[Request]) -> None:
    assert any("k is 50, and town has" in doubt for doubt in client.preflight(database, a_plan(chunks=50)).doubts)


def test_a_plan_that_was_not_searched_for_is_refused(database: Database, sent: list[Request]) -> None:
    with pytest.raises(PlanError, match="Nothing was retrieved"):
        next(points(a_plan(), {"reader": connections.connect("reader")}, decide(a_plan())))
    assert skipped(a_plan()) == []


def test_the_chunks_are_a_list_too(database: Database, sent: list[Request]) -> None:
    text = TEXT.replace("{{ context }}", "{% for c in chunks %}<{{ c.number }}|{{ c.title }}|{{ c.text }}>{% endfor %}")
    finished(database, a_plan(prompts=loads(text, "ask")))
    assert sent[0].messages[0].text.startswith("<1|The ferry|The ferry leaves at nine.>")


def test_preflight_sends_no_text_to_an_embedder(database: Database, sent: list[Request]) -> None:
    plan = a_plan(retrievers=["embedding:embedder=reader/any"])
    doubts = client.preflight(database, plan).doubts
    assert any("by reader/any are made when the run starts" in doubt for doubt in doubts)
    finished(database, plan)
    assert not any("are made when" in doubt for doubt in client.preflight(database, plan).doubts)
