"""The context budget as one bar: the tokens of each part of the prompt, and the room for the reply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from promptgrid.ui.widgets.component import component


def token_bar(
    parts: Sequence[tuple[str, int]],
    limit: int | None,
    reserve: int = 0,
    exact: bool = True,
    reason: str = "",
    *,
    key: str | None = None,
) -> None:
    """Draws a bar that shows how the parts of a request and the room for its reply fill the context, with a legend. All
    numbers are tokens.

    `parts` are (label, tokens) in the order of the messages, `reserve` is the room for the reply, and `limit` is the
    context limit of the model (None: unknown). If `exact` is False, the total is marked "≈" and `reason` says why.
    """
    component("token_bar")(key=key, data=bar_data(parts, limit, reserve, exact, reason))


def bar_data(
    parts: Sequence[tuple[str, int]], limit: int | None, reserve: int, exact: bool, reason: str
) -> dict[str, Any]:
    """Returns the data for the browser: the texts and the segments of the bar. Each segment has its share of the bar's
    width, from 0 to 1. The arguments are those of `token_bar`."""
    total = sum(tokens for _, tokens in parts)
    over = max(0, total + reserve - limit) if limit is not None else 0
    width = max(limit or 0, total + reserve, 1)
    segments = [(label, tokens, "part") for label, tokens in parts if tokens]
    if reserve:
        segments.append(("room for reply", reserve, "reserve"))
    return {
        "headline": f"{'' if exact else '≈ '}{total:,}{'' if limit is None else f' of {limit:,}'} tokens",
        "alarm": f"{over:,} over the limit: this is not sent" if over else "",
        "segments": [
            {"label": label, "tokens": f"{tokens:,}", "share": tokens / width, "kind": kind}
            for label, tokens, kind in segments
        ],
        "mark": limit / width if limit is not None and over else None,
        "note": " · ".join(filter(None, ["" if exact else reason, "limit unknown" if limit is None else ""])),
    }
