"""Runs whose model decides what they retrieve: by another query, by several, by another order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from promptgrid import api, compare, connections, loop
from promptgrid.budget import Cost
from promptgrid.calls.single import try_point
from promptgrid.calls.tried import TriedCell
from promptgrid.compare.retrieval import retrieval_summary
from promptgrid.documents.adding import Source, add
from promptgrid.documents.contexts import with_contexts
from promptgrid.endpoint import Reply, Request, ScriptedEndpoint
from promptgrid.endpoint.base import Embeddings
from promptgrid.errors import DocumentsError, EndpointError
from promptgrid.grid import Plan
from promptgrid.prompt import loads
from promptgrid.runner import client
from promptgrid.store import Database, runs
from promptgrid.store.across.looks import looks_before
from promptgrid.store.attempts import spent
from promptgrid.store.documents import collections
from promptgrid.store.documents.retrieved import retrieval_of_run, retrieved_of
from promptgrid.store.results import ResultRow, result_rows
from promptgrid.store.steps import steps_of
from promptgrid.techniques.retrieval import QUERIES
from tests.running import carried_out, resumed

TEXTS = {
    "boat.md": "# The ferry\n\nThe ferry leaves at nine.\n\nThe ferry returns at ten.",
    "zoo.md": "# The zoo\n\nZebras graze lazily. The zoo opens at noon.",
}
NOON = TEXTS["zoo.md"].index("The zoo opens")
CASES = [{"question": "When may one see the striped ferry?", "gold": f"zoo.md:{NOON}-{len(TEXTS['zoo.md'])}"}]
PROMPT = """---
name: ask
metadata:
  retrieval: {collection: town, chunker: "sentences:size=8", k: 1}
---
user:
{{ context }}

Question: {{ question }}
"""


class Reader:
    """A scripted model, reader/any: `replies` by what a request holds, else the request's own text."""

    def __init__(self) -> None:
        self.replies: dict[str, str] = {}
        self.sent: list[str] = []
        self.fails = ""

    def __call__(self, request: Request) -> Reply:
        text = request.messages[-1].text
        if self.fails and self.fails in text:
            raise EndpointError("bad_request", "down")
        self.sent.append(text)
        reply = next((reply for part, reply in self.replies.items() if part in text), text)
        return Reply(reply, prompt_tokens=5, completion_tokens=5)


