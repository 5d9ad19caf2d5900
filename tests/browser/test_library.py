"""The Library page in a real Chromium: names are links, rows are selected, versions are compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

from tests.browser import acting

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard


def test_a_name_is_a_link_a_row_is_selected_and_its_versions_are_compared(bench: Dashboard, tab: Page) -> None:
    tab.goto(f"{bench.url}/Library")
    table = tab.get_by_role("table", name="Prompts")
    link = table.get_by_role("link", name="sentiment", exact=True)
    expect(link).to_have_attribute("href", "Compose?prompt=sentiment")
    with tab.context.expect_page() as other:
        link.click(modifiers=["ControlOrMeta"])  # as any link: another tab
    expect(other.value).to_have_url(re.compile(r"/Compose\?prompt=sentiment"))
    other.value.close()

    names = table.get_by_role("rowheader")
    first = names.first.inner_text()
    table.get_by_role("button", name="Name").click()
    table.get_by_role("button", name="Name").click()
    expect(names.last).to_have_text(first)  # sorted the other way round

    table.get_by_role("radio", name="Select sentiment").check()
    expect(tab).to_have_url(re.compile("prompt=sentiment"))
    acting.settled(tab)
    tab.get_by_text("Versions", exact=True).click()
    tab.get_by_role("button", name="Label").click()
    tab.get_by_role("textbox", name="Label of this version").fill("production")
    tab.get_by_role("button", name="Put it on").click()
    expect(table.get_by_role("row", name="Select sentiment")).to_contain_text("production")
    tab.keyboard.press("Escape")

    link.click()
    expect(tab).to_have_url(re.compile(r"/Compose\?prompt=sentiment"))
    expect(tab.get_by_role("combobox", name="Prompt", exact=True)).to_have_value("sentiment")
