"""Tools and calls of tools in the JSON of the OpenAI protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptgrid.prompt.model import Message
from promptgrid.prompt.tools.tool import Tool, ToolCall

MOST_CALLS = 128
"""The most calls that are read from one reply."""
CHOICES = ("auto", "none", "required")
"""The values of tool_choice that are not the name of a tool."""


def definitions(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Returns the tools as the field `tools` of a request's body."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                **({"description": tool.description} if tool.description else {}),
                "parameters": dict(tool.parameters),
            },
        }
        for tool in tools
    ]


def choice_field(choice: str) -> Any:
    """Returns the parameter tool_choice as its field of a request's body: a word, or an object that names a tool."""
    return choice if choice in CHOICES else {"type": "function", "function": {"name": choice}}


def message_field(message: Message) -> dict[str, Any]:
    """Returns the message as an item of the field `messages` of a request's body."""
    body: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        body["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return body | {"tool_call_id": message.tool_call_id} if message.role == "tool" else body


def read_calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Returns the calls in a message of a reply, at most MOST_CALLS. A call without an id gets one by its place; what
    is not a call is left out. Never raises, whatever the message holds."""
    deltas = CallDeltas()
    deltas.add(message.get("tool_calls"), whole=True)
    if not deltas.calls:
        deltas.add_old(message.get("function_call"))
    return tuple(ToolCall(call.id or f"call_{at}", call.name, call.arguments) for at, call in enumerate(deltas.calls))


@dataclass(slots=True)
class _Call:
    """A call as far as it was received."""

    index: Any = None
    id: str = ""
    name: str = ""
    parts: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        return "".join(self.parts)


@dataclass(slots=True)
class CallDeltas:
    """Merges the pieces of the calls in a streamed reply, at most MOST_CALLS."""

    calls: list[_Call] = field(default_factory=list)

    def add(self, pieces: Any, *, whole: bool = False) -> bool:
        """Adds the value of a field `tool_calls`. With `whole`, each item is a call of its own; otherwise an item
        belongs to the call with its index, or without an index to the last one. Returns whether it had an item."""
        items = [piece for piece in pieces if isinstance(piece, dict)] if isinstance(pieces, list) else []
        for piece in items:
            function = piece.get("function")
            function = function if isinstance(function, dict) else {}
            call = self._call(piece, new=whole)
            if call is not None:
                call.id = call.id or _text(piece.get("id"))
                call.name = call.name or _text(function.get("name"))
                call.parts.append(_arguments(function.get("arguments")))
        return bool(items)

    def add_old(self, function: Any) -> bool:
        """Adds the value of a field `function_call`, by which older servers report their only call."""
        is_call = isinstance(function, dict)
        return self.add([{"index": 0, "function": function}]) if is_call else False

    def body(self) -> list[dict[str, Any]]:
        """Returns the calls as the field `tool_calls` of a reply that was not streamed."""
        return [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in self.calls
        ]

    def _call(self, piece: Mapping[str, Any], *, new: bool) -> _Call | None:
        """Returns the call to which a piece belongs; None if there are too many. An id other than the call's begins a
        new one, since some servers send several calls with one index."""
        index, id_ = piece.get("index"), _text(piece.get("id"))
        open_ = self.calls[-1:] if index is None else [call for call in self.calls if call.index == index][-1:]
        if open_ and not new and (not id_ or open_[0].id in ("", id_)):
            return open_[0]
        if len(self.calls) >= MOST_CALLS:
            return None
        self.calls.append(_Call(index))
        return self.calls[-1]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: Any) -> str:
    """Returns the arguments as text; some servers send an object in place of its JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)
