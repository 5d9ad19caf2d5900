"""The blind arena in a real browser: by keyboard alone, and nothing on the wire says what is behind a reply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebSocket, expect

from promptgrid.export.jsonl import read_jsonl
from promptgrid.store import Database, results, votes
from tests.faults.answers import prompt_text
from tests.faults.modes import HOSTILE_TEXT
from tests.faults.server import HostileServer

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard

MODEL = "ok"
COLD, HOT = 0.1875, 1.8125
SECRETS = ("openai/ok", "0.1875", "1.8125", "zero-shot", "temperature")
CASES = 12


def reply(body: dict[str, object]) -> str:
    """Tells the temperatures apart without naming them."""
    return f"{'calm' if body.get('temperature') == COLD else 'wild'} {prompt_text(body)} {HOSTILE_TEXT}"


@pytest.fixture(scope="module", autouse=True)
def _answers(endpoint: HostileServer) -> None:
    endpoint.answer = reply


SEED = f"""
from promptgrid import api
from promptgrid.prompt import Message, Prompt
from promptgrid.store import Database, runs

prompt = Prompt(name="echo", messages=(Message("user", "{{{{ text }}}}"),))
rows = [{{"text": f"case {{n}}", "expected": f"want {{n}}"}} for n in range({CASES})]
api.run(api.plan(prompt, rows, models="openai/{MODEL}", temperatures=[{COLD}, {HOT}], name="echo"))
print(runs.list_runs(Database())[0].id)
"""


@pytest.fixture
def run_id(bench: Dashboard, endpoint: HostileServer) -> str:
    """Twelve cases at two temperatures."""
    return bench.run(SEED, OPENAI_BASE_URL=endpoint.url)


@pytest.fixture
def page(warm: BrowserContext, bench: Dashboard) -> Iterator[Page]:
    bench.let_in(warm)
    opened = warm.new_page()
    yield opened
    opened.close()


def open_judge(page: Page, bench: Dashboard, run_id: str) -> None:
    page.goto(f"{bench.url}/Judge?run={run_id}")
    expect(page.locator(".arena article").first).to_be_visible(timeout=60_000)


def seen(page: Page, count: int) -> None:
    expect(page.locator(".arena .count")).to_have_text(f"{count} of {CASES}", timeout=60_000)


def prefer_calm(page: Page) -> None:
    """Votes for the calm reply, whichever side it is on."""
    left = page.locator(".arena article pre").first.text_content() or ""
    page.keyboard.press("ArrowLeft" if left.startswith("calm") else "ArrowRight")


def test_ten_votes_by_keyboard_then_the_ranking_and_the_pairs(
    bench: Dashboard, page: Page, run_id: str, database: Database, tmp_path: Path
) -> None:
    open_judge(page, bench, run_id)
    for count in range(5):
        seen(page, count)
        prefer_calm(page)
    seen(page, 5)
    first_reply = page.locator(".arena article pre").first.text_content()
    page.reload()
    seen(page, 5)  # nothing is lost, and the same pair stands there
    expect(page.locator(".arena article pre").first).to_have_text(first_reply or "", use_inner_text=False)
    page.keyboard.press("s")
    seen(page, 6)
    page.keyboard.press("u")
    seen(page, 5)
    for count in range(5, 10):
        seen(page, count)
        prefer_calm(page)
    seen(page, 10)
    page.keyboard.press("t")
    seen(page, 11)
    cast_votes = votes.listed(database, run_id)
    assert len(cast_votes) == 11
    rows = {row.position: row for row in results.result_rows(database, run_id)}
    winners = [v.left_position if v.outcome == "left" else v.right_position for v in cast_votes[:10]]
    assert {rows[at].parameters["temperature"] for at in winners} == {COLD}

    page.get_by_role("button", name="Reveal the ranking").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Position bias")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(f"t = {COLD:g} is ahead of all others")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Position bias")).to_be_visible(timeout=60_000)
    with page.expect_download() as started:
        page.get_by_role("button", name="Preference pairs (10)").press("Enter")
    started.value.save_as(tmp_path / "pairs.jsonl")
    pairs = list(read_jsonl(tmp_path / "pairs.jsonl"))
    assert [pair["chosen"][0]["content"] for pair in pairs] == [rows[at].output for at in winners]
    assert all(pair["rejected"][0]["content"].startswith("wild") for pair in pairs)
    assert all(pair["metadata"]["rejected"]["temperature"] == HOT for pair in pairs)


def test_neither_page_nor_wire_says_what_is_behind_a_reply(
    bench: Dashboard, browser: Browser, run_id: str, database: Database
) -> None:
    """A fresh context, so that every byte of the page goes over the wire; what the server sends is read as it comes."""
    frames: list[bytes] = []
    urls: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: frames.append(data if isinstance(data, bytes) else data.encode()))

    context = bench.context(browser)
    page = context.new_page()
    page.on("websocket", listen)
    page.on("request", lambda request: urls.append(request.url))
    open_judge(page, bench, run_id)
    for count in range(5):
        seen(page, count)
        page.keyboard.press("ArrowDown")
    seen(page, 5)
    expect(page.locator(".arena article pre").first).to_contain_text("<script>document.title='owned'</script>")
    wire = b"".join(frames)
    assert b"calm case" in wire  # the frames are what we think they are
    source = page.content() + "".join(page.locator(".arena").evaluate_all("all => all.map((one) => one.outerHTML)"))
    for secret in SECRETS:
        assert secret.encode() not in wire, secret
        assert secret not in source, secret
        assert not any(secret in url for url in urls), secret
    assert not any("127.0.0.1:9/" in url for url in urls)
    assert page.title() == "Judge · Promptgrid"
    page.get_by_role("button", name="Reveal the ranking").click()
    expect(page.get_by_text("Position bias")).to_be_visible(timeout=60_000)
    assert b"0.1875" in b"".join(frames)  # now it is told, and it would have been found before
    context.close()


def test_the_next_pair_stands_at_once_and_hasty_keys_are_not_lost(
    bench: Dashboard, page: Page, run_id: str, database: Database
) -> None:
    open_judge(page, bench, run_id)
    changed = page.locator(".arena").evaluate(
        """(arena) => {
            const text = () => arena.querySelector("article pre").textContent;
            const before = text();
            document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
            const after = text();
            document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", repeat: true }));
            document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown" }));
            return before !== after;
        }"""
    )
    assert changed  # before the browser did anything else
    seen(page, 2)
    assert [vote.outcome for vote in votes.listed(database, run_id)] == ["left", "tie"]


def test_keys_for_the_page_are_not_votes(bench: Dashboard, page: Page, run_id: str, database: Database) -> None:
    open_judge(page, bench, run_id)
    page.keyboard.press("Control+ArrowLeft")
    page.get_by_role("button", name="as ").click()
    field = page.get_by_label("Votes and ratings are stored under")
    field.fill("")
    field.press_sequentially("tuts")
    field.press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="as tuts")).to_be_visible()
    assert votes.listed(database, run_id) == []
    page.locator(".arena article").first.click()
    page.keyboard.press("ArrowLeft")
    seen(page, 1)
    assert [vote.owner for vote in votes.listed(database, run_id)] == ["tuts"]


def test_a_phone_has_one_reply_above_the_other_and_buttons_in_reach(
    bench: Dashboard, page: Page, run_id: str, database: Database
) -> None:
    page.set_viewport_size({"width": 400, "height": 860})
    open_judge(page, bench, run_id)
    first, second = (page.locator(".arena article").nth(n).bounding_box() for n in (0, 1))
    assert first is not None
    assert second is not None
    assert second["y"] >= first["y"] + first["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    button = page.locator(".arena button.right")
    expect(button).to_be_in_viewport()
    button.click()
    seen(page, 1)
    assert [vote.outcome for vote in votes.listed(database, run_id)] == ["right"]
