"""The shared widgets as a person meets them: the matrix first, then escaping, messages, and typing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard, Serve

HOSTILE = (
    "![i](http://127.0.0.1:9/md.png) <img src='http://127.0.0.1:9/html.png'> [l](http://127.0.0.1:9/l) <b>b</b> "
    "http://127.0.0.1:9/auto www.evil.test a@evil.test $x^2$ :fire: :material/home: :streamlit: :red[r] **s** `c` "
    "-> -- &amp; \\alpha ~~d~~ | 评论"
)

MATRIX_PAGE = f"""
import streamlit as st
from promptgrid.ui.compare.matrix import Badge, MatrixCell, MatrixColumn, MatrixRow, matrix

HOSTILE = {HOSTILE!r}
columns = [
    MatrixColumn(
        f"c{{x}}", ["few-shot", f"t={{x}}", HOSTILE], "53 % (41–65) · 60 %", "best", "ascending" if x == 2 else ""
    )
    for x in range(9)
]
states = ["right", "wrong", "partly", "plain", "failed", "pending", "refused", "too_long", "none"]
find = st.text_input("Find", key="find", live=True)
extra = st.toggle("Extra", key="extra")
rows = [
    MatrixRow(f"r{{y}}", f"{{y}} {{HOSTILE}}", "expected mixed", [
        MatrixCell(f"{{y}}-{{x}}" + ("!" if extra and x == y == 0 else ""), HOSTILE, "3 of 5", states[x], x == 1,
                      HOSTILE if x == 3 else "", [Badge("+12 tokens " + HOSTILE, "bad")] if x == 4 else [])
        for x in range(9)
    ])
    for y in range(24) if find in str(y)
]
st.session_state.setdefault("heard", [])
got = matrix(
    "m", columns=columns, rows=rows, height=420, find="find",
    on_sort=lambda *said: st.session_state.heard.append(said),
    on_turn=lambda *said: st.session_state.heard.append(said),
    on_move=lambda *said: st.session_state.heard.append(said),
)
st.text(f"heard {{st.session_state.heard}}")
st.text(f"picked {{got}}")
st.session_state.runs = st.session_state.get("runs", 0) + 1
st.text(f"run {{st.session_state.runs}}")
"""

PLAIN_PAGE = f"""
import streamlit as st
from promptgrid.ui.widgets.feedback import empty_state, show_error
from promptgrid.ui.widgets.messages import message_list
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.words_diff import show_words_diff
from promptgrid.ui.widgets.token_bar import token_bar
from promptgrid.errors import EndpointError
from promptgrid.prompt import Message

HOSTILE = {HOSTILE!r}
text = plain(HOSTILE)
with st.container(key="plain"):
    st.markdown(text)
    st.caption(text, help=text)
    st.progress(0.5, text=text)
    st.metric(text, 1, delta=text)
    st.pills(text, [text])
    st.text_input(text, help=text)
    st.button(text)
    st.warning(text)
    st.expander(text).write(text)
    st.badge(text)
    st.tabs([text])
st.toast(text, duration="infinite")
show_error(EndpointError("server", HOSTILE, hint=HOSTILE, raw=HOSTILE))
empty_state(HOSTILE, HOSTILE, "go", detail=HOSTILE)
message_list([Message("system", HOSTILE), Message("user", "second")], marks=["system", HOSTILE])
token_bar([(HOSTILE, 5)], 4, 3, False, HOSTILE)
show_words_diff("a <b>b</b> " + HOSTILE, HOSTILE + " <i>c</i>", HOSTILE, HOSTILE, height=200, key="diff")
"""

WATCH_PAGE = """
import streamlit as st
from promptgrid.ui.widgets.live_text import forget_typed, watch_text

@st.fragment
def editor():
    st.text_area("User", key="the user")
    st.text("live " + watch_text(["the user"], "w")["the user"])
    if st.button("Try"):
        st.session_state.tried = st.session_state["the user"]
    st.text("tried " + st.session_state.get("tried", ""))

def put_back():
    st.session_state["the user"] = "old"
    forget_typed("w")

st.session_state.setdefault("the user", "old")
editor()
st.button("Put back", on_click=put_back)
st.session_state.runs = st.session_state.get("runs", 0) + 1
st.text(f"page {st.session_state.runs}")
"""


FRAME_PAGE = """
import streamlit as st
from promptgrid.ui.shell.frame import FootLine, frame

frame("Frame", footer=[FootLine("run *7* 62 %", "busy", "pages/2_Run.py", {"run": "7"})])
st.text(f"here {__file__[-16:]} {dict(st.query_params)}")
st.button("Go", type="primary")
with st.popover("More"):
    st.button("Send", type="primary")
    st.multiselect("Chosen", ["one"], default=["one"])
