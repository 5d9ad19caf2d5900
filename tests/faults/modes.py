"""The ways in which the hostile endpoint answers, by name. Each takes the request's body and gives a Response."""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from tests.faults import parameters, tools
from tests.faults.answers import Dropped, error, events, in_pieces, ok, produced, streamed
from tests.faults.books import Body
from tests.faults.parameters import Mode

SLOW_S = 0.5
HOUR_S = 3600
HOSTILE_TEXT = (
    "<script>document.title='owned'</script><img src=http://127.0.0.1:9/x.png onerror=alert(1)>"
    "![pixel](http://127.0.0.1:9/pixel.png) [click](javascript:alert(1)) $\\frac{1}{0}$ :material/bolt: :red[red] "
    "# heading\n- list\n```\n</div>\x00\x1b[31mred\x07 \u202eright-to-left\u2028end =1+1 | cell |"
)
HOSTILE_ERROR = (
    "Model overloaded ![pixel](http://127.0.0.1:9/pixel.png) <img src=http://127.0.0.1:9/x.png> \x1b[31m$x^2$"
)


def http_date(offset_s: float) -> str:
    """Now and `offset_s` seconds, as headers have it."""
    return email.utils.formatdate(time.time() + offset_s, usegmt=True)


async def slow(request: Request, body: Body, answer: str) -> Response:
    """Nothing for half a second, not even headers; then the answer."""
    await asyncio.sleep(SLOW_S)
    return await ok(request, body, answer)


