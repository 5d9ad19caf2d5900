"""The ways in which the hostile endpoint answers, by name. Each takes the request's body and gives a Response."""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

Body = dict[str, Any]
Mode = Callable[[Request, Body, str], Awaitable[Response]]  # (request, its JSON, the answer to give)

HOSTILE_TEXT = (
    "<script>document.title='owned'</script><img src=http://127.0.0.1:9/x.png onerror=alert(1)>"
    "![pixel](http://127.0.0.1:9/pixel.png) [click](javascript:alert(1)) $\\frac{1}{0}$ :material/bolt: :red[red] "
    "# heading\n- list\n```\n</div>\x00\x1b[31mred\x07 \u202eright-to-left\u2028end =1+1 | cell |"
)
HOSTILE_ERROR = (
    "Model overloaded ![pixel](http://127.0.0.1:9/pixel.png) <img src=http://127.0.0.1:9/x.png> \x1b[31m$x^2$"
)


def prompt_text(body: Body) -> str:
    """The last message, or a legacy completion's prompt."""
    messages = body.get("messages") or [{"content": body.get("prompt", "")}]
    return str(messages[-1].get("content", ""))


def words_in(body: Body) -> int:
    return sum(
        len(str(m.get("content", "")).split()) for m in body.get("messages") or [{"content": body.get("prompt")}]
    )


def completion(body: Body, answer: str, **changes: Any) -> Body:
    """A well-formed answer. Tokens are words; usage covers one choice only, as llama.cpp counts it."""
    words = answer.split(" ")
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or len(words)
    text, finish = " ".join(words[:limit]), "stop" if len(words) <= limit else "length"
    choice: Body = {"finish_reason": finish, "logprobs": None}
    choice |= {"text": text} if "prompt" in body else {"message": {"role": "assistant", "content": text}}
    used = {"prompt_tokens": words_in(body), "completion_tokens": min(len(words), limit)}
    return {
        "id": "cmpl-1",
        "object": "text_completion" if "prompt" in body else "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": index, **choice} for index in range(body.get("n") or 1)],
        "usage": {**used, "total_tokens": sum(used.values())},
        **changes,
    }


def events(body: Body, answer: str) -> list[Body]:
    """The same answer as chunks of a stream, one a word; then the finish reason, then the usage."""
    whole = completion(body, answer)
    legacy = "prompt" in body
    text = whole["choices"][0]["text"] if legacy else whole["choices"][0]["message"]["content"]
    pieces = [word + " " for word in text.split(" ")[:-1]] + [text.split(" ")[-1]]
    base = {"id": "cmpl-1", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}

    def chunk(piece: str, finish: str | None = None) -> Body:
        said: Body = {"text": piece} if legacy else {"delta": {"content": piece} if piece else {}}
        return {**base, "choices": [{"index": 0, "finish_reason": finish, **said}]}

    last = [chunk("", whole["choices"][0]["finish_reason"])]
    usage = [{**base, "choices": [], "usage": whole["usage"]}] if body.get("stream_options") else []
    return [chunk(piece) for piece in pieces] + last + usage


def streamed(chunks: list[Body], *, done: bool = True, broken: bool = False, pause_s: float = 0.0) -> Response:
    """`broken` cuts the connection after the chunks, `done=False` only leaves the end out."""

    async def lines() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield f"data: {json.dumps(chunk)}\n\n".encode()
            await asyncio.sleep(pause_s)
        if broken:
            raise ConnectionResetError
        if done:
            yield b"data: [DONE]\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


def error(status: int, message: str, *, headers: dict[str, str] | None = None, **fields: Any) -> Response:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **fields}}
    return JSONResponse(body, status, headers=headers)


async def ok(request: Request, body: Body, answer: str) -> Response:
    if body.get("stream"):
        return streamed(events(body, answer))
    return JSONResponse(completion(body, answer))


async def slow(request: Request, body: Body, answer: str) -> Response:
    await asyncio.sleep(0.5)
    return await ok(request, body, answer)


async def slow_stream(request: Request, body: Body, answer: str) -> Response:
    """A word every 50 ms, where streamed."""
    return streamed(events(body, answer), pause_s=0.05) if body.get("stream") else await ok(request, body, answer)


async def hang(request: Request, body: Body, answer: str) -> Response:
    """Never answers; ends when the client hangs up or the server stops."""
    server = request.app.state.server
    while not server.stopping and not await request.is_disconnected():
        await asyncio.sleep(0.02)
    server.hung_up += 1
    return Response(status_code=499)


def _rate_limited(**headers: Callable[[], str]) -> Mode:
    async def mode(request: Request, body: Body, answer: str) -> Response:
        said = {name.replace("_", "-"): value() for name, value in headers.items()}
        return error(429, "Rate limit reached.", headers=said, type="requests", code="rate_limit_exceeded")

    return mode


def _error(status: int, message: str, **fields: Any) -> Mode:
    async def mode(request: Request, body: Body, answer: str) -> Response:
        return error(status, message, **fields)

    return mode


def _answer(**changes: Any) -> Mode:
    """A completion with some top fields replaced."""

    async def mode(request: Request, body: Body, answer: str) -> Response:
        return JSONResponse(completion(body, answer, **changes))

    return mode


