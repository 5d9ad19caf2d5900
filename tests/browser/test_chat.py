"""The story of a conversation in a real Chromium: talk, edit, branch, two variants, refresh, save as a prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from promptgrid import builtin, chat
from promptgrid.chat import ChatVariant, Settings, tree
from promptgrid.store import Database, conversations
from promptgrid.store.conversations import Conversation, VariantReply
from tests.browser import acting
from tests.faults.modes import HOSTILE_TEXT
from tests.faults.server import HostileServer
from tests.places import CHECKOUT
from tests.running import until

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard, Serve

SLOW_MS = 240_000  # a busy machine may take minutes for a reply of the built-in model
WORDS = "one two three four five six seven eight nine ten " * 240  # slow-stream takes two minutes for it


@pytest.fixture(scope="module")
def endpoint() -> Iterator[HostileServer]:
    with HostileServer() as server:
        server.answer = lambda body: HOSTILE_TEXT if body["model"] == "ok" else WORDS
        yield server


@pytest.fixture(scope="module")
def dashboard(
    serve: Serve, weights_file: Path, endpoint: HostileServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    """With a model server of its own, which ends with it."""
    weights = tmp_path_factory.mktemp("weights") / f"{builtin.MODEL}.gguf"
    weights.symlink_to(weights_file)
    extra = {"OPENAI_BASE_URL": endpoint.url, "PROMPTGRID_BUILTIN_MODEL": str(weights)}
    with serve(CHECKOUT / "workbench.py", **extra) as served, pytest.MonkeyPatch.context() as patch:
        yield served
        patch.setenv("PROMPTGRID_HOME", str(served.home))
        patch.setenv("PROMPTGRID_BUILTIN_MODEL", str(weights))
        builtin.stop()


@pytest.fixture
def database(dashboard: Dashboard) -> Iterator[Database]:
    (dashboard.home / "data").mkdir(exist_ok=True)
    opened = Database(dashboard.home / "data" / "promptgrid.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def page(warm: BrowserContext, dashboard: Dashboard) -> Iterator[Page]:
    dashboard.let_in(warm)
    opened = warm.new_page()
    yield opened
    opened.close()


def turns(page: Page) -> Locator:
    return page.locator(".chat").first.locator("li")


def send(page: Page, text: str) -> None:
    field = page.get_by_role("textbox", name="Next turn")
    field.fill(text)
    field.press("Control+Enter")


def settled(page: Page, count: int) -> None:
    """That many turns stand there, and the next one can be sent."""
    expect(turns(page)).to_have_count(count, timeout=SLOW_MS)
    expect(page.get_by_role("button", name=re.compile("^Send")).last).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_role("button", name=re.compile("^Send"))).to_have_count(1, timeout=SLOW_MS)


def newest(database: Database) -> Conversation:
    return conversations.load(database, conversations.listed(database)[0].id)


def said(database: Database) -> list[str]:
    now = newest(database)
    return [tree.text_of(node, 1) for node in tree.path(now, now.leaf)]


def new_conversation(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/Chat")
    page.locator(".st-key-chat_new button").first.click(timeout=60_000)
    page.get_by_role("button", name="Empty").click()
    page.keyboard.press("Escape")
    expect(turns(page)).to_have_count(0)


def choose_model(page: Page, name: str) -> None:
    page.get_by_role("combobox", name="Model", exact=True).fill(name)
    page.get_by_role("option", name=name).first.click()
    expect(page.get_by_role("combobox", name="Model", exact=True)).to_have_value(name)


def test_the_story_of_a_conversation_with_the_built_in_model(
    dashboard: Dashboard, page: Page, database: Database
) -> None:
    page.goto(f"{dashboard.url}/Chat")
    page.get_by_role("button", name="Start with the food order").click(timeout=60_000)
    settled(page, 5)
    room = page.get_by_role("spinbutton", name="Room for the reply, in tokens")
    room.fill("12")
    room.press("Tab")
    expect(page.locator(".st-key-chat_tokens")).to_contain_text("room for reply 12")

    page.get_by_role("button", name=re.compile("^Send")).click()  # the order that the persona begins with
    settled(page, 7)
    first = said(database)[-1]
    assert first
    expect(turns(page).last).to_contain_text("→")

    turns(page).nth(5).get_by_role("button", name="Edit").click()
    area = page.get_by_role("textbox", name="Text of the turn")
    area.fill("Only a cola, please.")
    page.get_by_role("button", name="Save as a branch · 1 call").click()
    expect(turns(page).nth(5)).to_contain_text("Only a cola")
    settled(page, 7)
    expect(turns(page).nth(5)).to_contain_text("2 of 2")
    turns(page).nth(5).get_by_role("button", name="‹").click()
    expect(turns(page).nth(5)).to_contain_text("A burger")
    assert said(database)[-1] == first

    page.get_by_role("button", name="Add a variant").click()
    expect(page.get_by_role("combobox", name="Model of variant 2")).to_be_visible()
    send(page, "Do you have pizza?")
    settled(page, 9)
    expect(turns(page).last.locator("section")).to_have_count(2)
    assert set(newest(database).nodes[newest(database).leaf or 0].replies) == {1, 2}

    page.reload()  # everything is there again
    settled(page, 9)
    expect(turns(page).last.locator("section")).to_have_count(2)
    field = page.get_by_role("textbox", name="Next turn")
    expect(field).to_have_value("")

    turns(page).last.get_by_role("button", name="Delete").click()
    settled(page, 8)
    page.get_by_role("button", name="Undo").click()
    settled(page, 9)

    page.locator(".st-key-chat_save button").first.click()
    page.get_by_role("textbox", name="Name of the prompt").fill("ordered")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Open it").click()
    expect(page).to_have_url(re.compile("prompt=ordered"), timeout=60_000)
    expect(page.get_by_text("Do you have pizza?").first).to_be_visible()


def test_the_window_is_live_while_typing_and_shows_what_is_no_longer_seen(
    dashboard: Dashboard, page: Page, database: Database
) -> None:
    new_conversation(page, dashboard)
    role = page.get_by_role("button", name="Add only")
    for number in range(3):
        page.get_by_role("textbox", name="Next turn").fill(f"{number} " + "tomato " * 60)
        role.click()
        expect(turns(page)).to_have_count(number + 1)
        expect(page.get_by_role("textbox", name="Next turn")).to_have_value("")
    bar = page.locator(".st-key-chat_tokens")
    before = bar.text_content() or ""
    page.get_by_role("textbox", name="Next turn").press_sequentially("and a question")
    expect(bar).to_contain_text("question")
    expect(bar).not_to_have_text(before)
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(9):
        slider.press("ArrowLeft")
    expect(turns(page).first).to_contain_text("not sent")
    expect(turns(page).last).not_to_contain_text("not sent")
    expect(page.get_by_text(re.compile("Not sent: [1-4] turn"))).to_be_visible()
    page.reload()
    expect(page.get_by_role("textbox", name="Next turn")).to_have_value("and a question")
    expect(turns(page).first).to_contain_text("not sent")


def test_a_refresh_in_mid_reply_loses_nothing_and_stop_keeps_what_has_come(
    dashboard: Dashboard, page: Page, database: Database
) -> None:
    new_conversation(page, dashboard)
    choose_model(page, "openai/slow-stream")
    send(page, "count")
    expect(page.locator(".chat .running pre")).to_contain_text("one two", timeout=60_000)
    page.reload()
    expect(page.locator(".chat .running pre")).to_contain_text("one two", timeout=60_000)
    page.get_by_role("button", name="Stop").click()
    settled(page, 2)
    expect(turns(page).last).to_contain_text("stopped")
    assert said(database)[-1].startswith("one two")
    field = page.get_by_role("textbox", name="Next turn")
    expect(field).to_have_value("")
    page.reload()
    settled(page, 2)
    expect(field).to_have_value("")  # what was sent does not come back as a draft


def test_an_edit_saved_while_another_tab_is_answered_keeps_its_text(
    dashboard: Dashboard, page: Page, warm: BrowserContext
) -> None:
    new_conversation(page, dashboard)
    choose_model(page, "openai/slow-stream")
    page.get_by_role("textbox", name="Next turn").fill("count")
    page.get_by_role("button", name="Add only").click()
    expect(turns(page)).to_have_count(1)
    expect(page.get_by_role("button", name="Replay from here")).to_have_count(0)  # there is nothing below
    page.get_by_role("button", name="Edit", exact=True).click()
    field = page.get_by_role("textbox", name="Text of the turn")
    field.fill("changed here")
    other = warm.new_page()
    other.goto(page.url)
    other.get_by_role("button", name=re.compile("^Send")).click()
    expect(other.locator(".chat .running pre")).to_contain_text("one two")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The model is still answering.")).to_be_visible()
    expect(field).to_have_value("changed here")
    other.get_by_role("button", name="Stop").click()
    settled(other, 2)
    other.close()


def scrolled(page: Page) -> float:
    return float(page.get_by_test_id("stMain").evaluate("element => element.scrollTop"))


def grown(page: Page, more: int = 200) -> None:
    """The reply that streams has grown by that many characters."""
    reply = page.locator(".chat .running pre")
    length = len(reply.inner_text()) + more
    page.wait_for_function(
        "([selector, length]) => [...document.querySelectorAll('*')].some(host => [...(host.shadowRoot ?? host)"
        ".querySelectorAll(selector)].some(text => text.textContent.length > length))",
        arg=[".chat .running pre", length],
        timeout=60_000,
    )


def end_stands_above_the_field(page: Page) -> bool:
    field = page.get_by_role("textbox", name="Next turn").bounding_box()
    end = page.locator(".chat .running .foot").bounding_box()
    return field is not None and end is not None and 0 < end["y"] + end["height"] <= field["y"]


def wheel_up(page: Page) -> None:
    """Scrolls up, and waits until the page has done so and rests."""
    page.get_by_test_id("stMain").hover(position={"x": 300, "y": 200})
    top = scrolled(page)
    page.mouse.wheel(0, -300)
    page.wait_for_function(
        """async top => {
            const main = document.querySelector("[data-testid=stMain]");
            const now = main.scrollTop;
            await new Promise(resolve => setTimeout(resolve, 100));
            return now < top && main.scrollTop === now;
        }""",
        arg=top,
    )


def test_chat_follows_the_reply_unless_the_reader_scrolled_up_and_stop_stays_in_view(
    dashboard: Dashboard, page: Page, database: Database
) -> None:
    page.set_viewport_size({"width": 1400, "height": 620})
    settings = chat.to_json(Settings((ChatVariant(1, "openai/slow-stream"),), room=9000))
    opening = [("user", "one " * 300), ("assistant", "two " * 300)]
    talk = conversations.create(database, "Long", settings, opening)  # type: ignore[arg-type]
    page.goto(f"{dashboard.url}/Chat?chat={talk}")
    send(page, "count")
    stop, reply = page.get_by_role("button", name="Stop"), page.locator(".chat .running pre")
    expect(reply).to_contain_text("one two", timeout=60_000)
    grown(page, 200)
    until(lambda: end_stands_above_the_field(page))
    place = stop.bounding_box()

    wheel_up(page)
    before = scrolled(page)
    grown(page, 150)  # two lines
    assert scrolled(page) == before  # nothing moves under a reader's eyes
    assert stop.bounding_box() == place

    page.set_viewport_size({"width": 400, "height": 620})
    expect(stop).to_be_in_viewport(ratio=1)
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
    expect(stop).to_be_in_viewport(ratio=1)
    page.locator(".chat .running .foot").scroll_into_view_if_needed()
    page.mouse.wheel(0, 60)
    grown(page, 60)
    until(lambda: end_stands_above_the_field(page))  # whoever comes back to the end follows again

    stop.click()
    settled(page, 4)
    end, field = turns(page).last.locator(".foot").bounding_box(), page.get_by_role("textbox").last.bounding_box()
    assert end
    assert field
    assert end["y"] + end["height"] <= field["y"]  # the end of the stream moves nothing
    assert turns(page).last.locator("pre").evaluate("text => text.scrollHeight <= text.clientHeight + 1")  # no bars


def test_a_stream_ends_when_its_tab_is_closed_and_its_text_is_stored(
    dashboard: Dashboard, warm: BrowserContext, database: Database
) -> None:
    dashboard.let_in(warm)
    tab = warm.new_page()
    settings = chat.to_json(Settings((ChatVariant(1, "openai/slow-stream"),), room=9000))
    talk = conversations.create(database, "Endless", settings)
    tab.goto(f"{dashboard.url}/Chat?chat={talk}")
    send(tab, "count")
    expect(tab.locator(".chat .running pre")).to_contain_text("one two", timeout=60_000)
    tab.close()

    def replies() -> list[VariantReply]:
        return [reply for node in conversations.load(database, talk).nodes.values() for reply in node.replies.values()]

    until(replies)
    (reply,) = replies()
    assert reply.state == "stopped"
    assert reply.text.startswith("one two")


def test_a_hostile_reply_is_shown_as_text(dashboard: Dashboard, page: Page) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    new_conversation(page, dashboard)
    choose_model(page, "openai/ok")
    send(page, HOSTILE_TEXT)
    settled(page, 2)
    expect(turns(page).last).to_contain_text("<script>document.title='owned'</script>")
    expect(turns(page).last).to_contain_text("![pixel](http://127.0.0.1:9/pixel.png)")
    assert page.title() == "Chat · Promptgrid"
    assert not any("127.0.0.1:9/" in url for url in urls)


@pytest.mark.parametrize("pause_ms", [0, 10])
def test_send_asks_the_model_that_was_chosen_the_moment_before(
    dashboard: Dashboard, page: Page, endpoint: HostileServer, database: Database, pause_ms: int
) -> None:
    settings = chat.to_json(Settings((ChatVariant(1, "openai/html"),)))
    page.goto(f"{dashboard.url}/Chat?chat={conversations.create(database, 'Quick', settings)}")
    page.get_by_role("textbox", name="Next turn").fill("Hello")
    page.get_by_role("combobox", name="Model", exact=True).focus()
    acting.settled(page)
    button = page.get_by_role("button", name=re.compile("^Send")).element_handle()  # an open list hides its role
    page.get_by_role("combobox", name="Model", exact=True).fill("openai/ok")
    option = page.get_by_role("option", name="openai/ok", exact=True)
    expect(option).to_be_visible()
    acting.press_at_once(page, [option.element_handle(), button], pause_ms)
    settled(page, 2)
    expect(turns(page).last).to_contain_text("<script>")
    assert endpoint.calls("html") == 0


def test_a_conversation_stays_open_beside_another_of_its_name(
    dashboard: Dashboard, page: Page, database: Database
) -> None:
    settings = chat.to_json(Settings((ChatVariant(1, "openai/ok"),)))
    first, second = (conversations.create(database, "Twin", settings) for _ in range(2))
    page.goto(f"{dashboard.url}/Chat?chat={first}")
    send(page, "Hello")
    settled(page, 2)
    send(page, "And again")
    settled(page, 4)
    expect(page).to_have_url(re.compile(first))
    assert len(conversations.load(database, first).nodes) == 4
    acting.settled(page)
    page.get_by_role("combobox", name="Conversation").click()
    page.get_by_role("option", name=second).click()
    expect(page).to_have_url(re.compile(second))
    expect(turns(page)).to_have_count(0)


def test_what_is_chosen_stays_chosen_when_it_is_called_otherwise(
    dashboard: Dashboard, page: Page, database: Database
) -> None:
    settings = chat.to_json(Settings((ChatVariant(1, "openai/ok"), ChatVariant(2, "openai/ok"))))
    page.goto(f"{dashboard.url}/Chat?chat={conversations.create(database, 'Two', settings)}")
    window = page.get_by_role("combobox", name="Window of variant")
    expect(window).to_be_visible()
    acting.settled(page)  # a list that is open closes as the page goes on
    window.press("ArrowDown")  # a click scrolls the page there, which closes the list again
    page.get_by_role("option", name="2 openai/ok").click()
    model = page.get_by_role("combobox", name="Model of variant 2")
    model.fill("openai/long")
    page.get_by_role("option", name="openai/long").first.click()
    expect(window).to_have_value("2 openai/long")
    for number in (1, 2):  # the second drawing is the one that asks for what the first one called it
        page.get_by_role("textbox", name="Next turn").fill("A turn")
        page.get_by_role("button", name="Add only").click()
        expect(turns(page)).to_have_count(number)
        expect(page.get_by_role("textbox", name="Next turn")).to_have_value("")
    expect(window).to_have_value("2 openai/long")