async def slow_body(request: Request, body: Body, answer: str) -> Response:
    """The headers at once, the body in ten pieces over half a second."""
    if body.get("stream"):
        return await slow_stream(request, body, answer)
    whole = json.dumps(produced(request, body, answer)).encode()
    step = -(-len(whole) // 10)
    return in_pieces([whole[at : at + step] for at in range(0, len(whole), step)], pause_s=SLOW_S / 10)


async def slow_stream(request: Request, body: Body, answer: str) -> Response:
    """A word every 50 ms, where streamed."""
    if body.get("stream"):
        return streamed(events(request, body, answer), pause_s=0.05)
    return await ok(request, body, answer)


async def hang(request: Request, body: Body, answer: str) -> Response:
    """Never answers; ends when the client hangs up or the server stops."""
    while not request.app.state.server.stopping:
        await asyncio.sleep(0.02)
    raise Dropped


async def drop(request: Request, body: Body, answer: str) -> Response:
    """The connection breaks before a byte of the answer."""
    raise Dropped


async def ok_then_close(request: Request, body: Body, answer: str) -> Response:
    """A good answer; then the connection is closed unannounced, as a server does whose keep-alive has run out."""
    response = await ok(request, body, answer)
    response.background = BackgroundTask(request.state.close)
    return response


def _rate_limited(**headers: Callable[[], str]) -> Mode:
    async def mode(request: Request, body: Body, answer: str) -> Response:
        values = {name.replace("_", "-"): value() for name, value in headers.items()}
        return error(429, "Rate limit reached.", headers=values, type="requests", code="rate_limit_exceeded")

    return mode


def _skewed(clock_s: float) -> Mode:
    """Retry in 2 to 3 s by the server's own clock, which is `clock_s` off."""
    return _rate_limited(date=lambda: http_date(clock_s), retry_after=lambda: http_date(clock_s + 3))


def _error(status: int, message: str, **fields: Any) -> Mode:
    async def mode(request: Request, body: Body, answer: str) -> Response:
        return error(status, message, **fields)

    return mode


def _answer(**changes: Any) -> Mode:
    """A completion with some top fields replaced."""

    async def mode(request: Request, body: Body, answer: str) -> Response:
        return JSONResponse(produced(request, body, answer, **changes))

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


async def sign_in(request: Request, body: Body, answer: str) -> Response:
    """As the website of a service refuses a stranger, at an address that is not that of its API."""
    return HTMLResponse("<!DOCTYPE html><html><title>Sign in</title></html>", 401)


async def bad_gateway(request: Request, body: Body, answer: str) -> Response:
    """As a proxy says it, whose server is gone."""
    return HTMLResponse("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", 502)


async def bad_json(request: Request, body: Body, answer: str) -> Response:
    produced(request, body, answer)
    return Response('{"choices": [{"message": {"content": "hal', media_type="application/json")


async def bad_event(request: Request, body: Body, answer: str) -> Response:
    first = json.dumps(events(request, body, answer)[0])
    return Response(f"data: {first}\n\ndata: {{not json\n\n", media_type="text/event-stream")


async def half_stream(request: Request, body: Body, answer: str) -> Response:
    """Ends without a finish reason."""
    return streamed(events(request, body, answer)[:2], done=False)


async def half_body(request: Request, body: Body, answer: str) -> Response:
    """Half of the bytes that the headers promise; then the connection breaks."""
    if body.get("stream"):
        return await reset(request, body, answer)
    whole = json.dumps(produced(request, body, answer)).encode()
    return in_pieces([whole[: len(whole) // 2]], size=len(whole))


async def reset(request: Request, body: Body, answer: str) -> Response:
    """The connection breaks in the middle of a body of unknown length."""
    if body.get("stream"):
        return streamed(events(request, body, answer)[:2], broken=True)
    produced(request, body, answer)

    async def half() -> AsyncIterator[bytes]:
        yield b'{"choices": ['
        raise Dropped

    return StreamingResponse(half(), media_type="application/json")


async def trickle(request: Request, body: Body, answer: str) -> Response:
    """Something always comes, and never all of it."""

    async def blanks() -> AsyncIterator[bytes]:
        while not request.app.state.server.stopping:
            yield b" "
            await asyncio.sleep(0.05)

    return StreamingResponse(blanks(), media_type="application/json")


async def unasked_stream(request: Request, body: Body, answer: str) -> Response:
    """Streams whether or not it was asked to."""
    return streamed(events(request, {**body, "stream_options": {}}, answer))


async def stream_only(request: Request, body: Body, answer: str) -> Response:
    """Refuses a call without a stream, as DashScope does for some models."""
    if body.get("stream"):
        return streamed(events(request, body, answer))
    return error(400, "This model only support stream mode, please enable the stream parameter to access the model.")


async def done_only(request: Request, body: Body, answer: str) -> Response:
    """A stream that ends with [DONE], without a finish reason."""
    return streamed([chunk for chunk in events(request, body, answer) if not _finish(chunk)])


def _finish(chunk: Body) -> bool:
    return bool(chunk["choices"] and chunk["choices"][0]["finish_reason"])


def _inside(**error: Any) -> Mode:
    """An error with status 200."""

    async def mode(request: Request, body: Body, answer: str) -> Response:
        return JSONResponse({"error": error})

    return mode


async def any_usage(request: Request, body: Body, answer: str) -> Response:
    """A good reply with the usage that the server was told to report, whatever it took."""
    return JSONResponse(produced(request, body, answer, usage=request.app.state.server.usage))


async def stream_error(request: Request, body: Body, answer: str) -> Response:
    """An error as an event, after status 200."""
    failure = {"error": {"message": "The engine fell over.", "code": "server_error"}}
    return streamed([events(request, body, answer)[0], failure])


async def whole_body(request: Request, body: Body, answer: str) -> Response:
    """Ignores stream=true."""
    return JSONResponse(produced(request, body, answer))


async def hostile_text(request: Request, body: Body, answer: str) -> Response:
    return await ok(request, body, HOSTILE_TEXT)


async def long_text(request: Request, body: Body, answer: str) -> Response:
    """100 kB of answer."""
    return await ok(request, body, "lorem ipsum " * 8500)


MODES: dict[str, Mode] = (
    parameters.MODES
    | tools.MODES
    | {
        "ok": ok,
        "ok-then-close": ok_then_close,
        "slow": slow,
        "slow-body": slow_body,
        "slow-stream": slow_stream,
        "hang": hang,
        "rate-limited": _rate_limited(),
        "rate-limited-seconds": _rate_limited(retry_after=lambda: "1"),
        "rate-limited-ms": _rate_limited(retry_after_ms=lambda: "50", retry_after=lambda: "1"),
        "rate-limited-date": _rate_limited(retry_after=lambda: http_date(3)),
        "rate-limited-fast-clock": _skewed(HOUR_S),
        "rate-limited-slow-clock": _skewed(-HOUR_S),
        "server-error": _error(500, "The server had an error.", type="server_error"),
        "bad-gateway": bad_gateway,
        "sign-in": sign_in,
        "overloaded": _error(503, "Try again later.", type="server_error"),
        "unauthorized": unauthorized,
        "forbidden": _error(403, "Your project may not use this.", code="forbidden"),
        "no-quota": _error(
            429, "You exceeded your current quota.", type="insufficient_quota", code="insufficient_quota"
        ),
        "not-found": _error(404, "Not Found"),
        "unknown-model": _error(
            404, "The model does not exist or you do not have access to it.", code="model_not_found"
        ),
        "too-long": _error(400, "This model's maximum context length is 8192 tokens.", code="context_length_exceeded"),
        "too-long-llama": _error(
            400,
            "the request exceeds the available context size",
            type="exceed_context_size_error",
            code=400,
            n_prompt_tokens=9000,
            n_ctx=8192,
        ),
        "html": html,
        "duplicate-ids": _answer(id="cmpl-1"),
        "no-choices": _answer(choices=[]),
        "odd-choices": _answer(choices="none"),
        "null-content": _message("stop", content=None),
        "filtered": _message("content_filter", content=None),
        "filtered-empty": _message("content_filter", content=""),
        "filtered-midway": _message("content_filter", content="The review is negative, although"),
        "broken-off": _message("error", content="The review is negative, although"),
        "tool-call": _message("tool_calls", content="", tool_calls=[{"id": "1", "function": {"name": "f"}}]),
        "thought-only": _message("stop", content="", reasoning_content="Let me think."),
        "spent-unseen": _message("length", content=""),
        "limited-inside": _inside(message="Too many requests", code=429),
        "unknown-inside": _inside(message="No such model.", type="not_found_error"),
        "unasked-stream": unasked_stream,
        "stream-only": stream_only,
        "done-only": done_only,
        "refusal": _message("stop", content=None, refusal="I cannot help with that."),
        "reasoning": _message("stop", content="42", reasoning_content="Six times seven."),
        "only-reasoning": _message("length", content=None, reasoning_content="Let me think."),
        "content-parts": _message("stop", content=[{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]),
        "no-usage": _answer(usage=None),
        "wrong-usage": _answer(usage={"prompt_tokens": "many", "completion_tokens": -5, "prompt_tokens_details": 3}),
        "any-usage": any_usage,
        "bad-json": bad_json,
        "bad-event": bad_event,
        "half-stream": half_stream,
        "half-body": half_body,
        "stream-error": stream_error,
        "whole-body": whole_body,
        "reset": reset,
        "drop": drop,
        "trickle": trickle,
        "hostile-text": hostile_text,
        "hostile-error": _error(500, HOSTILE_ERROR),
        "long-text": long_text,
    }
)

CUT = frozenset({"half-body", "reset"})
"""The modes that break off in the middle of the body."""
