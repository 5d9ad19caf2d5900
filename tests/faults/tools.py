"""Models that call tools: well, oddly, without end, or not at all."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.faults.answers import error, ok, produced, streamed
from tests.faults.books import Body
from tests.faults.parameters import Mode


def call(number: int, name: str, arguments: str) -> Body:
    return {"id": f"call-{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def results(body: Body) -> list[str]:
    return [message["content"] for message in body["messages"] if message["role"] == "tool"]


def question(body: Body) -> str:
    return str(next(message["content"] for message in reversed(body["messages"]) if message["role"] == "user"))


async def calling(request: Request, body: Body, calls: list[Any]) -> Response:
    """A reply that consists of these calls; in a stream their arguments come in pieces of three characters."""
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    whole = produced(request, body, "x", choices=[{"index": 0, "finish_reason": "tool_calls", "message": message}])
    if not body.get("stream"):
        return JSONResponse(whole)
    pieces: list[Body] = []
    for index, one in enumerate(calls):
        text = one["function"]["arguments"]
        pieces.append({"index": index, "id": one["id"], "function": {"name": one["function"]["name"], "arguments": ""}})
        pieces += [{"index": index, "function": {"arguments": text[at : at + 3]}} for at in range(0, len(text), 3)]
    chunks: list[Body] = [{"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]} for piece in pieces]
    end: list[Body] = [{"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]
    return streamed([*chunks, *end, {"choices": [], "usage": whole["usage"]}])


async def solves_by_tools(request: Request, body: Body, answer: str) -> Response:
    """Knows nothing itself: looks the question up with the tool `lookup`, and answers with the result. A question that
    is a JSON object is the arguments of the call."""
    if not body.get("tools") or body.get("tool_choice") == "none":
        return await ok(request, body, "I do not know.")
    if not (known := results(body)):
        asked = question(body)
        arguments = asked if asked.startswith("{") else json.dumps({"key": asked})
        return await calling(request, body, [call(1, "lookup", arguments)])
    return await ok(request, body, known[-1])


async def endless(request: Request, body: Body, answer: str) -> Response:
    return await calling(request, body, [call(len(results(body)), "lookup", '{"key": "again"}')])


async def odd(request: Request, body: Body, answer: str) -> Response:
    """Two calls at once that cannot be carried out; then the results, as the model was given them."""
    if known := results(body):
        return await ok(request, body, " | ".join(known))
    return await calling(request, body, [call(1, "lookup", "{key: 1"), call(2, "launch", "{}")])


async def ignores(request: Request, body: Body, answer: str) -> Response:
    return await ok(request, body, "I do not know.")


async def refuses(request: Request, body: Body, answer: str) -> Response:
    """As vLLM does when it was started without tools."""
    if not body.get("tools"):
        return await ok(request, body, answer)
    return error(400, "`tools` is not supported by this model.", param="tools", code="unsupported_parameter")


MODES: dict[str, Mode] = {
    "tools": solves_by_tools,
    "tools-endless": endless,
    "tools-odd": odd,
    "tools-ignored": ignores,
    "tools-refused": refuses,
}
