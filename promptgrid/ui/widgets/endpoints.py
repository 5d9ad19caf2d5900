"""The state of an endpoint in one line, and the download of the built-in model."""

from __future__ import annotations

import streamlit as st

from promptgrid import builtin, humanize
from promptgrid.connections import EndpointState
from promptgrid.ui import server
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain


def endpoint_line(state: EndpointState) -> str:
    """The endpoint as Markdown: a mark, its name and its message."""
    mark = ":green[●]" if state.ok else ":orange[●]"
    return f"{mark} **{plain(state.name)}** {plain(state.message, limit=300)}"


def weights_notice() -> bool:
    """Draws the download while the weights are not here, and the page again once they are. True: they are here."""
    status = builtin.status()
    if status.ready:
        return True
    download = server.fetching()
    if not status.supported:
        st.info(plain(status.reason))
    else:
        st.fragment(_progress, run_every=1.0 if download.running else None)(download.running)
    return False


def _progress(was_running: bool) -> None:
    download = server.fetching()
    if builtin.status().ready or download.running != was_running:
        server.endpoints().refresh(wait=True)
        st.rerun()
    if download.running:
        said = (
            f"{humanize.size(download.done)} of {humanize.size(download.total)}" if download.total > 1 else "beginning"
        )
        st.progress(min(download.done / download.total, 1.0), text=f"Fetching the built-in model, once: {said}")
        return
    if download.error is not None:
        show_error(download.error)
    if st.button("Try again" if download.error else "Fetch the built-in model", key="weights_retry"):
        download.start()
        st.rerun()
