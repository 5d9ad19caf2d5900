"""The list of messages exactly as they are sent, each with its role; tools and their calls as tables. What a model
wrote is shown literally."""

from __future__ import annotations

import json
from collections.abc import Sequence

import streamlit as st

from promptgrid.humanize import many
from promptgrid.prompt import Message, Prompt, ToolCall
from promptgrid.prompt.tools.protocol import definitions, message_field, read_calls
from promptgrid.prompt.tools.side_by_side import AlignedCall, written
from promptgrid.techniques import Turn
from promptgrid.text import one_line
from promptgrid.ui.widgets.component import component

_WIDE = 400  # characters of arguments in a table


def message_list(
    messages: Sequence[Message], *, marks: Sequence[str] = (), height: int | None = None, key: str | None = None
) -> None:
    """Draws one block for each message, and a button that copies all of them as JSON. Calls of tools stand below the
    text of their message.

    `marks` has the part of the prompt for each message ("system", "example 1", "question"), or is empty. Marks that
    begin with "example" are drawn in a lighter tone. Above `height` pixels the list scrolls. Texts are shown literally.
    """
    labels = list(marks) or [""] * len(messages)
    data = {
        "messages": [
            {"role": m.role, "text": with_calls(m.text, m.tool_calls), "mark": mark}
            for m, mark in zip(messages, labels, strict=True)
        ],
        "copy": json.dumps([message_field(m) for m in messages], ensure_ascii=False, indent=2),
        "height": height,
        "words": {"copy": "Copy as JSON", "copied": "Copied", "empty": "Nothing to send yet.", "label": "Messages"},
    }
    component("messages")(key=key, data=data)


def turn_list(turns: Sequence[Turn], *, height: int, key: str) -> None:
    """Draws the messages of `turns`, each marked with the part of the prompt that it comes from. Above `height` pixels
    the list scrolls."""
    marks = [f"example {turn.example}" if turn.example else turn.part for turn in turns]
    message_list([turn.message for turn in turns], marks=marks, height=height, key=key)


def sent_messages(request_json: str) -> list[Message]:
    """Returns the messages in a request body (JSON). For a plain completion, returns its prompt as a user message."""
    body = json.loads(request_json)
    if "messages" not in body:
        return [Message("user", str(body.get("prompt", "")))]
    return [Message(m["role"], str(m.get("content") or ""), read_calls(m)) for m in body["messages"]]


def with_calls(text: str, calls: Sequence[ToolCall]) -> str:
    """Returns the text of a message, with each of its calls in a line below it."""
    return "\n".join(filter(None, (text, *(f"→ {written(call)}" for call in calls))))


def calls_table(rows: Sequence[tuple[str, ToolCall, str]], *, key: str) -> None:
    """Draws a table of calls: for each (step, call, result), a row with the tool and its arguments. A result that is
    not known yet is ""."""
    st.dataframe(
        [
            {
                "step": step,
                "tool": one_line(call.name),
                "arguments": one_line(call.arguments, _WIDE),
                "result": one_line(result, _WIDE),
            }
            for step, call, result in rows
        ],
        hide_index=True,
        width="stretch",
        key=key,
    )


def aligned_table(rows: Sequence[AlignedCall], columns: Sequence[str], *, key: str) -> None:
    """Draws the calls of several replies (`columns`) side by side. Where their arguments differ, the row says which."""
    st.dataframe(
        [
            {"tool": one_line(row.name), "differs": one_line(", ".join(row.differing))}
            | {
                column: "no call" if call is None else one_line(call.arguments, _WIDE)
                for column, call in zip(columns, row.calls, strict=True)
            }
            for row in rows
        ],
        hide_index=True,
        width="stretch",
        key=key,
    )


def tools_list(prompt: Prompt) -> None:
    """Shows the tools of a prompt as they are sent, in a closed expander."""
    with st.expander(f"Tools ({len(prompt.tools)})", key="compose_tools_open", on_change="rerun") as opened:
        if opened.open:
            st.caption(f"Sent beside the messages. Results are sent back in up to {many(prompt.tool_rounds, 'round')}.")
            body = json.dumps(definitions(prompt.tools), ensure_ascii=False, indent=2, default=dict)
            st.code(body, language="json", height=270)
