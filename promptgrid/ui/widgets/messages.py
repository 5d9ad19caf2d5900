"""The messages exactly as they will be sent, each with its role, examples set back."""

from __future__ import annotations

import json
from collections.abc import Sequence

from promptgrid.prompt import Message
from promptgrid.ui.widgets.component import component


def message_list(
    messages: Sequence[Message], *, marks: Sequence[str] = (), height: int | None = None, key: str | None = None
) -> None:
    """Draws one block a message, with a button that copies them all as JSON.

    `marks` says in a word or two what each message is ("system", "example 1", "question"), one for each or none at
    all; those that begin with "example" are drawn quieter. `height` in pixels bounds the whole list, which then
    scrolls. The text is shown as it is, never interpreted.
    """
    tags = list(marks) or [""] * len(messages)
    data = {
        "messages": [{"role": m.role, "text": m.text, "mark": mark} for m, mark in zip(messages, tags, strict=True)],
        "copy": json.dumps([{"role": m.role, "content": m.text} for m in messages], ensure_ascii=False, indent=2),
        "height": height,
        "words": {"copy": "Copy as JSON", "copied": "Copied", "empty": "Nothing to send yet.", "label": "Messages"},
    }
    component("messages")(key=key, data=data)
