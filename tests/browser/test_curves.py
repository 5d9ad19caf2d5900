"""Curves in a real browser: the charts are drawn, nothing spills over a narrow screen, and the data come as a file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.faults.server import HostileServer

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard

CHARTS = "[data-testid=stVegaLiteChart] :is(canvas, svg)"

SEED = """
from promptgrid import api
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.store import Database, runs

prompt = Prompt("judge", (Message("user", "Judge {{ text }}."),), answer=AnswerRule("label", labels=("good", "bad")))
rows = [{"text": f"case {i}", "expected": "good"} for i in range(4)]
models = ("openai/ok", "openai/refuses-temperature")
api.run(api.plan(prompt, rows, models=models, temperatures=(0, 0.7, 1), samples=3))
print(runs.list_runs(Database())[0].id)
"""


@pytest.fixture(scope="module", autouse=True)
def _answers(endpoint: HostileServer) -> None:
    endpoint.answer = lambda body: "good" if body.get("temperature") == 0 else "bad"


@pytest.fixture(scope="module")
def run_id(bench: Dashboard, endpoint: HostileServer) -> str:
    return bench.run(SEED, OPENAI_BASE_URL=endpoint.url)


def test_the_charts_are_drawn_and_their_data_come_as_csv(
    bench: Dashboard, run_id: str, warm: BrowserContext, tmp_path: Path
) -> None:
    bench.let_in(warm)
    page = warm.new_page()
    page.goto(f"{bench.url}/Curves?run={run_id}")
    expect(page.locator(CHARTS)).to_have_count(6)
    expect(page.get_by_text("openai/refuses-temperature at temperatures 0, 0.7: refused by the model.")).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("button", name="CSV").first.click()
    saved = tmp_path / "score.csv"
    started.value.save_as(saved)
    with saved.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["temperature"], row["score"]) for row in rows] == [
        ("openai/ok", "0.0", "1.0"),
        ("openai/ok", "0.7", "0.0"),
        ("openai/ok", "1.0", "0.0"),
        ("openai/refuses-temperature", "1.0", "0.0"),
    ]
    page.set_viewport_size({"width": 400, "height": 800})
    page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollWidth <= 400")
    page.wait_for_function(
        f"[...document.querySelectorAll('{CHARTS}')].every(chart => chart.getBoundingClientRect().right <= 400)"
    )
    page.close()
