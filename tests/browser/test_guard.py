"""The guard as a browser meets it: a bookmark, a page on another port, a restart."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import Dashboard, Serve
from tests.places import HOME_PAGE

REFUSED = "Open the address that promptgrid printed in its terminal"
ATTACK = """<!doctype html><title>attack</title><pre id="out"></pre>
<iframe src="{url}/Run"></iframe><a href="{url}/Run">go</a>
<script>
const say = text => {{ document.getElementById('out').textContent += text + ';' }};
const socket = new WebSocket('{socket}/_stcore/stream');
socket.onopen = () => say('socket open'); socket.onerror = () => say('socket refused');
fetch('{url}/_stcore/health', {{credentials: 'include'}}).then(() => say('read'), () => say('fetch refused'));
</script>"""


@pytest.fixture(scope="module")
def guarded(serve: Serve) -> Iterator[Dashboard]:
    with serve(HOME_PAGE, PROMPTGRID_BUILTIN_MODEL="none.gguf") as running:
        yield running


@pytest.fixture
def evil(guarded: Dashboard) -> Iterator[str]:
    """The address of a page that a program on another port of this machine serves."""
    page = ATTACK.format(url=guarded.url, socket=guarded.url.replace("http", "ws")).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_the_printed_address_opens_the_page_it_names_and_the_key_leaves_the_address_bar(
    page: Page, guarded: Dashboard
) -> None:
    page.goto(f"{guarded.url}/Settings?key={guarded.key}")
    expect(page).to_have_title("Settings · Promptgrid")
    expect(page).to_have_url(f"{guarded.url}/Settings")
    page.goto(f"{guarded.url}/Library")  # a bookmark, from now on
    expect(page).to_have_title("Library · Promptgrid")


def test_a_bookmark_without_the_key_says_what_to_do(page: Page, guarded: Dashboard) -> None:
    page.goto(f"{guarded.url}/Library")
    expect(page.get_by_text(REFUSED)).to_be_visible()


def test_a_page_on_another_port_can_neither_frame_nor_drive_nor_read_the_dashboard(
    browser: Browser, guarded: Dashboard, evil: str
) -> None:
    context = guarded.context(browser)
    page = context.new_page()
    page.goto(evil)
    expect(page.locator("#out")).to_contain_text("socket refused")
    expect(page.locator("#out")).to_contain_text("fetch refused")
    assert "socket open" not in (page.locator("#out").text_content() or "")
    expect(page.frame_locator("iframe").get_by_text("Promptgrid")).to_have_count(0)
    page.get_by_role("link", name="go").click()  # a link is followed, to a page that asks first
    page.get_by_role("link", name="open it").click()
    expect(page).to_have_title("Run · Promptgrid")
    context.close()


def test_after_a_restart_a_bookmark_says_where_to_go(browser: Browser, guarded: Dashboard) -> None:
    context = guarded.context(browser)
    page = context.new_page()
    page.goto(f"{guarded.url}/Settings")
    expect(page).to_have_title("Settings · Promptgrid")
    Dashboard(guarded.url, guarded.home, "the-key-of-an-earlier-start").let_in(context)
    page.goto(f"{guarded.url}/Compare?run=a")
    expect(page.get_by_text(REFUSED)).to_be_visible()
    context.close()


def test_a_page_of_the_dashboard_can_call_nothing_else(browser: Browser, guarded: Dashboard, evil: str) -> None:
    context = guarded.context(browser)
    page = context.new_page()
    page.goto(f"{guarded.url}/Settings")
    expect(page).to_have_title("Settings · Promptgrid")
    blocked = "url => fetch(url, {mode: 'no-cors'}).then(() => 'sent', () => 'blocked')"
    assert page.evaluate(blocked, evil) == "blocked"
    loaded = """url => new Promise(done => {
      const image = new Image(); image.onload = () => done('loaded'); image.onerror = () => done('blocked');
      document.addEventListener('securitypolicyviolation', event => done('policy ' + event.effectiveDirective));
      image.src = url })"""
    assert page.evaluate(loaded, f"{evil}/x.png") == "policy img-src"
    context.close()