def _message(finish: str, **message: Any) -> Mode:
    choices = [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}]
    return _answer(choices=choices)


async def unauthorized(request: Request, body: Body, answer: str) -> Response:
    """Quotes the whole key, as some servers do."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    return error(401, f"Incorrect API key provided: {key}.", code="invalid_api_key")


async def html(request: Request, body: Body, answer: str) -> Response:
    return HTMLResponse("<!DOCTYPE html><html><title>Sign in</title><body>Welcome to the proxy</body></html>")


async def bad_json(request: Request, body: Body, answer: str) -> Response:
    return Response('{"choices": [{"message": {"content": "hal', media_type="application/json")


async def bad_event(request: Request, body: Body, answer: str) -> Response:
    async def lines() -> AsyncIterator[bytes]:
        yield f"data: {json.dumps(events(body, answer)[0])}\n\ndata: {{not json\n\n".encode()

    return StreamingResponse(lines(), media_type="text/event-stream")


async def half_stream(request: Request, body: Body, answer: str) -> Response:
    """Ends without a finish reason."""
    return streamed(events(body, answer)[:2], done=False)


async def reset(request: Request, body: Body, answer: str) -> Response:
    """The connection breaks in the middle of the body."""
    if body.get("stream"):
        return streamed(events(body, answer)[:2], broken=True)

    async def half() -> AsyncIterator[bytes]:
        yield b'{"choices": ['
        raise ConnectionResetError

    return StreamingResponse(half(), media_type="application/json")


async def trickle(request: Request, body: Body, answer: str) -> Response:
    """Something always comes, and never all of it."""

    async def blanks() -> AsyncIterator[bytes]:
        while not request.app.state.server.stopping:
            yield b" "
            await asyncio.sleep(0.05)

    return StreamingResponse(blanks(), media_type="application/json")


async def stream_error(request: Request, body: Body, answer: str) -> Response:
    """An error as an event, after status 200."""
    return streamed([events(body, answer)[0], {"error": {"message": "The engine fell over.", "code": "server_error"}}])


async def whole_body(request: Request, body: Body, answer: str) -> Response:
    """Ignores stream=true."""
    return JSONResponse(completion(body, answer))


async def refuses_temperature(request: Request, body: Body, answer: str) -> Response:
    if body.get("temperature") in (None, 1):
        return await ok(request, body, answer)
    message = f"Unsupported value: 'temperature' does not support {body['temperature']} with this model."
    return error(400, message, param="temperature", code="unsupported_value")


async def hostile_text(request: Request, body: Body, answer: str) -> Response:
    return await ok(request, body, HOSTILE_TEXT)


async def long_text(request: Request, body: Body, answer: str) -> Response:
    """100 kB of answer."""
    return await ok(request, body, "lorem ipsum " * 8500)


MODES: dict[str, Mode] = {
    "ok": ok,
    "slow": slow,
    "slow-stream": slow_stream,
    "hang": hang,
    "rate-limited": _rate_limited(),
    "rate-limited-seconds": _rate_limited(retry_after=lambda: "1"),
    "rate-limited-ms": _rate_limited(retry_after_ms=lambda: "50", retry_after=lambda: "1"),
    "rate-limited-date": _rate_limited(retry_after=lambda: email.utils.formatdate(time.time() + 3, usegmt=True)),
    "server-error": _error(500, "The server had an error.", type="server_error"),
    "overloaded": _error(503, "Try again later.", type="server_error"),
    "unauthorized": unauthorized,
    "forbidden": _error(403, "Your project may not use this.", code="forbidden"),
    "no-quota": _error(429, "You exceeded your current quota.", type="insufficient_quota", code="insufficient_quota"),
    "unknown-model": _error(404, "The model does not exist or you do not have access to it.", code="model_not_found"),
    "too-long": _error(400, "This model's maximum context length is 8192 tokens.", code="context_length_exceeded"),
    "too-long-llama": _error(
        400,
        "the request exceeds the available context size",
        type="exceed_context_size_error",
        code=400,
        n_prompt_tokens=9000,
        n_ctx=8192,
    ),
    "refuses-temperature": refuses_temperature,
    "html": html,
    "no-choices": _answer(choices=[]),
    "odd-choices": _answer(choices="none"),
    "null-content": _message("stop", content=None),
    "filtered": _message("content_filter", content=None),
    "refusal": _message("stop", content=None, refusal="I cannot help with that."),
    "reasoning": _message("stop", content="42", reasoning_content="Six times seven."),
    "only-reasoning": _message("length", content=None, reasoning_content="Let me think."),
    "content-parts": _message("stop", content=[{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]),
    "no-usage": _answer(usage=None),
    "wrong-usage": _answer(usage={"prompt_tokens": "many", "completion_tokens": -5, "prompt_tokens_details": 3}),
    "bad-json": bad_json,
    "bad-event": bad_event,
    "half-stream": half_stream,
    "stream-error": stream_error,
    "whole-body": whole_body,
    "reset": reset,
    "trickle": trickle,
    "hostile-text": hostile_text,
    "hostile-error": _error(500, HOSTILE_ERROR),
    "long-text": long_text,
}
