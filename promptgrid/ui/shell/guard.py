"""Who may talk to the dashboard: a browser that was shown the key of this start, from a page of this server.

A port on loopback is open to every user of the machine and to every page that a browser shows. The dashboard can spend
money and run code, so each request, uploads, media and WebSockets included, has to bring the key.
"""

from __future__ import annotations

import re
import secrets
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.websockets import WebSocketClose

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OWN_NAMES = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
_PAGE = """<!doctype html><meta charset="utf-8"><title>Promptgrid</title>{head}
<style>body {{ font: 16px/1.6 system-ui; max-width: 38rem; margin: 4rem auto; padding: 0 1rem }}</style>
<h1>Promptgrid</h1>{body}"""
_NO_KEY = """<p><strong>Open the address that <code>promptgrid</code> printed in its terminal:</strong> it ends with
<code>?key=…</code>. Each start has a new key; once its address has been opened, bookmarks work in this browser.</p>
<p>The key keeps other users of this machine and other web pages from using the dashboard.</p>"""
_NO_KEY_TEXT = "Promptgrid was started again, with a new key: open the address that it printed in its terminal."
_FOREIGN = """<p>Another web page led here, perhaps without your knowledge. If you want to see this page of
Promptgrid, <a href="">open it</a>.</p>"""
_OTHER_NAME = """<p>The dashboard answers as <code>127.0.0.1</code> and <code>localhost</code> only. To use it from
another machine, run <code>ssh -L 8501:127.0.0.1:8501 HOST</code> there and open the address that
<code>promptgrid</code> printed.</p>"""


class Keys:
    """The key of this start of the server, valid until the server ends, and a ticket, valid once.

    The ticket goes on the command line of the browser that the server opens, which other users of the machine can read.
    """

    def __init__(self) -> None:
        self.key = secrets.token_urlsafe(32)
        self.ticket = secrets.token_urlsafe(32)

    def matches(self, value: str) -> bool:
        """Returns whether `value` is the key."""
        return secrets.compare_digest(value.encode(), self.key.encode())

    def admit(self, value: str) -> bool:
        """Returns whether `value` is the key or the ticket, which is valid only for the first such call."""
        if not secrets.compare_digest(value.encode(), self.ticket.encode()):
            return self.matches(value)
        self.ticket = secrets.token_urlsafe(32)
        return True


class Guard:
    """ASGI middleware that lets requests with the key through and answers all others with a plain page (401, 403).

    A page that is opened with `?key=…` sets the key as a cookie and opens again without it.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        answer = self._answer(request)
        if answer is None:
            await self._app(scope, receive, _with_headers(send, request.headers["host"]))
        elif scope["type"] == "http":
            await answer(scope, receive, send)
        else:
            await WebSocketClose(code=1008)(scope, receive, send)

    def _answer(self, request: HTTPConnection) -> Response | None:
        """Returns the guard's own answer, or None if the request may pass."""
        cookie = f"promptgrid-{request.scope['server'][1]}"  # browsers share cookies between the ports of a host
        if not _OWN_NAMES.fullmatch(request.headers.get("host", "")):
            return _refusal(_OTHER_NAME)
        if request.scope.get("method") == "GET" and self._keys.admit(request.query_params.get("key", "")):
            return _entrance(request, cookie, self._keys.key)
        if _is_foreign(request):
            return _refusal(_FOREIGN)
        return None if self._keys.matches(request.cookies.get(cookie, "")) else _without_key(request)


def _is_foreign(request: HTTPConnection) -> bool:
    """Returns whether a page of another origin caused the request. Another port of this machine is another origin."""
    scheme = {"ws": "http", "wss": "https"}.get(request.scope["scheme"], request.scope["scheme"])
    origin = request.headers.get("origin")
    if origin is not None and origin != f"{scheme}://{request.headers['host']}":
        return True
    return request.headers.get("sec-fetch-site") in ("same-site", "cross-site")


def _entrance(request: HTTPConnection, cookie: str, key: str) -> Response:
    """Returns the page that sets the cookie (named `cookie`, with the value `key`) and opens the address without the
    key.

    A redirect would not do: after a link on another page, browsers follow a redirect without the SameSite=Strict
    cookie.
    """
    rest = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "key"])
    target = "/" + request.url.path.lstrip("/") + (f"?{rest}" if rest else "")
    head = f'<meta http-equiv="refresh" content="0;url={escape(target)}">'
    response = _page(200, head, f'<p><a href="{escape(target)}">Open the dashboard</a></p>')
    response.set_cookie(cookie, key, httponly=True, samesite="strict")
    return response


def _without_key(request: HTTPConnection) -> Response:
    """Returns the answer to a request without a valid key: a page that says what to do. A background request comes from
    a tab that has been open since an earlier start of the server. It gets JSON with status 401, whose text the tab
    shows; with status 403 Streamlit would show a text of its own."""
    if "/_stcore/" in request.url.path:
        return JSONResponse(_NO_KEY_TEXT, 401, {"Cache-Control": "no-store"})
    return _page(401, "", _NO_KEY)


def _refusal(reason: str) -> Response:
    return _page(403, "", reason)


def _page(status: int, head: str, body: str) -> Response:
    rules = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    headers = {"Content-Security-Policy": rules, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    return HTMLResponse(_PAGE.format(head=head, body=body), status, headers)


def _with_headers(send: Send, host: str) -> Send:
    """Returns a `send` that adds security headers to each response: other web pages cannot embed the dashboard's pages,
    and these load from and connect to nothing but this server (`host`)."""
    rules = (
        "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'",  # Streamlit and Vega need the last two
        f"connect-src 'self' data: blob: ws://{host} wss://{host}",
        "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'",
    )

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = "; ".join(rules)
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            headers["Referrer-Policy"] = "same-origin"
            headers["X-Content-Type-Options"] = "nosniff"
        await send(message)

    return sending
