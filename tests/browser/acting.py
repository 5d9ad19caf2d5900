"""What a person does with the fields of a page, at the pace of the page."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from playwright.sync_api import ElementHandle, Page, expect

from tests.browser.traffic import awaits_run

MOST_S = 20.0  # a request of a fragment that is gone gets no run


def settled(page: Page) -> None:
    """The script has run after a change: what it draws anew takes the list from under the pointer."""
    page.evaluate("new Promise(resolve => setTimeout(resolve, 100))")  # the change has left the browser
    deadline = time.monotonic() + MOST_S
    while awaits_run(page) and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def press_at_once(page: Page, elements: Sequence[ElementHandle], pause_ms: int) -> None:
    """Clicks the elements with so little time between them, whatever the page does meanwhile."""
    page.evaluate(
        """async ([elements, pause]) => {
            for (const element of elements) {
                element.click();
                await new Promise(resolve => setTimeout(resolve, pause));
            }
        }""",
        [list(elements), pause_ms],
    )


def choose(page: Page, key: str, *values: str) -> None:
    """Empties the multiselect of that key and picks the values."""
    box = page.locator(f".st-key-{key}")
    tags = box.locator("[data-tag]")  # not by role: an open list hides all else from the tree of roles
    expect(box.get_by_role("combobox")).to_be_visible()
    if (clear := box.get_by_role("button", name="Clear all")).is_visible():
        clear.click()
    expect(tags).to_have_count(0)
    settled(page)
    for count, value in enumerate(values, 1):
        box.get_by_role("combobox").fill(value)
        first = page.get_by_role("option").first
        expect(first).to_have_text(re.compile(rf"(^|\s){re.escape(value)}$"))  # Enter takes the first
        box.get_by_role("combobox").press("Enter")
        expect(tags).to_have_count(count)
        expect(tags.filter(has_text=re.compile(f"^{re.escape(value)}$"))).to_have_count(1)
        settled(page)
    page.keyboard.press("Escape")
