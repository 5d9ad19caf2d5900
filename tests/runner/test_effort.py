"""Reasoning effort as an axis: from the plan to the wire, the cells, the files, the comparison and the curve."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from promptgrid import compare
from promptgrid.cli import main
from promptgrid.curves import charts
from promptgrid.curves.curve import curve, drawable_axes
from promptgrid.errors import PlanError
from promptgrid.models import learned
from promptgrid.runner import client
from promptgrid.store import Database, runs
from promptgrid.store.results import result_rows
from tests.faults.server import HostileServer
from tests.running import a_plan, carried_out

EFFORTS = ["high", "low", "none"]


@pytest.fixture(autouse=True)
def _endpoint(hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)


@pytest.fixture
def database(home: Path) -> Database:
    return Database()


def ran(database: Database, model: str = "ok", **changes: Any) -> str:
    run_id = client.submit(database, a_plan(model, words=2, **changes))
    carried_out(database, run_id)
    return run_id


def test_each_effort_goes_on_the_wire_and_into_its_cells(database: Database, hostile: HostileServer) -> None:
    run_id = ran(database, efforts=EFFORTS, temperatures=[0, 1])
    bodies = [entry.body for entry in hostile.requests if entry.path.endswith("/completions")]
    sent = Counter((body["reasoning_effort"], body["temperature"]) for body in bodies)
    assert sent == {(effort, temperature): 2 for effort in EFFORTS for temperature in (0, 1)}
    for row in result_rows(database, run_id):
        wire = json.loads(row.request_json or "{}")
        assert row.parameters["effort"] == row.parameters["effort_sent"] == wire["reasoning_effort"]


def test_a_plan_of_one_effort_finds_the_replies_of_many(database: Database, hostile: HostileServer) -> None:
    ran(database, efforts=EFFORTS)
    calls = hostile.calls("ok")
    for one in ({"efforts": "low"}, {"reasoning_effort": "low"}):
        assert all(row.reused for row in result_rows(database, ran(database, **one)))
    assert hostile.calls("ok") == calls


def test_an_effort_that_is_not_sent_is_merged_said_and_no_point_of_a_curve(
    database: Database, hostile: HostileServer
) -> None:
    learned.remember(hostile.url, "ok", "reasoning_effort", "low", "Unrecognized argument: reasoning_effort.")
    run_id = ran(database, efforts=["low", "high"])
    rows = list(result_rows(database, run_id))
    assert len(rows) == hostile.calls("ok") == 2
    assert {(row.parameters["effort"], row.parameters["effort_sent"]) for row in rows} == {(None, None)}
    assert "efforts low, high are the same on the wire and were merged" in rows[0].parameter_note
    points_of_curve = curve(database, run_id, "effort")
    assert (points_of_curve.values, [point.drawn for point in points_of_curve.points]) == ([], [False])
    assert points_of_curve.left_out == [f"openai/ok at its default effort: {rows[0].parameter_note}."]


def test_a_curve_over_efforts_has_them_in_their_order(database: Database) -> None:
    run_id = ran(database, efforts=["high", "none", "low"], temperatures=[0, 1])
    assert drawable_axes(database, run_id) == ["temperature", "effort"]
    points_of_curve = curve(database, run_id, "effort")
    assert points_of_curve.values == ["none", "low", "high"]
    assert points_of_curve.lines == ["t = 0", "t = 1"]
    assert [(point.line, point.value) for point in points_of_curve.points][:3] == [
        ("t = 0", "none"), ("t = 0", "low"), ("t = 0", "high")
    ]  # fmt: skip
    chart = charts.curve_chart(points_of_curve, charts.MEASURES[-1])
    assert chart is not None
    text = charts.svg(chart)
    assert text.index(">none<") < text.index(">low<") < text.index(">high<")


def test_the_comparison_tells_efforts_apart(database: Database) -> None:
    facts = compare.facts(database, ran(database, efforts=["high", "low"]))
    assert [list(lines) for lines in compare.labels(facts.variants).values()] == [["effort low"], ["effort high"]]
    assert facts.axes["effort"] == ["low", "high"]


def test_efforts_are_added_to_a_run(database: Database, hostile: HostileServer) -> None:
    run_id = ran(database, reasoning_effort="low")
    assert client.extend(database, run_id, efforts=["high"]) == 2
    carried_out(database, run_id)
    assert hostile.calls("ok") == 4
    assert dict(runs.plan_of(database, run_id).axes) == {"effort": ("low", "high")}
    with pytest.raises(PlanError, match="each prompt's own reasoning effort"):
        client.extend(database, ran(database), efforts=["high"])


def test_one_effort_and_several_are_not_given_together() -> None:
    with pytest.raises(PlanError, match="Give one of them"):
        a_plan(efforts=["low"], reasoning_effort="high")


def test_the_command_line_takes_efforts_and_the_file_has_them(hostile: HostileServer) -> None:
    Path("say.prompty").write_text("---\nname: say\n---\nuser:\nSay {{ word }}.\n", "utf-8")
    Path("words.csv").write_text("word\nhi\n", "utf-8")
    command = ["say.prompty", "--cases", "words.csv", "--model", "openai/ok", "--effort", "low, high"]
    ended = CliRunner().invoke(main, ["run", *command, "--csv", "out.csv"])
    assert ended.exit_code == 0, ended.output
    with open("out.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["effort"], row["effort_sent"]) for row in rows] == [("low", "low"), ("high", "high")]
    names = list(rows[0])
    assert names[names.index("temperature_sent") + 1 :][:2] == ["effort", "effort_sent"]
    assert runs.list_runs(Database())[0].name == "say × 2 efforts"
    result = CliRunner().invoke(main, ["curve", "last", "--over", "effort"])
    assert [line.split()[-8] for line in result.output.splitlines()[1:3]] == ["low", "high"], result.output
