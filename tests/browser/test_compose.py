"""Composing in a real Chromium: live while typing, kept over a refresh, one key to try, two tabs, foreign text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.acting import settled
from tests.faults.server import HostileServer

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard


@pytest.fixture
def page(tab: Page) -> Page:
    return tab


def opened(page: Page, bench: Dashboard, prompt: str) -> Page:
    page.goto(f"{bench.url}/Compose?prompt={prompt}")
    expect(page.locator(".st-key-compose_messages")).to_contain_text("system")
    return page


def choose_model(page: Page, name: str) -> None:
    box = page.locator(".st-key-compose_model").get_by_role("combobox")
    box.fill(name)
    page.get_by_role("option", name=name).first.click()
    expect(page.get_by_role("button", name="Try once")).to_be_enabled()


def system_text(page: Page) -> Locator:
    return page.get_by_label("Text of the system message")


def test_typing_shows_at_once_stays_after_a_refresh_and_ctrl_enter_sends_it(
    page: Page, bench: Dashboard, endpoint: HostileServer
) -> None:
    opened(page, bench, "proofread")
    choose_model(page, "openai/zebra")
    system_text(page).click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" Be a zebra.")
    expect(page.locator(".st-key-compose_messages")).to_contain_text("Be a zebra.")
    expect(page.locator(".st-key-compose_status")).to_contain_text("unsaved changes")
    page.reload()
    expect(system_text(page)).to_have_value(re.compile(r"Be a zebra\.$"))
    choose_model(page, "openai/zebra")
    system_text(page).click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" Twice.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".st-key-compose_reply")).to_contain_text("You said:")
    assert endpoint.requests[-1].body["messages"][0]["content"].endswith("Be a zebra. Twice.")


def test_the_second_tab_is_told_and_can_load_what_the_first_has_saved(page: Page, bench: Dashboard) -> None:
    opened(page, bench, "sentiment")
    other = opened(page.context.new_page(), bench, "sentiment")
    system_text(other).fill("From the other tab.")
    other.get_by_role("button", name="Save", exact=True).click()
    expect(other.locator(".st-key-compose_status")).to_contain_text("saved just now")
    system_text(page).fill("From this tab.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was saved elsewhere")).to_be_visible()
    expect(system_text(page)).to_have_value("From this tab.")
    page.get_by_role("button", name="Load the saved version").click()
    expect(system_text(page)).to_have_value("From the other tab.")


def test_two_tabs_have_a_draft_each_over_a_refresh_and_a_closed_one_is_taken_up(page: Page, bench: Dashboard) -> None:
    opened(page, bench, "topic-zh")
    other = opened(page.context.new_page(), bench, "topic-zh")
    for tab, text in ((page, "From this tab."), (other, "From the other tab.")):
        system_text(tab).fill(text)
        expect(tab.locator(".st-key-compose_status")).to_contain_text("unsaved changes")
        tab.reload()
        expect(system_text(tab)).to_have_value(text)
    expect(other.get_by_text("is edited in another tab too")).to_be_visible()
    system_text(page).fill("From this tab again.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("is edited in another tab too")).to_be_visible()
    page.close()
    other.reload()
    expect(system_text(other)).to_have_value("From the other tab.")
    expect(other.get_by_text("in a tab that was closed")).to_be_visible()
    other.get_by_role("button", name="Show it here").click()
    expect(system_text(other)).to_have_value("From this tab again.")
    other.get_by_role("button", name="Undo").click()
    expect(system_text(other)).to_have_value("From the other tab.")


def test_values_of_variables_in_chinese_are_live_and_not_mixed_up(page: Page, bench: Dashboard) -> None:
    opened(page, bench, "translate-zh")
    page.get_by_label("Text of the user message").last.fill("{{ 客户 }}+{{ 套餐 }}+{{ 工单 }}")
    sent = page.locator(".st-key-compose_messages")
    for name in ("客户", "套餐", "工单"):
        page.get_by_label(name, exact=True).click()
        page.keyboard.type(f"v-{name}")
    expect(sent).to_contain_text("v-客户+v-套餐+v-工单")  # the last field still has the focus
    page.get_by_label("客户", exact=True).click()
    page.keyboard.type("!")
    expect(sent).to_contain_text("v-客户!+v-套餐+v-工单")
    expect(page.locator("[data-pg-note]")).to_have_count(5)  # two messages and three values
    page.reload()
    expect(sent).to_contain_text("v-客户!+v-套餐+v-工单")


def test_rows_of_a_spreadsheet_go_into_the_empty_row_while_preview_and_reply_stay_in_view(
    page: Page, bench: Dashboard
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, bench, "tone-zh")
    choose_model(page, "openai/zebra")
    page.get_by_role("button", name="Try once").click()
    expect(page.locator(".st-key-compose_reply")).to_contain_text("You said:")
    settled(page)  # the table moves down as the reply comes
    table = page.locator(".stDataFrame .dvn-scroller").first
    table.scroll_into_view_if_needed()
    height = table.evaluate("scroller => scroller.clientHeight")
    table.click(position={"x": 60, "y": height - 20})  # the empty row
    expect(page.locator("#portal textarea")).to_be_focused()
    page.evaluate("navigator.clipboard.writeText('eins\\tzwei\\tdrei\\nvier\\tfünf\\tsechs')")
    page.keyboard.press("Control+v")
    page.locator(".st-key-compose_technique").get_by_text("few-shot", exact=True).click()
    sent = page.locator(".st-key-compose_messages")
    expect(sent).to_contain_text("eins")
    expect(sent).to_contain_text("sechs")
    wording = page.get_by_text("Wording of the techniques")
    wording.click()
    field = page.get_by_label(re.compile("^Refine stop"))
    field.click()  # waits until the section is open, and scrolls there
    expect(field).to_be_in_viewport()
    for part in (sent, page.get_by_role("button", name="Try once"), page.locator(".st-key-compose_reply")):
        expect(part).to_be_in_viewport()


def test_a_reply_and_an_error_are_text_and_nothing_else(page: Page, bench: Dashboard) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    opened(page, bench, "summarize")
    for model, text in (("openai/hostile-text", "<script>"), ("openai/hostile-error", "Model overloaded")):
        choose_model(page, model)
        page.get_by_role("button", name="Try once").click()
        expect(page.locator(".st-key-compose_reply")).to_contain_text(text)
    assert [url for url in urls if not url.startswith((bench.url, "data:", "blob:"))] == []
    assert page.title() == "Compose · Promptgrid"


def test_braces_typed_a_moment_ago_are_doubled_by_one_press(page: Page, bench: Dashboard) -> None:
    opened(page, bench, "summarize")
    user = page.get_by_label("Text of the user message").last
    user.fill("Summarize {text}")
    page.get_by_role("button", name="Double the braces").click()
    expect(user).to_have_value("Summarize {{ text }}")
    page.get_by_role("button", name="Undo").click()
    expect(user).to_have_value("Summarize {text}")
    expect(page.get_by_text("is sent as it stands")).to_be_visible()


def test_a_rule_that_cannot_work_is_told_at_its_fields_while_it_is_typed(page: Page, bench: Dashboard) -> None:
    opened(page, bench, "sentiment")
    page.get_by_text("Answer rule: one of several labels").click()
    words = page.get_by_role("textbox", name="Other words for a label")
    words.fill("postive: good")
    expect(page.get_by_text("is none of the labels. Did you mean positive?")).to_be_visible()
    words.fill("positive: good")
    expect(page.get_by_text("is none of the labels")).not_to_be_visible()