@pytest.fixture
def reader(home: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    reader = Reader()
    endpoint = ScriptedEndpoint(reader, name="reader", models=("any",))
    connect: Callable[[str], Any] = connections.connect
    (home / "config").mkdir(parents=True)
    (home / "config" / "endpoints.toml").write_text('[reader]\nbase_url = "http://127.0.0.1:9/v1"\n', "utf-8")
    monkeypatch.setattr(connections, "connect", lambda name: endpoint if name == "reader" else connect(name))
    return reader


@pytest.fixture
def database(home: Path) -> Database:
    database = Database()
    town = collections.create(database, "town")
    list(add(database, town, [Source(name, data=text.encode()) for name, text in TEXTS.items()]))
    return database


def a_plan(**changes: Any) -> Plan:
    settings: dict[str, Any] = {
        "cases": CASES,
        "models": "reader/any",
        "show": lambda note: None,
        "retries": 0,
    } | changes
    return api.plan(loads(PROMPT, "ask"), **settings)


def rows_of(database: Database, plan: Plan) -> tuple[str, list[ResultRow]]:
    run_id = client.submit(database, plan)
    assert carried_out(database, run_id) == "finished"
    return run_id, list(result_rows(database, run_id))


def test_a_query_that_the_model_writes_finds_what_the_question_does_not(database: Database, reader: Reader) -> None:
    reader.replies = {"Write the search query": "Query: zoo opens", "different search queries": "1. zoo\n2. zoo opens"}
    run_id, rows = rows_of(database, a_plan(queries=["as-asked", "rewritten", "several"], chunks=[2]))
    by_query = {str(row.parameters["query"]): row for row in rows}
    shown = {
        query: [one.text.strip() for one in retrieved_of(database, run_id, row.position)]
        for query, row in by_query.items()
    }
    assert "The zoo opens at noon." not in shown["as-asked"]
    assert shown["rewritten"][0] == "The zoo opens at noon."
    assert "The zoo opens at noon." in shown["several"]
    for query, row in by_query.items():
        for number, text in enumerate(shown[query], 1):
            assert f"[{number}]" in (row.output or "")
            assert text in (row.output or "")
    steps = steps_of(database, run_id, by_query["rewritten"].position)
    assert [(one.number, one.step) for one in steps] == [(0, "query"), (1, "answer")]
    assert by_query["rewritten"].attempts == 2


def test_a_model_orders_what_was_found(database: Database, reader: Reader) -> None:
    _, rows = rows_of(database, a_plan(reranks=["none", "model"]))
    assert "gave no order" in rows[1].answer_note  # the reply repeats the passages
    reader.replies = {"Put the passages in order": "2"}
    run_id, rows = rows_of(database, a_plan(reranks=["none", "model"], fresh=True))
    by_rerank = {str(row.parameters["rerank"]): retrieved_of(database, run_id, row.position) for row in rows}
    assert [len(passages) for passages in by_rerank.values()] == [1, 1]
    assert by_rerank["none"] != by_rerank["model"]
    assert by_rerank["model"][0].rank == 1


def test_the_same_run_again_asks_for_no_query_again(database: Database, reader: Reader) -> None:
    reader.replies = {"Write the search query": "Query: zoo opens"}
    _, first = rows_of(database, a_plan(queries=["rewritten"]))
    count = len(reader.sent)
    _, second = rows_of(database, a_plan(queries=["rewritten"]))
    assert len(reader.sent) == count == 2
    assert second[0].reused
    assert second[0].output == first[0].output


def test_retrievers_share_the_query_that_the_model_wrote(database: Database, reader: Reader) -> None:
    reader.replies = {"Write the search query": "Query: zoo opens"}
    rows_of(database, a_plan(queries=["rewritten"], chunks=[1, 2], chunk_orders=["best-first", "best-last"]))
    assert sum("Write the search query" in text for text in reader.sent) == 1


def test_a_resumed_cell_shows_what_was_found_though_the_collection_is_gone(database: Database, reader: Reader) -> None:
    reader.replies = {"Write the search query": "Query: zoo opens"}
    reader.fails = "[1]"
    run_id, (row,) = rows_of(database, a_plan(queries=["rewritten"]))
    assert row.status == "failed"
    assert row.error.startswith("Step answer:")
    assert retrieved_of(database, run_id, row.position) == ()
    collections.delete(database, collections.find(database, "town").id)
    reader.fails = ""
    assert resumed(database, run_id) == "finished"
    (row,) = result_rows(database, run_id)
    assert row.status == "answered"
    assert [one.text.strip() for one in retrieved_of(database, run_id, row.position)] == ["The zoo opens at noon."]
    assert sum("Write the search query" in text for text in reader.sent) == 1


def test_a_collection_that_is_gone_fails_the_cell_with_the_reason(database: Database, reader: Reader) -> None:
    reader.replies = {"Write the search query": "Query: zoo opens"}
    run_id = client.submit(database, a_plan(queries=["rewritten"]))
    collections.delete(database, collections.find(database, "town").id)
    assert carried_out(database, run_id) == "finished"
    (row,) = result_rows(database, run_id)
    assert row.status == "failed"
    assert "was deleted" in row.error


def test_calls_of_retrieval_are_in_the_preflight_and_stop_at_the_limit_of_calls(
    database: Database, reader: Reader
) -> None:
    plan = a_plan(queries=["as-asked", "rewritten"], reranks=["none", "model"])
    sheet = client.preflight(database, plan)
    (model,) = sheet.models
    assert model.prompt_tokens > 0
    assert (sheet.total.calls, sheet.cells) == (1 + 2 + 2 + 3, 4)
    assert not reader.sent
    run_id = client.submit(database, a_plan(queries=["rewritten"], max_calls=1))
    assert carried_out(database, run_id) == "stopped"
    assert len(reader.sent) == 1


def test_measures_are_those_of_what_each_cell_showed(database: Database, reader: Reader) -> None:
    reader.replies = {"Write the search query": "Query: zoo opens"}
    run_id, _ = rows_of(database, a_plan(queries=["as-asked", "rewritten"]))
    facts = compare.facts(database, run_id)
    summaries = retrieval_summary(database, facts, compare.View())
    assert {one.head.label: one.means["hit"] for one in summaries} == {"query as-asked": 0.0, "query rewritten": 1.0}


def test_replies_that_another_setting_brought_are_an_earlier_look(database: Database, reader: Reader) -> None:
    """The oracle needs no number of chunks: its cells have none beside two numbers, and the only one there is."""
    rows_of(database, a_plan(retrievers=["bm25", "oracle"], chunks=[1, 2]))
    more = [*CASES, {"question": "Who grazes?", "gold": ""}]
    run_id, _ = rows_of(database, a_plan(cases=more, retrievers=["bm25", "oracle"], chunks=[1]))
    assert compare.facts(database, run_id).look == 2
    assert len(looks_before(database, run_id, 2)) == 1


def test_a_try_searches_too(database: Database, reader: Reader) -> None:
    reader.replies = {"Write the search query": "Query: zoo opens"}
    plan = with_contexts(database, a_plan(queries=["rewritten"]))
    cell = TriedCell(plan, try_point(plan))
    loop.run_sync(cell.carry_out(database))
    assert [step.call.ask.step for step in cell.steps] == ["query", "answer"]
    assert cell.output is not None
    assert "The zoo opens at noon." in cell.output.text


class Letters(ScriptedEndpoint):
    """An embedder, letters/count; it keeps the texts that it was sent."""

    def __init__(self) -> None:
        super().__init__(name="letters", models=("count",))
        self.texts: list[str] = []

    async def embeddings(self, model: str, texts: Sequence[str]) -> Embeddings:
        self.texts += texts
        return await super().embeddings(model, texts)


@pytest.fixture
def letters(reader: Reader, home: Path, monkeypatch: pytest.MonkeyPatch) -> Letters:
    letters, connect = Letters(), connections.connect
    monkeypatch.setattr(connections, "connect", lambda name: letters if name == "letters" else connect(name))
    with open(home / "config" / "endpoints.toml", "a", encoding="utf-8") as file:
        file.write('[letters]\nbase_url = "http://127.0.0.1:9/v1"\n')
    return letters


BY_LETTERS: dict[str, Any] = {"retrievers": ["embedding:embedder=letters/count"], "queries": ["rewritten"]}


def test_a_query_is_embedded_while_the_run_is_carried_out(database: Database, reader: Reader, letters: Letters) -> None:
    """By an embedder at an endpoint, whose calls go over the same loop as those of the run, for more cells than it has
    threads."""
    reader.replies = {"Write the search query": "Query: zzz"}
    cases = [{"question": f"{CASES[0]['question']} {n}"} for n in range(40)]
    plan = a_plan(cases=cases, **BY_LETTERS, concurrency=40)
    run_id, rows = rows_of(database, plan)
    assert {row.status for row in rows} == {"answered"}
    assert {one.text.strip() for row in rows for one in retrieved_of(database, run_id, row.position)} == {
        "Zebras graze lazily."
    }
    assert letters.texts.count("zzz") == 1


def test_a_query_that_an_endpoint_embeds_is_a_call_of_the_run(
    database: Database, reader: Reader, letters: Letters
) -> None:
    reader.replies = {"Write the search query": "Query: zzz"}
    run_id, (row,) = rows_of(database, a_plan(**BY_LETTERS))
    assert row.status == "answered"
    assert spent(database, run_id) == Cost(0.0, 2 * 10 + 1, 3)  # the query's one word, beside two replies of the model
    assert runs.progress(database, run_id).calls == 3


def test_a_query_is_not_embedded_over_the_limit_of_calls_and_once_when_there_is_room(
    database: Database, reader: Reader, letters: Letters
) -> None:
    reader.replies = {"Write the search query": "Query: zzz"}
    run_id = client.submit(database, a_plan(**BY_LETTERS, max_calls=1))
    assert carried_out(database, run_id) == "stopped"
    assert "zzz" not in letters.texts
    runs.set_limits(database, run_id, budget="", max_calls=3)
    assert resumed(database, run_id) == "finished"
    assert letters.texts.count("zzz") == 1
    assert spent(database, run_id).calls == 3


def test_all_settings_of_a_plan_embed_within_one_budget(database: Database, reader: Reader, letters: Letters) -> None:
    """A call for the chunks of each chunker, and one for the questions."""
    plan = a_plan(retrievers=BY_LETTERS["retrievers"], chunkers=["sentences:size=8", "headings"], budget="2calls")
    with pytest.raises(DocumentsError, match=r"by letters/count: The next call may cross the budget of 2 calls"):
        client.submit(database, plan)
    assert runs.list_runs(database) == []
    one_call = a_plan(retrievers=BY_LETTERS["retrievers"], chunkers=plan.axes["chunker"], budget="1calls")
    run_id = client.submit(database, one_call)
    sent = len(reader.sent)
    assert carried_out(database, run_id) == "stopped"  # the vectors of the questions were the one call
    assert (len(reader.sent), spent(database, run_id)) == (sent, Cost(0.0, 0, 1))


def test_what_vectors_spend_when_cells_are_added_counts_in_the_budget_too(
    database: Database, reader: Reader, letters: Letters
) -> None:
    run_id, _ = rows_of(database, a_plan(retrievers=BY_LETTERS["retrievers"], chunkers=["headings"], budget="4calls"))
    before = spent(database, run_id).calls
    client.extend(database, run_id, chunkers=["sentences:size=8"])
    assert spent(database, run_id).calls == before + 1


def test_queries_that_an_endpoint_embeds_are_in_the_preflight(
    database: Database, reader: Reader, letters: Letters
) -> None:
    sheet = client.preflight(database, a_plan(**BY_LETTERS | {"queries": ["as-asked", "rewritten", "several"]}))
    (embedder,) = sheet.embedders
    assert (embedder.ref, embedder.calls, embedder.texts) == ("letters/count", 2, 1 + QUERIES)
    assert sheet.total.calls == sheet.replies.calls + 2
    assert not client.preflight(database, a_plan(queries=["rewritten"])).embedders
    assert not letters.texts


def test_a_cell_whose_model_has_not_decided_yet_is_not_measured(database: Database, reader: Reader) -> None:
    run_id = client.submit(database, a_plan(queries=["as-asked", "rewritten"]))
    retrieval = retrieval_of_run(database, run_id)
    assert retrieval is not None
    assert len(retrieval.of_cell) == 1


def test_a_query_changes_nothing_where_nothing_is_searched(database: Database, reader: Reader) -> None:
    _, rows = rows_of(database, a_plan(retrievers=["none", "all", "oracle"], queries=["as-asked", "several"]))
    assert len(rows) == 3
    assert len(reader.sent) == 3
    assert all(
        "queries as-asked, several are the same on the wire and were merged" in row.parameter_note for row in rows
    )
