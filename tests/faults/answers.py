"""What well-formed answers look like, whole and as a stream, and errors as OpenAI words them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.faults.books import Body, Recorded


class Dropped(Exception):
    """Ends the connection without another byte."""


def prompt_text(body: Body) -> str:
    """The last message, or a legacy completion's prompt."""
    messages = body.get("messages") or [{"content": body.get("prompt", "")}]
    return str(messages[-1].get("content", ""))


def words_in(body: Body) -> int:
    return sum(
        len(str(m.get("content", "")).split()) for m in body.get("messages") or [{"content": body.get("prompt")}]
    )


def completion(body: Body, answer: str, **changes: Any) -> Body:
    """A well-formed answer. Tokens are words; the usage is the sum over the choices."""
    words = answer.split(" ")
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or len(words)
    text, finish = " ".join(words[:limit]), "stop" if len(words) <= limit else "length"
    choice: Body = {"finish_reason": finish, "logprobs": None}
    choice |= {"text": text} if "prompt" in body else {"message": {"role": "assistant", "content": text}}
    used = {"prompt_tokens": words_in(body), "completion_tokens": min(len(words), limit) * (body.get("n") or 1)}
    return {
        "id": "cmpl-1",
        "object": "text_completion" if "prompt" in body else "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": index, **choice, **_beam(body, text, index)} for index in range(body.get("n") or 1)],
        "usage": {**used, "total_tokens": sum(used.values())},
        **changes,
    }


def _beam(body: Body, text: str, index: int) -> Body:
    """What differs in the choice `index` of a beam search as vLLM answers it: each of its tokens is less likely than
    those of the beam before."""
    if not body.get("use_beam_search"):
        return {}
    tokens = re.findall(r"\S+\s*", f"{text} {index}")
    steps = [{"token": token, "logprob": -(index + 1) / 10, "top_logprobs": []} for token in tokens]
    return {"message": {"role": "assistant", "content": f"{text} {index}"}, "logprobs": {"content": steps}}


def recorded(request: Request) -> Recorded:
    """The request's entry in the server's books."""
    record: Recorded = request.state.recorded
    return record


def produced(request: Request, body: Body, answer: str, **changes: Any) -> Body:
    """A completion that is charged, whether or not the client gets it or `changes` spoil it; its id is its own."""
    entry = recorded(request)
    whole = completion(body, answer, id=f"cmpl-{entry.number}")
    choices, used = changes.get("choices"), whole["usage"]
    count = len(choices) if choices and isinstance(choices, list) else len(whole["choices"])
    each = used["completion_tokens"] // len(whole["choices"])
    entry.charge(count, used["prompt_tokens"], each)
    if request.app.state.server.kind == "llama.cpp":  # reports one choice only
        whole["usage"] = {**used, "completion_tokens": each}
    return whole | changes


def events(request: Request, body: Body, answer: str) -> list[Body]:
    """A completion, charged too, as chunks of a stream: one a word, then the finish reason, then the usage."""
    whole = produced(request, body, answer)
    legacy = "prompt" in body
    text = whole["choices"][0]["text"] if legacy else whole["choices"][0]["message"]["content"]
    pieces = [word + " " for word in text.split(" ")[:-1]] + [text.split(" ")[-1]]
    base = {"id": whole["id"], "object": "chat.completion.chunk", "created": 0, "model": body["model"]}

    def chunk(piece: str, finish: str | None = None) -> Body:
        content: Body = {"text": piece} if legacy else {"delta": {"content": piece} if piece else {}}
        return {**base, "choices": [{"index": 0, "finish_reason": finish, **content}]}

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
            raise Dropped
        if done:
            yield b"data: [DONE]\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


def in_pieces(pieces: list[bytes], *, pause_s: float = 0.0, size: int | None = None) -> Response:
    """A JSON body sent piece by piece; where they are less than the `size` that is promised, the connection is cut."""
    promised = sum(map(len, pieces)) if size is None else size

    async def sent() -> AsyncIterator[bytes]:
        for number, piece in enumerate(pieces):
            await asyncio.sleep(pause_s if number else 0)  # not after the last: who has it all may leave
            yield piece
        if promised > sum(map(len, pieces)):
            raise Dropped

    headers = {"Content-Length": str(promised)}
    return StreamingResponse(sent(), media_type="application/json", headers=headers)


def error(status: int, message: str, *, headers: dict[str, str] | None = None, **fields: Any) -> Response:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **fields}}
    return JSONResponse(body, status, headers=headers)


async def ok(request: Request, body: Body, answer: str) -> Response:
    if body.get("stream"):
        return streamed(events(request, body, answer))
    return JSONResponse(produced(request, body, answer))
