"""Beams as an axis: from the plan to the wire, the cells, the files, and what is refused before anything is sent."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from promptgrid import connections, grid, loop
from promptgrid.calls.batch import Batch
from promptgrid.cli import main
from promptgrid.grid.planned_points import endpoints_of
from promptgrid.models import ModelFacts, learned
from promptgrid.runner import client
from promptgrid.runner.carry_out import carry_out
from promptgrid.store import Database, runs
from promptgrid.store.results import result_rows
from tests.faults.server import HostileServer
from tests.running import a_plan, a_run, until


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostileServer]:
    with HostileServer(kind="vllm") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


@pytest.fixture
def database(home: Path) -> Database:
    return Database()


def test_a_search_is_one_call_whose_reply_has_the_beams(vllm: HostileServer, database: Database) -> None:
    plan = a_plan(words=1, beams=[1, 3], temperatures=[0, 1], samples=2, max_tokens=8, doubts=False)
    sheet = client.preflight(database, plan)
    assert (sheet.total.calls, sheet.total.completion_ceiling) == (6, 8 * (4 + 2 * 3))
    rows = list(result_rows(database, a_run(database, plan)))
    assert vllm.calls("ok") == len(rows) == 6
    searches = [row for row in rows if row.parameters["beams"] == 3]
    assert [row.parameters["beams_sent"] for row in searches] == [3, 3]
    assert "a beam search does not sample" in searches[0].parameter_note
    assert "temperatures 0, 1 are the same on the wire and were merged" in searches[0].parameter_note
    beams = json.loads(searches[0].beams_json or "")
    assert beams[0]["text"] == searches[0].output
    assert {row.beams_json for row in rows if row.parameters["beams"] == 1} == {None}
    assert {row.parameters["beams_sent"] for row in rows if row.parameters["beams"] == 1} == {None}


def test_the_worst_case_of_a_search_has_every_beam_at_its_greatest_length(
    vllm: HostileServer, database: Database
) -> None:
    plan = a_plan(words=1, beams=[1, 4], max_tokens=100)
    points = grid.points(plan, endpoints_of(plan), grid.decide(plan))
    one, four = (Batch(point, (0,)).worst(ModelFacts("m")).tokens for point in points)
    assert one is not None
    assert four == one + 300


def test_where_there_is_no_search_nothing_is_sent_and_the_preflight_says_so(
    hostile: HostileServer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    plan = a_plan(words=2, beams=[1, 4], max_tokens=8)
    (skipped,) = client.preflight(database, plan).skipped
    assert (skipped.technique, "openai is none of them" in skipped.reason) == ("beams 4 by openai/ok", True)
    assert [row.parameters["beams"] for row in result_rows(database, a_run(database, plan))] == [1, 1]
    assert hostile.calls("ok") == 2


def test_a_cancel_in_mid_search_hangs_up_and_loses_nothing(vllm: HostileServer, database: Database) -> None:
    vllm.passes = 1
    run_id = client.submit(database, a_plan(words=2, beams=[3], max_tokens=8, concurrency=1))
    carrying = loop.start(carry_out(database, run_id, connect=connections.connect))
    until(lambda: vllm.books.in_flight == 1 and runs.progress(database, run_id).by_status.get("answered"))
    runs.ask(database, run_id, "cancel")
    assert carrying.result(timeout=60) == "cancelled"
    rows = list(result_rows(database, run_id))
    assert [(row.status, bool(row.beams_json)) for row in rows] == [("answered", True), ("cancelled", False)]
    until(lambda: vllm.books.in_flight == 0)
    vllm.passes = None
    assert [row.status for row in result_rows(database, a_run(database, a_plan(words=2, beams=[3], max_tokens=8)))] == [
        "answered",
        "answered",
    ]
    assert vllm.calls("ok") == 3  # the first reply is there


def test_a_refused_search_is_learned_and_not_sent_again(vllm: HostileServer, database: Database) -> None:
    plan = a_plan("refuses-beams", words=1, beams=[4], max_tokens=8)
    (row,) = result_rows(database, a_run(database, plan))
    assert (row.status, vllm.calls("refuses-beams")) == ("refused", 1)
    (refusal,) = learned.all_refusals()
    assert (refusal.parameter, refusal.value) == ("beams", 4)
    (skipped,) = client.preflight(database, plan).skipped
    assert skipped.reason == refusal.sentence


def test_the_command_line_and_the_prompt_file_take_a_search_and_the_csv_has_it(vllm: HostileServer, home: Path) -> None:
    options = "model: {options: {maxOutputTokens: 8, additionalProperties: {beams: 2, length_penalty: 0.5}}}"
    Path("say.prompty").write_text(f"---\nname: say\n{options}\n---\nuser:\nSay hi.\n", "utf-8")
    command = ["run", "say.prompty", "--model", "openai/ok", "--csv", "out.csv"]
    for more, beams in (([], "2"), (["--beams", "1,3", "--length-penalty", "2"], "3")):
        ended = CliRunner().invoke(main, [*command, *more])
        assert ended.exit_code == 0, ended.output
        with open("out.csv", encoding="utf-8", newline="") as file:
            *_, row = csv.DictReader(file)
        assert (row["beams"], row["beams_sent"], len(json.loads(row["beams_json"]))) == (beams, beams, int(beams))
    assert row["length_penalty"] == "2.0"
