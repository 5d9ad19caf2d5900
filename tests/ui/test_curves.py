"""The Curves page: what it draws of a run, and what it says where there is nothing to draw."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid import api
from promptgrid.curves import charts
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database, runs
from promptgrid.ui import curves
from tests.faults.server import HostileServer
from tests.running import carried_out
from tests.ui import pages
from tests.ui.pages import address, ran, shown

opened = partial(pages.opened, "6_Curves.py")
JUDGE = Prompt("judge", (Message("user", "Judge {{ text }}."),), answer=AnswerRule("label", labels=("good", "bad")))


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer) -> None:
    endpoint.answer = lambda body: "bad" if body.get("temperature") == 1 else "It is good."


def new_run(database: Database, *, carry_out: bool = True, expected: str | None = "good", **changes: Any) -> str:
    rows = [{"text": f"case {i}"} | ({"expected": expected} if expected else {}) for i in range(3)]
    settings: dict[str, Any] = {"models": "openai/ok", "temperatures": (0, 1), "samples": 2} | changes
    run_id = client.submit(database, api.plan(JUDGE, rows, doubts=False, **settings))
    if carry_out:
        carried_out(database, run_id)
    return run_id


def titles(page: AppTest) -> list[str]:
    return [str(element.value) for element in page.subheader]


def specs(page: AppTest) -> list[dict[str, Any]]:
    return [json.loads(element.proto.spec) for element in page.get("vega_lite_chart")]


def test_without_runs_the_page_offers_to_set_one_up(database: Database) -> None:
    page = opened()
    assert "No runs yet" in shown(page)
    assert page.button(key="curves_to_run").label == "Set up a run"


def test_every_measure_has_its_chart_and_its_data(database: Database) -> None:
    run_id = new_run(database)
    page = opened(run=run_id)
    assert titles(page) == ["Score", "Distinct answers", "Entropy", "Similarity", "Length", "Score against tokens"]
    assert len(specs(page)) == 6
    assert [button.label for button in page.download_button] == ["CSV"] * 6
    assert address(page) == {"run": run_id}
    assert page.selectbox(key="curves_run").value == run_id


def test_the_data_are_those_of_the_chart(database: Database) -> None:
    run = runs.find_run(database, new_run(database))
    curve = curves.read_curve(database, run)
    data = curves.as_csv(charts.rows_of(curve, charts.MEASURES[0]))
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert [(row["temperature"], row["score"]) for row in rows] == [("0.0", "1.0"), ("1.0", "0.0")]
    assert all(row["scored_cases"] == row["cases"] for row in rows)
    assert all(float(row["score_low"]) < float(row["score_high"]) for row in rows)


def test_one_temperature_says_what_to_do(database: Database) -> None:
    page = opened(run=new_run(database, temperatures=(0,)))
    assert "This run has only one temperature" in shown(page)
    assert page.button(key="curves_to_run").label == "Add temperatures"
    assert specs(page) == []


def test_a_refused_temperature_is_told(database: Database) -> None:
    page = opened(run=new_run(database, models=("openai/ok", "openai/refuses-temperature")))
    assert titles(page)[-1] == "Left out of the lines"
    assert "openai/refuses-temperature at temperature 0: refused by the model." in shown(page)


def test_a_run_without_scores_still_shows_its_variety(database: Database) -> None:
    page = opened(run=new_run(database, expected=None))
    assert titles(page) == ["Distinct answers", "Entropy", "Similarity", "Length"]
    assert "Nothing is scored" in shown(page)


def test_one_sample_says_what_variety_needs(database: Database) -> None:
    page = opened(run=new_run(database, samples=1))
    assert titles(page) == ["Score", "Length", "Score against tokens"]
    assert "need two or more samples" in shown(page)


def test_a_run_that_has_not_begun_is_waited_for(database: Database) -> None:
    page = opened(run=new_run(database, carry_out=False))
    assert "No replies yet" in shown(page)
    assert specs(page) == []


def test_only_the_chosen_lines_are_drawn(database: Database) -> None:
    page = opened(run=new_run(database, models=("openai/ok", "openai/long-text")))
    page.multiselect(key="curves_lines").set_value(["openai/ok"]).run()
    assert not page.exception
    assert all("long-text" not in json.dumps(spec["layer"]) for spec in specs(page))


def test_the_chosen_lines_are_in_the_address_and_come_back_from_there(database: Database) -> None:
    run_id = new_run(database, models=("openai/ok", "openai/long-text"))
    page = opened(run=run_id)
    assert "line" not in page.query_params  # all of them: not worth a word
    page.multiselect(key="curves_lines").set_value(["openai/long-text"]).run()
    assert "".join(page.query_params["line"]) == "openai/long-text"
    page.multiselect(key="curves_lines").set_value([]).run()
    assert "line" not in page.query_params
    again = opened(run=run_id, line="openai/long-text")
    assert again.multiselect(key="curves_lines").value == ["openai/long-text"]
    assert all("openai/ok" not in json.dumps(spec["layer"]) for spec in specs(again))
    unknown = opened(run=run_id, line="no such line")
    assert unknown.multiselect(key="curves_lines").value == ["openai/ok", "openai/long-text"]


def test_the_reader_selects_what_the_score_stands_against(database: Database) -> None:
    run_id = new_run(
        database, techniques=["zero-shot", "self-refine:rounds=1"], efforts=("low", "high"), temperatures=(0,)
    )
    page = opened(run=run_id)
    assert titles(page)[-1] == "Score against tokens"
    assert "against" not in page.query_params
    page.segmented_control(key="curves_against").set_value("calls")
    ran(page)
    assert titles(page)[-1] == "Score against calls"
    assert "calls per answer" in json.dumps(specs(page)[-1])
    assert address(page)["against"] == "calls"
    legend = json.dumps(specs(page)[0]["layer"])
    assert all(f'"{line}"' in legend for line in ("zero-shot", "self-refine:rounds=1"))
    assert titles(opened(run=run_id, against="seconds"))[-1] == "Score against seconds"


def test_a_run_that_was_deleted_meanwhile_is_said(database: Database) -> None:
    run_id = new_run(database)
    page = ran(opened(run="00000000"))
    assert 'There is no run "00000000".' in shown(page)
    page.selectbox(key="curves_run").set_value(run_id)
    assert "There is no run" not in shown(ran(page))
    assert "".join(page.query_params["run"]) == run_id