"""


def served(serve: Serve, folder: Path, source: str) -> Iterator[Dashboard]:
    script = folder / "page.py"
    script.write_text(source, encoding="utf-8")
    with serve(script) as running:
        yield running


@pytest.fixture(scope="module")
def matrix_server(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    yield from served(serve, tmp_path_factory.mktemp("matrix"), MATRIX_PAGE)


@pytest.fixture
def sheet(warm: BrowserContext, matrix_server: Dashboard) -> Iterator[Page]:
    page = warm.new_page()
    page.goto(matrix_server.url)
    expect(page.locator("td").first).to_be_visible()
    yield page
    page.close()


def cell(page: Page, y: int, x: int) -> str:
    return f"tbody tr:nth-child({y + 1}) td:nth-of-type({x + 1})"


def picked(page: Page, y: int, x: int) -> None:
    expect(page.get_by_text(f"picked ('r{y}', 'c{x}')")).to_be_visible()


def test_a_click_selects_a_cell_and_tells_python(sheet: Page) -> None:
    expect(sheet.get_by_text("picked None")).to_be_visible()
    sheet.click(cell(sheet, 2, 1))
    picked(sheet, 2, 1)
    expect(sheet.locator("td[aria-selected=true]")).to_have_count(1)
    expect(sheet.locator(cell(sheet, 2, 1))).to_have_attribute("aria-selected", "true")


def test_arrow_keys_move_and_stop_at_the_edges(sheet: Page) -> None:
    sheet.click(cell(sheet, 1, 1))
    for key in ["ArrowDown", "ArrowRight", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowLeft"]:
        sheet.keyboard.press(key)
    picked(sheet, 0, 1)
    sheet.keyboard.press("Control+End")
    picked(sheet, 23, 8)
    expect(sheet.locator(cell(sheet, 23, 8))).to_be_in_viewport()


def test_quick_keys_are_never_thrown_back_by_an_older_answer(sheet: Page) -> None:
    sheet.click(cell(sheet, 0, 0))
    for _ in range(12):
        sheet.keyboard.press("ArrowDown")
        sheet.wait_for_timeout(70)
    picked(sheet, 12, 0)
    expect(sheet.locator(cell(sheet, 12, 0))).to_have_attribute("aria-selected", "true")


def test_letters_move_from_case_to_case_and_beyond_the_page(sheet: Page) -> None:
    sheet.keyboard.press("n")
    picked(sheet, 0, 0)
    sheet.click(cell(sheet, 1, 2))
    for key in ["n", "j", "p"]:
        sheet.keyboard.press(key)
    picked(sheet, 2, 2)
    sheet.get_by_label("Find").focus()
    sheet.keyboard.type("n")
    expect(sheet.get_by_text("No case matches.")).to_be_visible()
    sheet.get_by_label("Find").fill("")
    sheet.click(cell(sheet, 0, 2))
    picked(sheet, 0, 2)
    sheet.keyboard.press("k")
    expect(sheet.get_by_text("heard [('r0', 'c2', -1)]")).to_be_visible()
    expect(sheet.locator(cell(sheet, 0, 2))).to_have_attribute("aria-selected", "true")


def test_a_head_that_is_pressed_asks_for_another_order(sheet: Page) -> None:
    heads = sheet.locator("thead th")
    expect(heads.nth(3)).to_have_attribute("aria-sort", "ascending")
    heads.nth(4).get_by_role("button").click()
    expect(sheet.get_by_text("heard [('c3',)]")).to_be_visible()
    heads.first.get_by_role("button").press("Enter")
    expect(sheet.get_by_text("heard [('c3',), ('',)]")).to_be_visible()
    expect(heads.first.get_by_role("button")).to_be_focused()


def test_columns_are_moved_and_resized_by_pointer_and_keys(sheet: Page) -> None:
    heads = sheet.locator("thead th")
    box = "node => ({...node.getBoundingClientRect().toJSON()})"
    first, second, third = (heads.nth(n).evaluate(box) for n in (1, 2, 3))
    sheet.mouse.move(third["x"] + 60, third["y"] + 12)
    sheet.mouse.down()
    sheet.mouse.move(first["x"] + 60, first["y"] + 12, steps=4)
    sheet.mouse.up()
    expect(sheet.get_by_text("heard [('c2', 0)]")).to_be_visible()  # and no press to sort
    heads.nth(2).locator("button").focus()
    sheet.keyboard.press("Shift+ArrowRight")
    expect(sheet.get_by_text("heard [('c2', 0), ('c1', 2)]")).to_be_visible()
    edge = second["x"] - 3
    sheet.mouse.move(edge, first["y"] + 12)
    sheet.mouse.down()
    sheet.mouse.move(edge + 90, first["y"] + 12, steps=4)
    sheet.mouse.up()
    wide = heads.nth(1).evaluate("node => node.offsetWidth")
    assert abs(wide - first["width"] - 90) <= 3
    heads.nth(1).locator("button").focus()
    sheet.keyboard.press("Control+ArrowLeft")
    assert heads.nth(1).evaluate("node => node.offsetWidth") == wide - 24
    sheet.reload()
    expect(sheet.locator("td").first).to_be_visible()
    assert heads.nth(1).evaluate("node => node.offsetWidth") == wide - 24
    heads.nth(1).locator(".edge").dblclick()
    assert abs(heads.nth(1).evaluate("node => node.offsetWidth") - first["width"]) <= 1
    expect(sheet.get_by_text("heard []")).to_be_visible()


def test_escape_clears_the_selection(sheet: Page) -> None:
    sheet.click(cell(sheet, 1, 1))
    picked(sheet, 1, 1)
    sheet.keyboard.press("Escape")
    expect(sheet.get_by_text("picked None")).to_be_visible()
    expect(sheet.locator("td[aria-selected=true]")).to_have_count(0)


def test_focus_scroll_and_nodes_survive_a_rerun_that_changes_a_cell(sheet: Page) -> None:
    sheet.click(cell(sheet, 10, 4))
    picked(sheet, 10, 4)
    before = sheet.locator(".matrix").evaluate(
        "m => { m.querySelector('td').kept = 1; return [m.scrollTop, m.scrollLeft] }"
    )
    assert before[0] > 0
    sheet.get_by_text("Extra").click()
    expect(sheet.locator(cell(sheet, 0, 0))).to_contain_text("0-0!")
    after = sheet.locator(".matrix").evaluate("m => [m.scrollTop, m.scrollLeft, m.querySelector('td').kept]")
    assert after == [*before, 1]


def test_focus_stays_in_the_matrix_over_the_rerun_it_causes(sheet: Page) -> None:
    sheet.click(cell(sheet, 3, 0))
    picked(sheet, 3, 0)
    sheet.keyboard.press("ArrowDown")
    picked(sheet, 4, 0)
    sheet.keyboard.press("ArrowDown")
    picked(sheet, 5, 0)


def test_header_and_first_column_stay_while_the_rest_scrolls(sheet: Page) -> None:
    corner = sheet.locator("thead th").first
    before = corner.bounding_box()
    sheet.locator(".matrix").evaluate("m => m.scrollTo(500, 600)")
    assert corner.bounding_box() == before
    top = sheet.locator(".matrix").bounding_box()
    side = sheet.locator("tbody th").nth(12).bounding_box()
    head = sheet.locator("thead th").nth(5).bounding_box()
    assert top is not None
    assert side is not None
    assert head is not None
    assert abs(side["x"] - top["x"]) <= 1
    assert abs(head["y"] - top["y"]) <= 1


def test_a_filter_found_by_slash_narrows_the_rows_and_hides_the_selection(sheet: Page) -> None:
    sheet.click(cell(sheet, 1, 0))
    picked(sheet, 1, 0)
    sheet.keyboard.press("/")
    expect(sheet.get_by_label("Find")).to_be_focused()
    sheet.keyboard.type("23")
    expect(sheet.locator("tbody tr")).to_have_count(1)
    expect(sheet.get_by_text("picked None")).to_be_visible()
    sheet.keyboard.type("/")
    expect(sheet.get_by_label("Find")).to_have_value("23/")
    expect(sheet.get_by_text("No case matches.")).to_be_visible()
    sheet.locator(".matrix").evaluate("m => (m.scrollLeft = m.scrollWidth)")
    expect(sheet.get_by_text("No case matches.")).to_be_in_viewport(ratio=1)
    sheet.get_by_label("Find").clear()
    picked(sheet, 1, 0)
    expect(sheet.locator(cell(sheet, 1, 0))).to_have_attribute("aria-selected", "true")


def test_screen_readers_hear_answer_state_and_difference(sheet: Page) -> None:
    grid = sheet.get_by_role("grid", name="Answers")
    expect(grid.get_by_role("columnheader")).to_have_count(10)
    expect(grid.get_by_role("rowheader")).to_have_count(24)
    label = sheet.locator(cell(sheet, 0, 1)).get_attribute("aria-label") or ""
    assert label.startswith("0-1 wrong 3 of 5 ")
    assert label.endswith(", differs from the baseline")


def test_every_state_but_the_plain_ones_says_its_word(sheet: Page) -> None:
    words = sheet.locator("tbody tr").first.locator(".word").all_text_contents()
    assert words == ["right", "wrong", "partly", "", "failed", "waiting", "refused", "too long", ""]


def test_on_a_phone_the_matrix_scrolls_in_itself_and_not_the_page(sheet: Page) -> None:
    sheet.set_viewport_size({"width": 400, "height": 800})
    width, content = sheet.locator(".matrix").evaluate("m => [m.clientWidth, m.scrollWidth]")
    assert content > width
    assert sheet.evaluate("() => document.documentElement.scrollWidth") <= 400
    first = sheet.locator("thead th").first.bounding_box()
    assert first is not None
    assert first["width"] < 0.45 * width


@pytest.fixture(scope="module")
def plain_server(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    yield from served(serve, tmp_path_factory.mktemp("plain"), PLAIN_PAGE)


def test_foreign_text_is_shown_and_never_fetched(page: Page, plain_server: Dashboard) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(plain_server.url)
    main = page.get_by_test_id("stMain")
    expect(main.locator(".token-bar .note")).to_be_visible()
    expect(page.get_by_test_id("stToast")).to_be_visible()
    page.get_by_text("What the endpoint said").click()
    page.get_by_test_id("stTooltipIcon").first.hover()
    expect(page.get_by_test_id("stTooltipContent")).to_be_visible()
    assert [url for url in urls if not url.startswith((plain_server.url, "data:", "blob:"))] == []


def test_foreign_text_is_shown_letter_by_letter(page: Page, plain_server: Dashboard) -> None:
    page.goto(plain_server.url)
    expect(page.locator(".token-bar .note")).to_be_visible()
    containers = page.locator("[data-testid=stMain] [data-testid=stMarkdownContainer]").all_inner_texts()
    texts = [text.replace("\u2060", "") for text in containers]
    assert sum(text == HOSTILE for text in texts) >= 9
    assert page.locator(".messages .text").first.inner_text() == HOSTILE
    interpreted = (
        ":is(img, a[href], del, em, code *, .katex, [data-testid=stIconMaterial], [style*=color]:not(.stMarkdownBadge))"
    )
    elements = page.locator(f"[data-testid=stMain] [data-testid=stMarkdownContainer] {interpreted}")
    assert elements.evaluate_all("nodes => nodes.map(node => node.outerHTML)") == []
    codes = page.locator("[data-testid=stMain] [data-testid=stMarkdownContainer] code").all_text_contents()
    assert codes
    assert {text for text in codes if not text.startswith("http://127.0.0.1:9/")} == set()  # addresses, to be copied


def test_two_texts_are_shown_as_one_with_what_goes_and_what_comes(page: Page, plain_server: Dashboard) -> None:
    page.goto(plain_server.url)
    text = page.locator(".words-diff .text")
    expect(text.locator("del").first).to_have_text("a <b>b</b> ")
    expect(text.locator("ins")).to_have_text(" <i>c</i>")
    assert text.locator(":scope > :not(span, del, ins), :scope > * *").count() == 0
    assert page.locator(".words-diff :is(img, a, b, i)").count() == 0


def test_messages_are_copied_as_they_will_be_sent(page: Page, plain_server: Dashboard) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(plain_server.url)
    page.get_by_role("button", name="Copy as JSON").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = json.loads(page.evaluate("() => navigator.clipboard.readText()"))
    assert copied == [{"role": "system", "content": HOSTILE}, {"role": "user", "content": "second"}]


def test_matrix_text_is_never_interpreted(page: Page, matrix_server: Dashboard) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(matrix_server.url)
    expect(page.locator("td .detail").first).to_have_text(HOSTILE)
    assert page.locator(".matrix :is(img, a, b)").count() == 0
    assert not [url for url in urls if "127.0.0.1:9/" in url or "evil" in url]


@pytest.fixture(scope="module")
def watch_server(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    yield from served(serve, tmp_path_factory.mktemp("watch"), WATCH_PAGE)


@pytest.fixture
def editor(warm: BrowserContext, watch_server: Dashboard) -> Iterator[Page]:
    page = warm.new_page()
    page.goto(watch_server.url)
    expect(page.get_by_text("live old")).to_be_visible()
    page.get_by_label("User").click()
    page.keyboard.press("Control+End")
    yield page
    page.close()


def test_typing_reaches_python_before_the_text_area_is_left(editor: Page) -> None:
    editor.keyboard.type(" and new", delay=20)
    expect(editor.get_by_text("live old and new")).to_be_visible()
    expect(editor.get_by_label("User")).to_be_focused()
    expect(editor.get_by_text("page 1", exact=True)).to_be_visible()


def test_a_click_right_after_typing_acts_on_the_whole_text(editor: Page) -> None:
    editor.keyboard.type(" half")
    expect(editor.get_by_text("live old half")).to_be_visible()
    editor.keyboard.type(" whole")
    editor.get_by_role("button", name="Try").click()
    expect(editor.get_by_text("tried old half whole")).to_be_visible()
    expect(editor.get_by_text("live old half whole")).to_be_visible()


def test_text_put_back_by_a_button_is_what_counts(editor: Page) -> None:
    editor.keyboard.type(" typed")
    expect(editor.get_by_text("live old typed")).to_be_visible()
    editor.get_by_role("button", name="Put back").click()
    expect(editor.get_by_text("live old", exact=True)).to_be_visible()
    expect(editor.get_by_label("User")).to_have_value("old")


def test_typing_and_taking_it_back_leaves_nothing_behind(editor: Page) -> None:
    editor.keyboard.type("x")
    expect(editor.get_by_text("live oldx")).to_be_visible()
    editor.keyboard.press("Backspace")
    editor.get_by_text("page 1").click()
    expect(editor.get_by_text("live old", exact=True)).to_be_visible()


def test_typing_goes_on_counting_after_ctrl_enter(editor: Page) -> None:
    editor.keyboard.type("1")
    editor.keyboard.press("Control+Enter")
    expect(editor.get_by_text("live old1")).to_be_visible()
    editor.keyboard.type("2")
    expect(editor.get_by_text("live old12")).to_be_visible()


@pytest.fixture(scope="module")
def frame_server(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    folder = tmp_path_factory.mktemp("frame")
    for name in ["workbench.py", "pages/1_Compose.py", "pages/2_Run.py"]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(FRAME_PAGE, encoding="utf-8")
    with serve(folder / "workbench.py") as running:
        yield running


def test_a_page_opened_by_its_address_has_the_menu_and_a_foot_that_links(page: Page, frame_server: Dashboard) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(f"{frame_server.url}/Compose")
    expect(page).to_have_title("Frame · Promptgrid")
    menu = page.get_by_test_id("stSidebar").get_by_role("link")
    expect(menu).to_have_text(["homeHome", "edit_noteCompose", "play_arrowRun", re.compile("run .?\\*7")])
    menu.last.click()
    expect(page.get_by_text("pages/2_Run.py {'run': '7'}")).to_be_visible()
    menu.first.click()
    expect(page.get_by_text("workbench.py {}")).to_be_visible()
    assert [url for url in urls if not url.startswith((frame_server.url, "data:", "blob:"))] == []


@pytest.mark.parametrize(
    ("scheme", "text", "ground"),
    [("dark", "oklch(0 0 0)", "rgb(158, 177, 255)"), ("light", "oklch(1 0 0)", "rgb(52, 81, 178)")],
)
def test_what_has_the_accent_as_its_ground_can_be_read(
    browser: Browser, frame_server: Dashboard, scheme: Literal["dark", "light"], text: str, ground: str
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(frame_server.url)
    page.get_by_role("button", name="More").click()  # a popover stands outside of what has the colour scheme
    tag = page.locator("[data-tag]")
    for label in (page.get_by_text("Go", exact=True), page.get_by_text("Send", exact=True), tag, tag.locator("button")):
        expect(label).to_have_css("color", text)
    for filled in (page.locator("[data-testid=stBaseButton-primary]").first, tag):
        expect(filled).to_have_css("background-color", ground)
    context.close()


def test_a_narrow_matrix_shows_two_whole_columns_wherever_it_is_scrolled(sheet: Page) -> None:
    sheet.set_viewport_size({"width": 400, "height": 800})
    sheet.locator(cell(sheet, 0, 5)).click()
    picked(sheet, 0, 5)
    sheet.wait_for_function(
        """() => {
          const roots = [...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean);
          const [corner, ...heads] = roots.flatMap(root => [...root.querySelectorAll('.matrix thead th')]);
          const start = corner.getBoundingClientRect().right;
          const end = corner.closest('.matrix').getBoundingClientRect().right;
          const edges = heads.map(head => head.getBoundingClientRect());
          const [first] = edges.filter(edge => edge.right > start + 2);
          const whole = edges.filter(edge => edge.left > start - 2 && edge.right < end + 2);
          return first.left > start - 2 && whole.length === 2;
        }"""
    )
