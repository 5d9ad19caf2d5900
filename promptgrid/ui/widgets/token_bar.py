"""The context budget as one bar: what the prompt takes, part by part, and the room kept for the reply."""

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
    """Draws the bar and its legend. All numbers are tokens.

    `parts` are (label, tokens) in the order they are sent, `reserve` is the room kept for the reply, `limit` the
    model's context (None: unknown). Counts that are not `exact` carry "≈" and the `reason`.
    """
    component("token_bar")(key=key, data=bar_data(parts, limit, reserve, exact, reason))


def bar_data(
    parts: Sequence[tuple[str, int]], limit: int | None, reserve: int, exact: bool, reason: str
) -> dict[str, Any]:
    """What the bar shows: its words, and each segment's share of the whole width (0 to 1)."""
    total = sum(tokens for _, tokens in parts)
    over = max(0, total + reserve - limit) if limit is not None else 0
    width = max(limit or 0, total + reserve, 1)
    labelled = [(label, tokens, "part") for label, tokens in parts if tokens]
    if reserve:
        labelled.append(("room for reply", reserve, "reserve"))
    return {
        "headline": f"{'' if exact else '≈ '}{total:,}{'' if limit is None else f' of {limit:,}'} tokens",
        "alarm": f"{over:,} over the limit: it will not be sent" if over else "",
        "segments": [
            {"label": label, "tokens": f"{tokens:,}", "share": tokens / width, "kind": kind}
            for label, tokens, kind in labelled
        ],
        "mark": limit / width if limit is not None and over else None,
        "note": " · ".join(filter(None, ["" if exact else reason, "limit unknown" if limit is None else ""])),
    }
