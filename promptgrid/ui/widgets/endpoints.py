"""The state of an endpoint in one line, and the download of the built-in model."""

from __future__ import annotations

import streamlit as st

from promptgrid import builtin, humanize
from promptgrid.connections import BUILTIN, EndpointState
from promptgrid.ui import server
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain


def endpoint_line(state: EndpointState) -> str:
    """Returns the endpoint as Markdown: a mark, its name and its message, or that its weights are being downloaded."""
    if state.name == BUILTIN and server.weights_download().running and not builtin.status().ready:
        return f":blue[●] **{plain(state.name)}** The model is being downloaded."
    mark = ":green[●]" if state.ok else ":orange[●]"
    return f"{mark} **{plain(state.name)}** {plain(state.message, limit=300)}"


def weights_notice() -> bool:
    """Returns whether the weights of the built-in model are on this machine. If not, draws the download, and reruns the
    page when it ends."""
    status = builtin.status()
    if status.ready:
        return True
    download = server.weights_download()
    if not status.supported:
        st.info(plain(status.reason))
    else:
        st.fragment(_progress, run_every=1.0 if download.running else None)(download.running)
    return False


def _progress(was_running: bool) -> None:
    download = server.weights_download()
    if builtin.status().ready or download.running != was_running:
        server.endpoints().refresh(wait=True)
        st.rerun()
    if download.running:
        done, total = humanize.size(download.done), humanize.size(download.total)
        sizes = f"{done} of {total}" if download.total > 1 else "starting"
        st.progress(min(download.done / download.total, 1.0), text=f"Downloading the built-in model, once: {sizes}")
        return
    if download.error is not None:
        show_error(download.error)
    if st.button("Try again" if download.error else "Download the built-in model", key="weights_retry"):
        download.start()
        st.rerun()
