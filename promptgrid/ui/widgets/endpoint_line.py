"""One endpoint and its state, in a line."""

from __future__ import annotations

from promptgrid.connections import EndpointState
from promptgrid.ui.widgets.plain import plain


def endpoint_line(found: EndpointState) -> str:
    """As Markdown: a mark, the name, and what there is to say."""
    mark = ":green[●]" if found.ok else ":orange[●]"
    return f"{mark} **{plain(found.name)}** {plain(found.message, limit=300)}"
