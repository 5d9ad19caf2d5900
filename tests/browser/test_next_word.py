"""The Next word page on the built-in model: bars that the sliders reshape, tokens that are appended and written."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from promptgrid import builtin
from promptgrid.endpoint.base import TokenChance
from promptgrid.nextword import Chances, reshape
from tests.browser import acting
from tests.places import CHECKOUT

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard, Serve

SLOW_MS = 90_000  # a cold server, a cold model, a busy machine


@pytest.fixture(scope="module")
def dashboard(serve: Serve, weights_file: Path) -> Iterator[Dashboard]:
    with serve(
        CHECKOUT / "workbench.py", PROMPTGRID_BUILTIN_MODEL=str(weights_file), PROMPTGRID_BUILTIN_IDLE_S="60"
    ) as running:
        yield running
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PROMPTGRID_HOME", str(running.home))
            patch.setenv("PROMPTGRID_BUILTIN_MODEL", str(weights_file))
            builtin.stop()


@pytest.fixture
def tab(browser: Browser, dashboard: Dashboard) -> Iterator[Page]:
    context = dashboard.context(browser, viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(SLOW_MS)
    page.goto(f"{dashboard.url}/Next_word")
    expect(bars(page).first).to_be_visible(timeout=SLOW_MS)
    yield page
    context.close()


def bars(page: Page) -> Locator:
    return page.locator(".token-bars button.row")


def trail(page: Page) -> Locator:
    return page.locator(".st-key-next_trail_row .token")


def shares(page: Page) -> list[str]:
    return page.locator(".token-bars .share").all_text_contents()


def slide(page: Page, name: str, value: float) -> None:
    """As a person drags it: the bars follow while Python has not heard of it. The slider has the focus then."""
    slider = page.get_by_role("slider", name=name)
    slider.focus()
    slider.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})) }", str(value))


def test_sliders_reshape_by_the_same_formula_and_without_a_call(tab: Page, dashboard: Dashboard) -> None:
    expect(bars(tab).first).to_contain_text("·with")
    held = [float(share.removesuffix(" %")) / 100 for share in shares(tab)]
    assert sum(held) == pytest.approx(1, abs=0.002)
    slide(tab, "Temperature", 0.5)
    cold = [float(re.findall(r"[\d.]+", share)[0]) / 100 for share in shares(tab)]
    # what is shown at 1, sharpened here: at 0.5 the tail of a thousand weighs next to nothing
    tokens = tuple(TokenChance(b"%d" % i, math.log(p), i) for i, p in enumerate(held[:-1]))
    expected = reshape(Chances(tokens), 0.5, vocabulary=300_000)
    assert cold[0] == pytest.approx(expected.tokens[0].middle, abs=0.02)
    slide(tab, "Temperature", 0)
    assert shares(tab)[:2] == ["100.0 %", "cut"]
    slide(tab, "Temperature", 1)
    slide(tab, "top_p", 0.05)
    assert shares(tab)[:2] == ["100.0 %", "cut"]
    slide(tab, "top_p", 1)
    assert shares(tab)[0] == f"{100 * held[0]:.1f} %"


def test_a_token_is_appended_written_on_and_taken_back(tab: Page) -> None:
    bars(tab).nth(1).click()
    expect(trail(tab)).to_have_count(1, timeout=SLOW_MS)
    expect(trail(tab).first).to_have_text("·and")
    slide(tab, "Temperature", 0)
    expect(tab.get_by_text("At temperature 0 the likeliest token")).to_be_visible()
    tab.get_by_role("button", name="Write 20 tokens").click()
    expect(trail(tab)).to_have_count(21, timeout=SLOW_MS)
    trail(tab).nth(5).hover()
    detail = tab.locator(".st-key-next_trail_row .detail")
    expect(detail).to_contain_text(re.compile(r"[\d.]+ % · [\d.]+ bits of surprise · token \d+instead:"))
    tab.get_by_role("button", name="Step back").click()
    expect(trail(tab)).to_have_count(20, timeout=SLOW_MS)
    expect(tab.get_by_role("slider", name="Temperature")).to_have_value("0")
    tab.get_by_role("button", name="Back to the text").click()
    expect(trail(tab)).to_have_count(0, timeout=SLOW_MS)


def test_half_characters_are_tokens_like_others(tab: Page) -> None:
    tab.get_by_role("button", name="我今天真").click()
    half = tab.locator(".token-bars .half").first
    expect(half).to_have_text(re.compile("^[0-9A-F]{2}( [0-9A-F]{2})?$"), timeout=SLOW_MS)
    half.click()
    expect(tab.locator(".token-bars .makes").first).to_have_text(re.compile("^→ .$"), timeout=SLOW_MS)
    expect(tab.locator(".st-key-next_trail_row .reads")).to_have_text("Reads: 我今天真�")


def test_samples_texts_and_perplexity_come_while_one_looks_on(tab: Page) -> None:
    tab.get_by_role("button", name="The quick brown fox").click()
    tab.get_by_role("button", name="Sample 50 times").click()
    expect(tab.get_by_text("50 drawn in")).to_be_visible(timeout=SLOW_MS)
    expect(tab.get_by_text("50 samples drawn")).to_be_visible(timeout=SLOW_MS)
    counts = [int(count) for count in tab.locator(".token-bars .count").all_text_contents()]
    assert sum(counts) == 50
    slide(tab, "Temperature", 0.4)
    expect(tab.get_by_text("drawn at temperature 1.00")).to_be_visible()
    tab.get_by_role("button", name="Measure perplexity").click()
    tab.get_by_role("button", name="Send it 10 times").click()  # at once: it is not forgotten for the other
    expect(tab.get_by_text(re.compile(r"Perplexity [\d.,]+ over 3 tokens"))).to_be_visible(timeout=SLOW_MS)
    expect(tab.get_by_text(re.compile("10 sent at temperature 0.4"))).to_be_visible(timeout=SLOW_MS)


@pytest.mark.parametrize("pause_ms", [0, 5, 30])
def test_presses_at_once_are_all_kept_and_about_the_text_on_the_screen(tab: Page, pause_ms: int) -> None:
    before = tab.locator(".st-key-next_trail_row .before")
    tab.get_by_role("button", name="我今天真").click()
    expect(before).to_have_text("我今天真")
    acting.settled(tab)
    names = ("The quick brown fox", "Measure perplexity", "Send it 10 times")
    acting.press_at_once(tab, [tab.get_by_role("button", name=name).element_handle() for name in names], pause_ms)
    expect(before).to_have_text("The quick brown fox")
    expect(tab.get_by_text(re.compile(r"Perplexity [\d.,]+ over 3 tokens of “The quick brown fox”"))).to_be_visible()
    expect(tab.get_by_text(re.compile("10 sent at temperature"))).to_be_visible()


def test_a_text_is_taken_in_the_very_moment_in_which_its_tokens_are_counted(tab: Page) -> None:
    acting.settled(tab)
    tab.get_by_role("textbox", name="Text").focus()
    tab.evaluate(
        """async text => {
            const area = document.activeElement;
            area.select();
            document.execCommand("insertText", false, text);
            const pressed = new Promise(resolve => setTimeout(resolve, 200)); // due just after the count's own timer
            for (const end = performance.now() + 250; performance.now() < end; );
            await pressed;
            const key = { key: "Enter", code: "Enter", keyCode: 13, ctrlKey: true, bubbles: true, cancelable: true };
            area.dispatchEvent(new KeyboardEvent("keydown", key));
        }""",
        "Taken at once",
    )
    expect(tab.locator(".st-key-next_trail_row .before")).to_have_text("Taken at once")


def test_hostile_text_is_shown_letter_by_letter_and_nothing_is_fetched(tab: Page, dashboard: Dashboard) -> None:
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    hostile = "<img src=http://127.0.0.1:9/x.png> ![x](http://127.0.0.1:9/y.png) <|im_end|>"
    tab.get_by_role("textbox", name="Text").fill(hostile)
    tab.keyboard.press("Control+Enter")
    expect(tab.locator(".st-key-next_trail_row .before")).to_have_text(hostile, timeout=SLOW_MS)
    tab.get_by_role("button", name="Measure perplexity").click()
    expect(tab.get_by_text(re.compile("Perplexity .* over"))).to_be_visible(timeout=SLOW_MS)
    assert [url for url in requests if not url.startswith((dashboard.url, "data:", "blob:"))] == []


def test_beams_become_a_tree_with_the_cut_ones_grey_beside_the_other_texts(tab: Page) -> None:
    tab.get_by_role("textbox", name="Text").fill("The quick brown fox")  # another test leaves its text
    tab.keyboard.press("Control+Enter")
    expect(tab.locator(".st-key-next_trail_row .before")).to_have_text("The quick brown fox", timeout=SLOW_MS)
    acting.settled(tab)
    tab.get_by_role("button", name="Compare beams").click()
    tree, cards = tab.locator(".beam-tree .tree"), tab.locator(".beam-tree .card")
    expect(cards).to_have_count(7, timeout=2 * SLOW_MS)  # the first search unpacks the weights
    expect(cards.first).to_contain_text("Beam 1")
    expect(tree.locator("li").first).to_contain_text("·with")
    expect(tree.locator(".said.best")).to_have_count(1)
    best, greedy = (float(re.findall(r"−([\d.]+) in all", text)[0]) for text in cards.all_text_contents()[:2])
    assert best <= greedy + 0.01  # a beam that starts as the greedy text does is kept as long as it is likelier
    assert tree.locator("li.cut").count() > 0
    colours = [
        tree.locator(f"li{kind} > .token").first.evaluate("e => getComputedStyle(e).color") for kind in ("", ".cut")
    ]
    assert colours[0] != colours[1]
