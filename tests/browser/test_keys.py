"""The frame by keyboard alone: popovers, the palette, Save, the list of keys; and the browser's Back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser import acting, axe
from tests.faults.server import HostileServer

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard

SEED = """
from promptgrid import api
from promptgrid.prompt import Message, Prompt
from promptgrid.store import Database, runs

prompt = Prompt("echo", (Message("user", "{{ text }}"),))
for name in ("older", "newer"):
    api.run(api.plan(prompt, [{"text": name}], models="openai/ok", temperatures=[0, 1], name=name))
print(*[run.id for run in runs.list_runs(Database())])
"""


@pytest.fixture(scope="module")
def run_ids(bench: Dashboard, endpoint: HostileServer) -> list[str]:
    """Of the newer run and of the older one."""
    return bench.run(SEED, OPENAI_BASE_URL=endpoint.url).split()


def opener(page: Page, name: str) -> Locator:
    return page.get_by_test_id("stPopover").get_by_role("button", name=name)


def referring(page: Page) -> list[str]:
    """A list that fills with the messages of the server that refer to an earlier one, which the page may have
    forgotten by then: it would end in "Connection error"."""
    references: list[str] = []

    def read(frame: str | bytes) -> None:
        message = ForwardMsg.FromString(frame) if isinstance(frame, bytes) else ForwardMsg()
        if message.HasField("ref_hash"):
            references.append(message.ref_hash)

    page.on("websocket", lambda socket: socket.on("framereceived", read))
    return references


def listening(page: Page) -> None:
    """The script of the keys is there."""
    expect(page.locator(".st-key-pg_keys .pg")).to_be_attached()


def go_to(page: Page, words: str) -> None:
    """By the palette."""
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Go to").fill(words)
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Enter")


def test_a_prompt_is_made_and_saved_by_keyboard_alone(tab: Page, bench: Dashboard) -> None:
    tab.goto(f"{bench.url}/Compose?prompt=sentiment")
    listening(tab)
    acting.settled(tab)
    field = tab.get_by_label("Name of the new prompt")

    opener(tab, "New").press("Enter")
    expect(field).to_be_focused()  # not 37 tabs away
    assert axe.violations(tab) == []
    tab.keyboard.press("Escape")
    expect(field).to_have_count(0)
    expect(opener(tab, "New")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(field).to_be_focused()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    expect(opener(tab, "New")).to_be_focused()  # and not the end of the page
    tab.keyboard.press("Escape")
    expect(field).to_have_count(0)

    tab.keyboard.press("Enter")
    field.fill("sentiment")
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("There is a prompt 'sentiment' already.")).to_be_visible()
    expect(field).to_have_value("sentiment")  # the popover stays, to correct the name
    field.fill("by-keys")
    tab.keyboard.press("Enter")
    expect(field).to_have_count(0)
    expect(tab).to_have_url(re.compile("prompt=by-keys"))
    expect(tab.get_by_text("not saved yet")).to_be_visible()
    acting.settled(tab)

    tab.get_by_role("textbox", name="user").last.fill("Say hello.")
    tab.keyboard.press("Control+s")  # with the focus still in the field
    expect(tab.get_by_text("saved just now")).to_be_visible()
    assert "Say hello." in (bench.home / "data" / "prompts" / "by-keys.prompty").read_text("utf-8")


def test_a_popover_closes_when_it_has_discarded_and_an_open_section_stays_open_with_what_it_refuses(
    tab: Page, bench: Dashboard
) -> None:
    tab.goto(f"{bench.url}/compose?prompt=proofread")  # another spelling of the page
    expect(tab).to_have_url(f"{bench.url}/Compose?prompt=proofread")
    tab.get_by_text(re.compile("^Parameters")).click()
    temperature, seed = (tab.locator(f".st-key-compose_{name} input") for name in ("temperature", "seed"))
    temperature.fill("1.5")
    temperature.press("Tab")
    expect(tab.get_by_text(re.compile("^Parameters: temperature 1.5"))).to_be_visible()
    expect(seed).to_be_visible()  # below another heading
    seed.fill("9007199254740993")
    seed.press("Tab")
    expect(tab.get_by_text("Please enter a value between -9007199254740991 and 9007199254740991.")).to_be_visible()
    opener(tab, "More").click()
    discard = tab.get_by_role("button", name="Discard the changes")
    discard.click()
    expect(tab.get_by_text("Discarded the changes.")).to_be_visible()
    expect(discard).to_have_count(0)
    opener(tab, "More").click()
    load = tab.get_by_role("button", name="Load this version")
    load.click()
    expect(tab.get_by_text("Loaded another draft.")).to_be_visible()
    expect(load).to_have_count(0)


def test_a_link_pressed_while_a_text_is_typed_opens_its_page_and_the_text_is_kept(tab: Page, bench: Dashboard) -> None:
    tab.goto(f"{bench.url}/Compose?prompt=sentiment")
    field = tab.get_by_role("textbox", name="user").last
    field.press("Control+End")
    tab.keyboard.type(" zebra")
    expect(tab.locator(".messages")).to_contain_text("zebra")
    tab.get_by_role("link", name="Tokens", exact=True).click()
    expect(tab).to_have_title("Tokens · Promptgrid")
    expect(tab.locator(".piece").first).to_be_visible()
    acting.settled(tab)
    expect(tab).to_have_title("Tokens · Promptgrid")
    tab.get_by_role("link", name="Compose", exact=True).click()
    expect(field).to_have_value(re.compile("zebra$"))


def test_the_palette_goes_to_pages_prompts_and_runs_and_the_keys_are_listed(
    tab: Page, bench: Dashboard, run_ids: list[str]
) -> None:
    references = referring(tab)
    tab.goto(bench.url)
    listening(tab)
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog", name="Keys")).to_contain_text("Ctrl+K")
    assert axe.violations(tab) == []
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("dialog")).to_have_count(0)
    tab.keyboard.press("Control+k")
    expect(tab.get_by_role("option", selected=True)).to_contain_text("Home")
    assert axe.violations(tab) == []
    tab.keyboard.press("Escape")
    go_to(tab, "page libr")
    expect(tab).to_have_title("Library · Promptgrid")
    tab.get_by_placeholder("Find by name").press("?")  # a field takes it as text
    expect(tab.get_by_role("dialog")).to_have_count(0)
    go_to(tab, "run older")
    expect(tab).to_have_url(f"{bench.url}/Run?run={run_ids[1]}")
    go_to(tab, "prompt arithmetic")
    expect(tab).to_have_url(f"{bench.url}/Compose?prompt=arithmetic")
    tab.go_back()
    expect(tab).to_have_url(f"{bench.url}/Run?run={run_ids[1]}")
    tab.go_back()
    expect(tab).to_have_title("Library · Promptgrid")
    tab.go_back()
    expect(tab).to_have_title("Home · Promptgrid")
    assert references == []


def test_a_dialog_that_was_closed_a_moment_ago_stands_in_the_way_of_no_other(tab: Page, bench: Dashboard) -> None:
    tab.goto(bench.url)
    listening(tab)
    # The browser tells of the closing only after this script: the key comes before.
    close_and_press = """(box, key) => {
        box.close();
        document.dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey: key === "k" }));
    }"""
    palette = tab.get_by_role("dialog", name="Go to")
    for key, name in [("?", "Go to"), ("k", "Keys"), ("k", "Go to")]:
        tab.keyboard.press("?" if name == "Keys" else "Control+k")
        tab.get_by_role("dialog", name=name).evaluate(close_and_press, key)
        expect(tab.get_by_role("dialog", name="Keys" if key == "?" else "Go to")).to_be_visible()
        if key == "k":
            palette.get_by_role("combobox").fill("libr")
            expect(palette.get_by_role("option")).to_contain_text(["Library"])
        tab.keyboard.press("Escape")
        expect(tab.get_by_role("dialog")).to_have_count(0)


def test_back_opens_the_run_before_and_no_change_of_the_view_is_a_step(
    tab: Page, bench: Dashboard, run_ids: list[str]
) -> None:
    newer, older = run_ids
    tab.goto(bench.url)
    listening(tab)
    tab.get_by_role("link", name="Compare", exact=True).first.click()
    expect(tab).to_have_url(f"{bench.url}/Compare?run={newer}")
    tab.locator(".matrix td").nth(1).click()
    expect(tab).to_have_url(re.compile("variant="))
    acting.settled(tab)
    run = tab.get_by_role("combobox", name="Run", exact=True)
    run.click()
    tab.get_by_role("option", name=re.compile("older")).click()
    expect(tab).to_have_url(f"{bench.url}/Compare?run={older}")
    acting.settled(tab)
    tab.go_back()
    expect(run).to_have_value(re.compile("newer"))
    expect(tab).to_have_url(re.compile(f"run={newer}.*variant="))
    tab.go_forward()
    expect(run).to_have_value(re.compile("older"))
    tab.go_back()
    tab.go_back()
    expect(tab).to_have_title("Home · Promptgrid")


def test_on_a_phone_the_head_names_the_page_and_the_pane_of_a_cell_comes_into_view(
    tab: Page, bench: Dashboard, run_ids: list[str]
) -> None:
    tab.set_viewport_size({"width": 400, "height": 700})
    tab.goto(f"{bench.url}/Compare?run={run_ids[0]}")
    cell = tab.locator(".matrix td").nth(1)
    cell.click()
    name = "getComputedStyle(document.querySelector('[data-testid=stHeader]'), '::after').content"
    tab.wait_for_function(f"""{name} === '"Compare"'""")
    expect(tab.locator(".st-key-compare_detail").get_by_role("button", name="Next")).to_be_in_viewport()
    expect(cell).to_be_in_viewport()
