"""Serves a FolderModel on this machine by the OpenAI protocol, so that it is an endpoint like any other.

Beam search and /tokenize have the form of vLLM. What the model cannot take is refused, with the parameter's name.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from promptgrid.endpoint.beams.vllm import OWN
from promptgrid.tuning.folder_model import FolderModel, TokenLogprob, Writing, WrittenText

MOST_N, MOST_TOP = 64, 100
_KNOWN = frozenset(
    {"model", "messages", "prompt", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "seed", "stop"}
    | {"logprobs", "top_logprobs", "use_beam_search", "length_penalty", "stream", "stream_options", "user"}
)


class RefusedRequest(Exception):
    """A request that the model cannot answer: `code` and `param` are those of the protocol."""

    def __init__(self, message: str, *, param: str = "", code: str = "invalid_value", status: int = 400) -> None:
        super().__init__(message)
        self.param, self.code, self.status = param, code, status


class FolderServer:
    """The HTTP application over a model called `name`. It answers one request after another."""

    def __init__(self, model: FolderModel, name: str) -> None:
        self._model, self._name, self._turn = model, name, asyncio.Lock()
        routes = [
            Route("/v1/models", self._models, methods=["GET"]),
            Route("/v1/chat/completions", self._answer, methods=["POST"]),
            Route("/v1/completions", self._answer, methods=["POST"]),
            Route("/tokenize", self._tokenize, methods=["POST"]),
        ]
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
        self.app = Starlette(routes=routes, middleware=[hosts], exception_handlers={RefusedRequest: _refused})

    async def _models(self, request: Request) -> Response:
        entry = {"id": self._name, "object": "model", "owned_by": OWN, "max_model_len": self._model.context}
        return JSONResponse({"object": "list", "data": [entry]})

    async def _tokenize(self, request: Request) -> Response:
        body = await _body(request)
        ids = self._ids(body)
        return JSONResponse({"count": len(ids), "tokens": ids, "token_strs": self._model.spellings(ids)})

    async def _answer(self, request: Request) -> Response:
        body = await _body(request)
        for name in body.keys() - _KNOWN:
            raise RefusedRequest(f"{name} is not supported.", param=name, code="unsupported_parameter")
        if body.get("model") != self._name:
            message = f"The model {body.get('model')!r} does not exist; this server has {self._name!r}."
            raise RefusedRequest(message, param="model", code="model_not_found", status=404)
        chat = request.url.path.endswith("/chat/completions")
        writing, ids = _writing(body, chat), self._ids(body)
        self._check_room(len(ids), writing)
        async with self._turn:
            texts = await run_in_threadpool(self._model.written, ids, writing)
        answer = _response(self._name, texts, len(ids), chat=chat)
        if body.get("stream"):
            return StreamingResponse(_events(answer, chat), media_type="text/event-stream")
        return JSONResponse(answer)

    def _ids(self, body: Mapping[str, Any]) -> list[int]:
        messages, prompt = body.get("messages"), body.get("prompt")
        if isinstance(prompt, str):
            ids = self._model.text_ids(prompt)
        elif isinstance(messages, list) and messages and all(_is_turn(one) for one in messages):
            try:
                ids = self._model.chat_ids(messages)
            except ValueError as error:
                raise RefusedRequest(str(error), param="messages") from error
        else:
            raise RefusedRequest("messages are a list of turns with role and content, prompt is one text.")
        if not ids:
            raise RefusedRequest("The prompt has no tokens: a model continues a text.", param="prompt")
        return ids

    def _check_room(self, prompt: int, writing: Writing) -> None:
        context, wanted = self._model.context, prompt + (writing.max_tokens or 1)
        if context is not None and wanted > context:
            message = f"This model's maximum context length is {context} tokens; {wanted} are needed."
            raise RefusedRequest(message, param="messages", code="context_length_exceeded")


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (ValueError, RecursionError) as error:
        raise RefusedRequest("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise RefusedRequest("The body is not a JSON object.")
    return {name: value for name, value in body.items() if value is not None}


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and all(isinstance(turn.get(name), str) for name in ("role", "content"))


def _writing(body: Mapping[str, Any], chat: bool) -> Writing:
    stop = body.get("stop", ())
    stop = (stop,) if isinstance(stop, str) else stop
    if not (isinstance(stop, (list, tuple)) and all(isinstance(one, str) and one for one in stop)):
        raise RefusedRequest("stop is a text or a list of texts.", param="stop")
    limit = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
    shown = body.get("top_logprobs", 0) if body.get("logprobs") is True else body.get("logprobs")
    if (chat and shown is False) or shown is False:
        shown = None
    return Writing(
        max_tokens=_number(body, limit, None, 1, 2**31, whole=True),
        temperature=_number(body, "temperature", 1.0, 0, 100),
        top_p=_number(body, "top_p", 1.0, 0, 1),
        n=_number(body, "n", 1, 1, MOST_N, whole=True),
        beams=body.get("use_beam_search") is True,
        length_penalty=_number(body, "length_penalty", 1.0, -100, 100),
        seed=_number(body, "seed", None, -(2**63), 2**63 - 1, whole=True),
        stop=tuple(stop),
        top=_number({"logprobs": shown}, "logprobs", None, 0, MOST_TOP, whole=True),
    )


def _number(body: Mapping[str, Any], name: str, default: Any, least: float, most: float, *, whole: bool = False) -> Any:
    """Returns the number in the field `name`, or `default` if it is missing. Raises RefusedRequest if it is none, is
    not between `least` and `most`, or with `whole` is no whole number."""
    value = body.get(name)
    if value is None:
        return default
    kinds = (int,) if whole else (int, float)
    if type(value) not in kinds or not least <= value <= most:
        what = "a whole number" if whole else "a number"
        raise RefusedRequest(f"{name} is {what} from {least:g} to {most:g}.", param=name)
    return value


def _response(name: str, texts: list[WrittenText], prompt: int, *, chat: bool) -> dict[str, Any]:
    written = sum(text.tokens for text in texts)
    return {
        "id": f"own-{time.time_ns()}",
        "object": "chat.completion" if chat else "text_completion",
        "created": int(time.time()),
        "model": name,
        "choices": [_choice(place, text, chat) for place, text in enumerate(texts)],
        "usage": {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written},
    }


def _choice(place: int, text: WrittenText, chat: bool) -> dict[str, Any]:
    content = {"message": {"role": "assistant", "content": text.text}} if chat else {"text": text.text}
    logprobs = {"content": [_entry(step) for step in text.steps]} if text.steps else None
    return {"index": place, **content, "finish_reason": "stop" if text.ended else "length", "logprobs": logprobs}


def _entry(step: TokenLogprob) -> dict[str, Any]:
    own = {"token": step.data.decode("utf-8", "replace"), "bytes": list(step.data), "logprob": step.logprob}
    return {**own, "top_logprobs": [_entry(other) for other in step.likely]} if step.likely else own


async def _events(answer: dict[str, Any], chat: bool) -> AsyncIterator[str]:
    """Yields the answer as a stream of one piece, and its end."""
    choices = [
        {**choice, "delta": choice.pop("message")} if chat else choice for choice in map(dict, answer["choices"])
    ]
    kind = "chat.completion.chunk" if chat else "text_completion"
    yield f"data: {json.dumps({**answer, 'object': kind, 'choices': choices})}\n\n"
    yield "data: [DONE]\n\n"


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedRequest)
    kind = {"message": str(error), "type": "invalid_request_error", "code": error.code, "param": error.param or None}
    return JSONResponse({"error": kind}, status_code=error.status)
