"""The endpoint `builtin`: sends one request at a time to the built-in model's server, by the OpenAI protocol."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptgrid.builtin import process, unpacking, weights
from promptgrid.builtin.queue import turn
from promptgrid.builtin.server_folder import Listening, ServerFolder
from promptgrid.builtin.tool_schema import by_schema, instructed, with_calls
from promptgrid.endpoint.base import Delta, Embeddings, Reply, Request, Token
from promptgrid.errors import BuiltinError, EndpointError, ErrorKind, StoreError
from promptgrid.prompt import Api, Message
from promptgrid.suggestions import closest

if TYPE_CHECKING:
    from promptgrid.endpoint.beams.endpoint import SearchingEndpoint

NAME = "builtin"
GONE_POLLS, GONE_POLL_S = 20, 0.025
TIMEOUT_S = 1800.0  # eight long replies on a busy old machine


class BuiltinEndpoint:
    """Serves `builtin/smollm2-135m-instruct`; starts the server at the first request, and again after a crash.

    Never downloads the weights: if they are missing, every call raises EndpointError with a hint. A second server has
    the weights unpacked to 32 bit; it answers by beam search, and requests that are `exact`.
    """

    name = NAME
    max_n = process.SLOTS
    concurrency = 1
    counts_tokens = True
    parallel_repeats = False
    takes_tokens = True

    def __init__(self) -> None:
        self._unconnected = _adapter(Listening("http://127.0.0.1", "", 0))
        self._connections: dict[bool, tuple[Listening, SearchingEndpoint]] = {}  # by whether the server is exact

    @property
    def identity(self) -> str:
        """`sha256:…` of the weights. Raises BuiltinError if PROMPTGRID_BUILTIN_MODEL names a missing file."""
        return weights.identity()

    async def prepare(self) -> None:
        """Does nothing: `concurrency` and `max_n` are constants of this class."""

    def wire(self, request: Request) -> dict[str, Any]:
        return self._unconnected.wire(_sendable(request))

    async def search_problem(self, request: Request) -> str:
        """Returns why the model cannot answer the request by a beam search, as the end of a sentence; "" if it can."""
        path = weights.find()
        return await self._unconnected.search_problem(request) or (unpacking.problem(path) if path else "")

    async def complete(self, request: Request) -> list[Reply]:
        async with self._turn(request.model, _is_exact(request)) as adapter:
            replies = await adapter.complete(_sendable(request))
            if len(replies) > 1:
                replies = [await _counted(adapter, request, reply) for reply in replies]
            return [with_calls(reply, request) for reply in replies]

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        async with (
            self._turn(request.model, _is_exact(request)) as adapter,
            aclosing(adapter.stream(_sendable(request))) as deltas,
        ):
            async for delta in deltas:
                if not request.tools:
                    yield delta
                elif delta.reply:  # until its end, a call cannot be told from a text
                    reply = with_calls(delta.reply, request)
                    yield Delta(reply.text, reply)

    async def models(self) -> list[str]:
        return list(weights.names())

    async def count_tokens(
        self, model: str, messages: Sequence[Message], api: Api = "chat", tools: Sequence[Any] = ()
    ) -> int | None:
        """Returns the number of tokens of a prompt (its messages and tools, as a request to `api` sends them), without
        waiting for the request in flight; None if the server cannot count them. Starts the server if necessary. Raises
        EndpointError."""
        adapter = await self._connected(model)
        async with _crash_named():
            return await adapter.count_tokens(model, instructed(messages, tools) if tools else messages, api)

    async def tokenize(self, model: str, text: str) -> list[Token] | None:
        adapter = await self._connected(model)
        async with _crash_named():
            return await adapter.tokenize(model, text)

    async def embeddings(self, model: str, texts: Sequence[str]) -> Embeddings:
        hint = "Use similarity:method=edit or token, or a model of an endpoint that has /embeddings."
        raise EndpointError("bad_request", "The built-in model does not support embeddings.", hint=hint)

    async def aclose(self) -> None:
        for _, adapter in self._connections.values():
            await adapter.aclose()

    @asynccontextmanager
    async def _turn(self, model: str, exact: bool) -> AsyncIterator[SearchingEndpoint]:
        """Waits until no other request is in flight at the server (with `exact`, the one with unpacked weights), and
        yields the endpoint that calls it, for one request; when the block ends, the next request may go. Raises
        EndpointError if `model` cannot be served."""
        path = _weights_for(model)
        with _as_endpoint_error("unknown_model"):
            place = ServerFolder.of(path, exact=exact).create()
        async with turn(place):
            adapter = await self._connected(model, exact)
            async with _crash_named(exact):
                yield adapter
            place.touch()

    async def _connected(self, model: str, exact: bool = False) -> SearchingEndpoint:
        _weights_for(model)
        with _as_endpoint_error("server"):
            server = await asyncio.to_thread(process.ensure, exact=exact)
        old = self._connections.get(exact)
        if old is not None and old[0] == server:
            return old[1]
        adapter = _adapter(server)
        self._connections[exact] = server, adapter
        if old is not None:
            await old[1].aclose()
        return adapter


def _is_exact(request: Request) -> bool:
    return request.exact or request.parameters.searches


def _adapter(server: Listening) -> SearchingEndpoint:
    from promptgrid.endpoint.beams.endpoint import SearchingEndpoint
    from promptgrid.endpoint.settings import EndpointSettings

    adapter = SearchingEndpoint(
        EndpointSettings(
            name=NAME,
            base_url=f"{server.url}/v1",
            api_key=server.key,
            token_parameter="max_tokens",
            concurrency=1,
            timeout_s=TIMEOUT_S,
            free=True,
        ),
        slots=process.SLOTS,
    )
    adapter.room = process.CONTEXT  # which the slots share
    return adapter


def _sendable(request: Request) -> Request:
    """Returns the request with its tools as a JSON schema, and with the server's prompt cache turned off if it has a
    seed or temperature 0: with the cache, its reply would not be repeatable."""
    request = by_schema(request)
    parameters = request.parameters
    if parameters.seed is None and (parameters.temperature is None or parameters.temperature > 0):
        return request
    extra = {"cache_prompt": False, **(parameters.extra_body or {})}
    return dataclasses.replace(request, parameters=dataclasses.replace(parameters, extra_body=extra))


async def _counted(adapter: SearchingEndpoint, request: Request, reply: Reply) -> Reply:
    """Returns the reply with its own number of completion tokens. For several choices in one response the server
    reports the tokens of one of them only, so each reply is counted; `completion_tokens` is None if that fails."""
    if reply.steps:
        return dataclasses.replace(reply, completion_tokens=len(reply.steps))
    if reply.finish_reason == "length" and (room := request.parameters.max_tokens):
        return dataclasses.replace(reply, completion_tokens=room)
    tokens = await adapter.count_tokens(request.model, [Message("assistant", reply.text)], "completion")
    # the end-of-turn token is generated too
    return dataclasses.replace(reply, completion_tokens=None if tokens is None else tokens + 1)


def _weights_for(model: str) -> Path:
    """Returns the path of the weights of the built-in model `model`. Raises EndpointError for another name, and if
    llama.cpp or the weights are missing."""
    names = weights.names()
    if model not in names:
        near = closest(model, names, cutoff=0.3) or names[0]
        message = f"The built-in endpoint has no model {model!r}."
        raise EndpointError("unknown_model", message, hint=f"Did you mean {NAME}/{near}?")
    with _as_endpoint_error("unknown_model"):
        process.require_supported()
        return weights.require()


@contextmanager
def _as_endpoint_error(kind: ErrorKind) -> Iterator[None]:
    try:
        yield
    except (BuiltinError, StoreError) as error:
        raise EndpointError(kind, error.message, hint=error.hint) from error


@asynccontextmanager
async def _crash_named(exact: bool = False) -> AsyncIterator[None]:
    """If the block raises an EndpointError for a failed connection or a bad reply, and the server's process has ended,
    raises an EndpointError that says so instead. Any other error stays as it is."""
    try:
        yield
    except EndpointError as error:
        if error.kind not in ("connection", "bad_reply") or not await _gone(exact):
            raise
        raise EndpointError(
            "server",
            "The built-in model's server ended while it was answering; the next request starts it again.",
            hint=f"Its log is {process.logfile()}.",
            raw=error.raw,
        ) from error


async def _gone(exact: bool) -> bool:
    """Tells whether the model server's process has ended. Tries for up to half a second, since a dying process closes
    its connections before it releases its locks."""
    for _ in range(GONE_POLLS):
        if not process.running(exact=exact):
            return True
        await asyncio.sleep(GONE_POLL_S)
    return False
