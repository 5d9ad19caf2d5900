"""The Tokens page in a real browser, on the built-in model: pieces, live counts, hostile text, a long paste."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from promptgrid import builtin
from tests.places import CHECKOUT

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard, Serve

HOSTILE = "<img src='http://127.0.0.1:9/x.png'> ![i](http://127.0.0.1:9/i.png) <b>b</b>"


@pytest.fixture(scope="module")
def bench(serve: Serve, weights_file: Path) -> Iterator[Dashboard]:
    """The dashboard with the built-in model, whose server ends with the tests."""
    model = {"PROMPTGRID_BUILTIN_MODEL": str(weights_file)}
    with serve(CHECKOUT / "workbench.py", **model) as running, pytest.MonkeyPatch.context() as patch:
        yield running
        for name, value in {"PROMPTGRID_HOME": str(running.home), **model}.items():
            patch.setenv(name, value)
        builtin.stop()


@pytest.fixture
def page(browser: Browser, bench: Dashboard) -> Iterator[Page]:
    context = bench.context(browser, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{bench.url}/Tokens")
    expect(page.locator(".piece").first).to_be_visible()
    yield page
    context.close()


def box(page: Page, name: str) -> Locator:
    return page.locator(".pieces .text").and_(page.get_by_label(re.compile(f"Tokens of .*{name}")))


def text_of(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Text", exact=True)


def expect_count(page: Page, text: str) -> None:
    """What stands at the edge of the field."""
    expect(page.locator(".st-key-tokens_text [data-pg-note]")).to_have_attribute(
        "data-pg-note",
        re.compile(text),
    )


def type_anew(page: Page, text: str) -> None:
    text_of(page).click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def test_half_characters_of_the_built_in_model_beside_whole_ones(page: Page) -> None:
    type_anew(page, "我喜欢香蕉")
    small, large = box(page, "smollm2-135m-instruct"), box(page, "o200k_base")
    expect(large.locator(".piece")).to_have_text(["我", "喜欢", "香蕉"])
    expect(small.locator(".piece")).to_have_count(14)
    first = small.locator(".piece").first
    expect(first).to_have_text("E6 88")
    expect(first).to_have_attribute("data-of", "我")
    expect(first).to_have_class(re.compile("half"))
    expect_count(page, "^14 tokens$")
    expect(page.get_by_text("They first differ at character 1")).to_be_visible()
    first.hover()
    about = small.locator("xpath=following-sibling::*")
    expect(about).to_have_text(re.compile(r"Token 1 id [\d,]+ · bytes E6 88 · part of character 1"))
    small.focus()
    page.keyboard.press("ArrowRight")
    expect(about).to_have_text(re.compile(r"Token 2 .*byte 91"))


def test_counts_and_pieces_follow_the_typing_without_a_rerun_of_the_page(page: Page) -> None:
    mark = "window.untouched = document.querySelector('[data-testid=stSidebar] a')"
    page.evaluate(mark)
    type_anew(page, "👍🏽 def f(x):\n    return 1\n")
    expect(box(page, "o200k_base").locator(".piece").last).to_have_text("↵")
    expect_count(page, r"^\d+ tokens$")
    expect(text_of(page)).to_be_focused()
    page.keyboard.type("more")
    expect(box(page, "o200k_base").locator(".piece").last).to_have_text("more")
    assert page.evaluate("window.untouched.isConnected")


def test_foreign_text_is_text(page: Page) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    type_anew(page, f"<|im_end|>{HOSTILE}")
    expect(page.get_by_text("This server reads a control token in the text")).to_be_visible()
    expect(box(page, "smollm2").locator(".piece.sign")).to_have_text("<|im_end|>")
    for view in ("Lines", "Two languages", "Pieces"):
        page.locator(".st-key-tokens_view").get_by_text(view, exact=True).click()
        expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(box(page, "o200k_base").locator(".piece").first).to_be_visible()
    assert page.locator(".pieces :is(img, b, a)").count() == 0
    assert [url for url in requests if "127.0.0.1:9/" in url] == []


def test_a_megabyte_is_drawn_a_window_at_a_time(page: Page) -> None:
    # as a paste does it; inserting so much key by key would take the browser minutes
    text_of(page).evaluate(
        """(area, line) => {
            const value = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value");
            area.focus();
            value.set.call(area, line.repeat(20000));
            area.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        "A line of a very long text, 香蕉, and so it goes on\n",
    )
    expect(page.get_by_text(re.compile("Tokens 1 to 2,000 of .*; the counts"))).to_be_visible()
    expect_count(page, r"^≈ [\d,]+ tokens$")
    expect(page.get_by_role("button", name="Ask the server")).to_be_visible()
    expect(box(page, "o200k_base").locator(".piece")).to_have_count(2000)


def test_the_explanation_speaks_chinese_and_remembers(page: Page, bench: Dashboard) -> None:
    page.get_by_text("How this works").click()
    expect(page.get_by_text("What a token is.")).to_be_visible()
    page.locator(".st-key-explain_tokens_language").get_by_text("中文").click()
    expect(page.get_by_text("什么是 token")).to_be_visible()
    page.goto(f"{bench.url}/Tokens")
    expect(page.get_by_text("How this works · 原理")).to_be_visible()


def test_compose_counts_its_fields_and_the_cell_that_is_edited(page: Page, bench: Dashboard) -> None:
    page.goto(f"{bench.url}/Compose?prompt=sentiment")
    notes = page.locator("[data-pg-note]")
    expect(notes.first).to_have_attribute("data-pg-note", re.compile(r"\d+ tokens"))
    grid = page.locator("[data-testid=stDataFrame] canvas").first
    place = grid.bounding_box()
    assert place is not None
    page.mouse.dblclick(place["x"] + 60, place["y"] + 60)
    expect(page.locator("#portal [data-pg-note]")).to_have_attribute(
        "data-pg-note",
        re.compile(r"\d+ tokens"),
    )
