"""Calls of tools by the built-in model, which has none of its own: a JSON schema makes its reply a call.

The functions stand in the system message, and `response_format` allows a call of one of them or, unless a call is
required, a text. The reply's JSON becomes a call, whose id says how it was made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from promptgrid.endpoint.base import Reply, Request
from promptgrid.prompt import Message, ToolCall
from promptgrid.prompt.tools.protocol import CHOICES, definitions

CALL_ID = "made-by-schema"
_NONE = "none"
_RULE = (
    "You can call functions. Reply with JSON alone.\n"
    'To call a function: {{"name": "<the function>", "arguments": {{…}}}}\n{text}The functions:\n{functions}'
)
_TEXT = f'To answer without a function: {{"name": "{_NONE}", "text": "<your answer>"}}\n'


def by_schema(request: Request) -> Request:
    """Returns the request without tools, in a form that lets the model call them by a JSON schema; the request itself
    if it has none, or may not call any."""
    choice = request.parameters.tool_choice or "auto"
    if not request.tools:
        return request
    plain = replace(request, tools=(), messages=tuple(_plain(message) for message in request.messages))
    if choice == "none":
        return plain
    functions = definitions(request.tools)
    offered = [one["function"] for one in functions if choice in CHOICES or one["function"]["name"] == choice]
    branches: list[dict[str, Any]] = [_object(name=_const(one["name"]), arguments=one["parameters"]) for one in offered]
    if choice == "auto":
        branches.append(_object(name=_const(_NONE), text={"type": "string"}))
    form = {"type": "json_schema", "json_schema": {"name": "call", "schema": {"anyOf": branches}}}
    messages = instructed(plain.messages, functions, may_answer=choice == "auto")
    return replace(plain, messages=messages, parameters=replace(request.parameters, response_format=form))


def instructed(
    messages: Sequence[Message], functions: Sequence[Mapping[str, Any]], *, may_answer: bool = True
) -> tuple[Message, ...]:
    """Returns the messages with the functions, in the protocol's JSON, in the system message; with `may_answer`, it
    says how to answer without a call."""
    listed = "\n".join(json.dumps(one.get("function", one), ensure_ascii=False) for one in functions)
    rule = _RULE.format(text=_TEXT if may_answer else "", functions=listed)
    plain = [_plain(message) for message in messages]
    if plain and plain[0].role == "system":
        return (Message("system", f"{plain[0].text}\n\n{rule}"), *plain[1:])
    return (Message("system", rule), *plain)


def with_calls(reply: Reply, request: Request) -> Reply:
    """Returns the reply to the request with a call if its JSON is one, and with the text alone if its JSON is an answer
    without a call; the reply itself if it is neither."""
    if not request.tools or request.parameters.tool_choice == "none":
        return reply
    try:
        body = json.loads(reply.text)
    except (ValueError, RecursionError):
        return reply
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        return reply
    if body["name"] == _NONE and isinstance(body.get("text"), str):
        return replace(reply, text=body["text"])
    if "arguments" not in body:
        return reply
    call = ToolCall(CALL_ID, body["name"], json.dumps(body["arguments"], ensure_ascii=False))
    return replace(reply, text="", finish_reason="tool_calls", tool_calls=(call,))


def _plain(message: Message) -> Message:
    """Returns the message in the roles that the model knows: a call as its JSON, a result as a turn of the user."""
    if message.role == "tool":
        return Message("user", f"The function returned: {message.text}")
    if not message.tool_calls:
        return message
    calls = (f'{{"name": {json.dumps(call.name)}, "arguments": {call.arguments}}}' for call in message.tool_calls)
    return Message("assistant", "\n".join(filter(None, (message.text, *calls))))


def _const(name: str) -> dict[str, Any]:
    return {"const": name}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
