"""Compare in a real browser: what a hostile model says is text and nothing else, and the view outlives a refresh."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from promptgrid.store import Database, runs, scores
from tests.browser.acting import settled
from tests.faults.modes import HOSTILE_TEXT
from tests.faults.server import HostileServer

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard

MODELS = ("openai/ok", "openai/hostile-text", "openai/unknown-model", "openai/long-text")


SEED = f"""
from promptgrid import api
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.store import Database, runs
from tests.faults.modes import HOSTILE_TEXT

rule = AnswerRule(kind="label", labels=("one", "two"))
prompt = Prompt(name="echo", messages=(Message("user", "{{{{ text }}}}"),), answer=rule)
rows = [{{"text": "one " + HOSTILE_TEXT, "expected": "one"}}, {{"text": "two", "expected": "two"}}]
api.run(api.plan(prompt, rows, models={MODELS!r}, name=HOSTILE_TEXT.replace(chr(0), "")))
print(runs.list_runs(Database())[0].id)
"""


@pytest.fixture(scope="module")
def run_id(bench: Dashboard, endpoint: HostileServer) -> str:
    """Two cases, each put to four models; names and inputs are as hostile as the replies."""
    return bench.run(SEED, OPENAI_BASE_URL=endpoint.url)


@pytest.fixture
def own_run(bench: Dashboard, endpoint: HostileServer) -> str:
    """Another such, for a test that changes it."""
    return bench.run(SEED, OPENAI_BASE_URL=endpoint.url)


@pytest.fixture
def page(warm: BrowserContext, bench: Dashboard) -> Iterator[Page]:
    bench.let_in(warm)
    opened = warm.new_page()
    yield opened
    opened.close()


def cell(page: Page, row: int, column: int) -> Locator:
    return page.locator(".matrix tbody tr").nth(row).locator("td").nth(column)


def open_compare(page: Page, bench: Dashboard, query: str) -> None:
    page.goto(f"{bench.url}/Compare?{query}")
    expect(cell(page, 0, 0)).to_be_visible(timeout=60_000)


def test_hostile_replies_are_text_in_matrix_and_detail(bench: Dashboard, page: Page, run_id: str) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    open_compare(page, bench, f"run={run_id}")
    title = page.title()
    cell(page, 0, 1).click()
    detail = page.locator(".st-key-compare_detail")
    expect(detail.locator("[data-testid=stCode] code").first).to_contain_text("<script>document.title='owned'</script>")
    expect(detail.locator("[data-testid=stCode] code").first).to_contain_text("![pixel](http://127.0.0.1:9/pixel.png)")
    for folded in ("Messages sent", "Parameters, tokens, cost"):
        detail.get_by_text(folded).click()
    expect(detail.get_by_text("openai/hostile-text").first).to_be_visible()
    page.get_by_text("As a table, or Markdown to copy").click()
    cell(page, 0, 2).click()
    expect(detail.locator("[data-testid=stCode] code").first).to_contain_text("model_not_found")
    cell(page, 0, 3).click()
    expect(detail.locator("[data-testid=stCode] code").first).to_contain_text("lorem ipsum " * 8_400)
    hosts = {urlsplit(url).netloc for url in urls if urlsplit(url).scheme in ("http", "https")}
    assert hosts == {urlsplit(bench.url).netloc}
    assert page.title() == title
    assert page.locator("[data-testid=stMain] :is(img, .katex, a[href*='127.0.0.1:9'])").count() == 0


def test_the_view_outlives_a_refresh_and_the_arrows_move_on(bench: Dashboard, page: Page, run_id: str) -> None:
    open_compare(page, bench, f"run={run_id}")
    page.get_by_text("Failed 2").click()
    cell(page, 0, 0).click()
    expect(page.locator(".st-key-compare_detail")).to_contain_text("openai/ok")
    page.keyboard.press("ArrowDown")
    page.wait_for_url("**case=2**")
    page.reload()
    expect(cell(page, 1, 0)).to_have_attribute("aria-selected", "true", timeout=60_000)
    expect(page.locator(".st-key-compare_detail code").first).to_have_text("You said: two")
    assert "show=failed" in page.url
    page.keyboard.press("/")
    page.keyboard.type("You said: one")
    expect(page.locator(".matrix tbody tr")).to_have_count(1)
    expect(page.locator(".st-key-compare_detail")).to_have_count(0)


def test_an_address_brings_back_what_closed_popovers_hold(bench: Dashboard, page: Page, run_id: str) -> None:
    open_compare(page, bench, f"run={run_id}&rows=model&sort=length&order=down&cases=1,2")
    expect(page.locator(".matrix thead th").first).to_have_text("model")
    cell(page, 0, 0).click()
    page.wait_for_url("**variant=*")
    page.get_by_role("button", name="Columns", exact=True).click()
    expect(page.get_by_label("Rows", exact=True)).to_have_value("Models")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_placeholder("all; or ids")).to_have_value("1,2")
    page.keyboard.press("Escape")
    page.locator(".matrix thead .sort").nth(1).click()
    page.wait_for_url("**by=*")
    expect(page.locator(".matrix thead th").nth(1)).to_have_attribute("aria-sort", "ascending")
    assert {"rows=model", "sort=length", "cases=1%2C2"} <= set(urlsplit(page.url).query.split("&"))


def test_two_hostile_replies_are_read_as_one(bench: Dashboard, page: Page, run_id: str) -> None:
    open_compare(page, bench, f"run={run_id}")
    cell(page, 0, 1).click()
    page.get_by_label("Compare with").click()
    page.get_by_role("option", name="the baseline").click()
    text_box = page.locator(".words-diff .text")
    expect(text_box.locator("del").first).to_have_text(re.compile("^You said: one"))
    expect(text_box).to_contain_text("<script>document.title='owned'</script>")
    assert text_box.locator(":not(span, ins, del)").count() == 0
    page.wait_for_url("**with=**")
    page.keyboard.press("n")  # the list has handed the keyboard back
    page.wait_for_url("**case=2**")
    expect(text_box).to_be_visible()


def test_the_export_is_downloaded_and_can_be_read_back(
    bench: Dashboard, page: Page, run_id: str, tmp_path: Path
) -> None:
    open_compare(page, bench, f"run={run_id}")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as started:
        page.get_by_role("button", name="CSV, one row per reply").click()
    started.value.save_as(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows].count("answered") == 6
    assert {row["run_id"] for row in rows} == {run_id}
    assert rows[2]["output"] == HOSTILE_TEXT


def test_a_file_that_cannot_be_made_says_why(bench: Dashboard, page: Page, own_run: str, database: Database) -> None:
    open_compare(page, bench, f"run={own_run}")
    page.get_by_role("button", name="Export").click()
    button = page.get_by_role("button", name="JSONL")
    expect(button).to_be_visible()
    settled(page)
    runs.forget(database, own_run)  # for good, in another tab
    button.click()
    expect(page.get_by_text(f"The run {own_run} no longer exists.")).to_be_visible()
    expect(page.get_by_text("Failed to generate file")).to_be_hidden()
    settled(page)
    expect(page.get_by_text(f"The run {own_run} no longer exists.")).to_be_visible()


def test_files_come_one_after_the_other_without_a_pause(bench: Dashboard, page: Page, run_id: str) -> None:
    open_compare(page, bench, f"run={run_id}")
    page.get_by_role("button", name="Export").click()
    for name in ("CSV, one row per reply", "JSONL", "Parquet", "Markdown", "JSONL"):
        with page.expect_download():
            page.get_by_role("button", name=name).click()


def test_checks_are_added_changed_and_removed_in_their_popover(
    bench: Dashboard, page: Page, own_run: str, database: Database
) -> None:
    def said() -> dict[str, float | None]:
        return {total.check: total.mean for total in scores.totals(database, own_run)}

    def choose_kind(kind: str) -> None:
        popover.get_by_role("combobox", name="Check", exact=True).click()
        page.get_by_role("option", name=re.compile(f"^{kind}:")).click()

    open_compare(page, bench, f"run={own_run}")
    before = said()
    page.get_by_role("button", name="Checks").click()
    popover = page.get_by_test_id("stPopoverBody")
    expect(popover.get_by_text("Add or change a check")).to_be_visible()
    choose_kind("contains")
    text = popover.get_by_role("textbox", name=re.compile("^Text"))
    text.fill("You said")
    text.press("Enter")
    settled(page)
    popover.get_by_role("button", name="Add and score").click()
    expect(popover.get_by_text("mean 0.33 over 6 scores")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame").first).to_contain_text("contains")  # the summary has the check
    assert said() == {**before, "contains": pytest.approx(1 / 3)}

    choose_kind("length")
    expect(text).to_be_hidden()
    page.locator(".st-key-check_change_contains button").click()
    expect(text).to_have_value("You said")
    settled(page)
    text.fill("You said: two")
    text.press("Enter")
    settled(page)
    popover.get_by_role("button", name="Change and score").click()
    expect(popover.get_by_text("mean 0.17 over 6 scores")).to_be_visible()
    settled(page)
    cell(page, 1, 0).click()
    expect(page.locator(".st-key-compare_detail")).to_contain_text("check contains")

    page.get_by_role("button", name="Checks").click()
    page.locator(".st-key-check_remove_contains button").click()
    expect(page.locator(".st-key-check_remove_contains")).to_have_count(0)
    expect(page.locator(".st-key-check_remove_label")).to_be_visible()
    settled(page)
    assert said() == before


def test_a_phone_has_the_detail_below_the_matrix(bench: Dashboard, page: Page, run_id: str) -> None:
    page.set_viewport_size({"width": 400, "height": 860})
    open_compare(page, bench, f"run={run_id}")
    cell(page, 0, 0).click()
    detail = page.locator(".st-key-compare_detail")
    expect(detail).to_be_visible()
    above, below = page.locator(".matrix").bounding_box(), detail.bounding_box()
    assert above is not None
    assert below is not None
    assert below["y"] >= above["y"] + above["height"]
    assert below["width"] > 350
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
