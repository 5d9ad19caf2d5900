"""What stands around the pages when Streamlit serves them: the guard, and the address with its key."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from promptgrid.ui.shell.guard import Guard, Keys


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
        _open(keys)
        yield

    return {"middleware": [Middleware(Guard, keys)], "lifespan": opened}


def _open(keys: Keys) -> None:
    """Prints the address with the key. Unless `server.headless` is set, opens the address with the ticket in a
    browser."""
    url = f"http://127.0.0.1:{st.get_option('server.port')}/?key="
    print(f"Promptgrid is at {url}{keys.key} (Ctrl+C stops it; runs in progress continue)", flush=True)  # noqa: T201
    if not st.get_option("server.headless"):
        webbrowser.open(url + keys.ticket)
