"""What a model does not take is said, learned, and never silently dropped; over real sockets."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from promptgrid import api, connections, loop
from promptgrid.compare import run_remarks, summary
from promptgrid.grid import Plan
from promptgrid.models import learned
from promptgrid.prompt import Message, Prompt
from promptgrid.runner import client
from promptgrid.runner.carry_out import carry_out
from promptgrid.store import Database, runs
from promptgrid.store.results import ResultRow, result_rows

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")
PROMPT = Prompt("say", (Message("user", "Say {{ word }}."),))
MODEL = "refuses-temperature"


def a_plan(model: str = MODEL, words: int = 10, **changes: Any) -> Plan:
    return api.plan(PROMPT, [{"word": f"w{n}"} for n in range(words)], models=f"openai/{model}", **changes)


def carried_out(database: Database, plan: Plan) -> list[ResultRow]:
    run_id = client.submit(database, plan)
    assert loop.run_sync(carry_out(database, run_id, connect=connections.connect)) == "finished"
    return list(result_rows(database, run_id))


def test_a_refused_value_is_sent_once_and_said_in_every_cell(database: Database, hostile: HostileServer) -> None:
    rows = carried_out(database, a_plan(temperatures=[0.5], concurrency=1))
    assert Counter(row.status for row in rows) == {"refused": 10}
    assert hostile.calls(MODEL) == 1
    assert all("temperature" in row.error for row in rows)


def test_what_was_refused_is_on_the_next_sheet_before_anything_is_sent(
    database: Database, hostile: HostileServer
) -> None:
    carried_out(database, a_plan(words=1, temperatures=[0.5]))
    sent = hostile.calls(MODEL)
    sheet = client.preflight(database, a_plan(words=1, temperatures=[0, 0.5, 1.2]))
    assert hostile.calls(MODEL) == sent
    (note,) = sheet.models[0].notes
    assert "0, 0.5, 1.2 are the same on the wire" in note
    assert "refused temperature 0.5" in note
    assert "does not support 0.5" in note
    rows = carried_out(database, a_plan(words=1, temperatures=[0, 0.5, 1.2]))
    assert [(row.status, row.parameters["temperature_sent"]) for row in rows] == [("answered", None)]
    assert json.loads(rows[0].honoured or "") == {"temperature": False}
    assert "temperature" not in json.loads(rows[0].request_json or "")


def test_merged_temperatures_are_labelled_by_none_of_them(database: Database, hostile: HostileServer) -> None:
    carried_out(database, a_plan(words=1, temperatures=[0.5]))
    both = a_plan(words=1, temperatures=[0, 1.2])
    run_id = client.submit(database, replace(both, models=(f"openai/{MODEL}", "openai/ok")))
    assert loop.run_sync(carry_out(database, run_id, connect=connections.connect)) == "finished"
    labels = [variant.label for variant in summary(database, run_id)]
    assert labels == [f"t = default · openai/{MODEL}", "t = 0 · openai/ok", "t = 1.2 · openai/ok"]


def test_forgetting_a_refusal_asks_the_model_again(database: Database, hostile: HostileServer) -> None:
    carried_out(database, a_plan(words=1, temperatures=[0.5]))
    assert learned.forget() == 1
    carried_out(database, a_plan(words=1, temperatures=[0.5]))
    assert hostile.calls(MODEL) == 2


def test_a_run_keeps_what_was_decided_when_it_was_planned(database: Database, hostile: HostileServer) -> None:
    run_id = client.submit(database, a_plan("ok", words=3, temperatures=[0.5]))
    learned.remember(hostile.url, "ok", "temperature", 0.5, "Only the default (1) value is supported.")
    assert loop.run_sync(carry_out(database, run_id, connect=connections.connect)) == "finished"
    assert {row.parameters["temperature_sent"] for row in result_rows(database, run_id)} == {0.5}


def test_a_server_that_refuses_n_is_asked_one_by_one(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = connections.connect("openai")
    monkeypatch.setattr(type(endpoint), "max_n", 4)
    rows = carried_out(database, a_plan("refuses-n", words=1, samples=4, temperatures=[1]))
    assert Counter(row.status for row in rows) == {"answered": 4}
    assert hostile.calls("refuses-n") == 5


@pytest.mark.parametrize(("model", "sentences"), [("ok", ["alike in 3 of 3 cases"]), ("honours-temperature", [])])
def test_a_server_that_seems_to_ignore_the_temperature_is_named(
    database: Database, model: str, sentences: list[str]
) -> None:
    run_id = client.submit(database, a_plan(model, words=3, samples=4, temperatures=[0.0, 1.2]))
    loop.run_sync(carry_out(database, run_id, connect=connections.connect))
    remarks = run_remarks(database, run_id)
    assert [words in sentence for words, sentence in zip(sentences, remarks, strict=True)] == [True] * len(sentences)


def test_temperatures_can_be_added_to_a_run_and_only_they_are_sent(database: Database, hostile: HostileServer) -> None:
    plan = a_plan("ok", words=2, temperatures=[0.5], samples=2)
    run_id = client.submit(database, plan)
    loop.run_sync(carry_out(database, run_id, connect=connections.connect))
    assert client.extend(database, run_id, samples=3, temperatures=[1.0]) == 2 * (3 * 2 - 2)
    loop.run_sync(carry_out(database, run_id, connect=connections.connect))
    rows = list(result_rows(database, run_id))
    answered = Counter(row.parameters["temperature"] for row in rows if row.status == "answered")
    assert answered == {0.5: 6, 1.0: 6}
    assert len({row.position for row in rows}) == 12 == hostile.calls("ok")
    assert runs.find_run(database, run_id).total == 12
