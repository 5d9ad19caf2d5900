"""What stands around the pages when Streamlit serves them: the guard, the spelling of their addresses, and the address
with its key."""

from __future__ import annotations

import re
import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import PurePosixPath
from threading import Thread
from typing import TYPE_CHECKING, Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse

from promptgrid.ui import links
from promptgrid.ui.shell.frame import MENU
from promptgrid.ui.shell.guard import Guard, Keys

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_NO_LETTER = re.compile(r"[\W_]+")


def _address(file: str) -> str:
    """Returns the path at which Streamlit serves the page of this file: `/Next_word` for `pages/9_Next_word.py`."""
    return "/" if file == links.HOME else "/" + PurePosixPath(file).stem.partition("_")[2]


_ADDRESSES = {_NO_LETTER.sub("", label).lower(): _address(file) for group in MENU.values() for file, label, _ in group}


class Spelling:
    """ASGI middleware that leads other spellings of a page's address to the page, with their parameters: `/compose`,
    `/next-word`, `/Run/`. Streamlit knows one spelling each and would show the home page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "/")
        address = _ADDRESSES.get(_NO_LETTER.sub("", path).lower())
        if scope["type"] != "http" or scope["method"] != "GET" or address in (None, path):
            await self._app(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        await RedirectResponse(f"{address}?{query}" if query else address)(scope, receive, send)


def guarded() -> dict[str, Any]:
    """Returns the arguments that make `st.App` a guarded server, with a new key.

    Ends the process if Streamlit would listen on more than loopback: without sign-in the dashboard is for one user.
    """
    address = st.get_option("server.address")
    if address not in ("127.0.0.1", "localhost", "::1"):
        sys.exit(
            f"Promptgrid listens on 127.0.0.1 only, and server.address is {address or 'every address'}. Start it with "
            "`promptgrid`, or take the setting out of STREAMLIT_SERVER_ADDRESS and .streamlit/config.toml."
        )
    keys = Keys()

    @asynccontextmanager
    async def opened(_: st.App) -> AsyncIterator[None]:
        Thread(target=_import_pages, daemon=True).start()
        _open(keys)
        yield

    return {"middleware": [Middleware(Guard, keys), Middleware(Spelling)], "lifespan": opened}


def _import_pages() -> None:
    """Imports what the first page needs while the browser loads Streamlit's own code: each takes over half a second.

    Meanwhile threads take turns more often: at Python's 5 ms each file that the browser asks for waits several turns.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.0003)
    try:
        import_module("promptgrid.ui.home")
    finally:
        sys.setswitchinterval(usual)


def _open(keys: Keys) -> None:
    """Prints the address with the key. Unless `server.headless` is set, opens the address with the ticket in a
    browser."""
    url = f"http://127.0.0.1:{st.get_option('server.port')}/?key="
    print(f"Promptgrid is at {url}{keys.key} (Ctrl+C stops it; runs in progress continue)", flush=True)  # noqa: T201
    if not st.get_option("server.headless"):
        webbrowser.open(url + keys.ticket)
