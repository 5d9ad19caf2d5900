"""The list of messages exactly as they are sent, each with its role."""

from __future__ import annotations

import json
from collections.abc import Sequence

from promptgrid.prompt import Message
from promptgrid.techniques import Turn
from promptgrid.ui.widgets.component import component


def message_list(
    messages: Sequence[Message], *, marks: Sequence[str] = (), height: int | None = None, key: str | None = None
) -> None:
    """Draws one block for each message, and a button that copies all of them as JSON.

    `marks` has the part of the prompt for each message ("system", "example 1", "question"), or is empty. Marks that
    begin with "example" are drawn in a lighter tone. Above `height` pixels the list scrolls. Texts are shown literally.
    """
    labels = list(marks) or [""] * len(messages)
    data = {
        "messages": [{"role": m.role, "text": m.text, "mark": mark} for m, mark in zip(messages, labels, strict=True)],
        "copy": json.dumps([{"role": m.role, "content": m.text} for m in messages], ensure_ascii=False, indent=2),
        "height": height,
        "words": {"copy": "Copy as JSON", "copied": "Copied", "empty": "Nothing to send yet.", "label": "Messages"},
    }
    component("messages")(key=key, data=data)


def turn_list(turns: Sequence[Turn], *, height: int, key: str) -> None:
    """Draws the messages of `turns`, each marked with the part of the prompt that it comes from. Above `height` pixels
    the list scrolls."""
    marks = [f"example {turn.example}" if turn.example else turn.part for turn in turns]
    message_list([turn.message for turn in turns], marks=marks, height=height, key=key)
