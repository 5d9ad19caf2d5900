"""The endpoint `builtin`: sends requests to the built-in model's server, by the OpenAI protocol."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from promptgrid.builtin import models, process, sending, unpacking, weights
from promptgrid.builtin.adapters import Adapter
from promptgrid.builtin.queue import turn
from promptgrid.builtin.server_folder import SEATS, Listening, ServerFolder
from promptgrid.builtin.tool_schema import instructed, with_calls
from promptgrid.builtin.unpacking import ServedWeights
from promptgrid.endpoint.base import Delta, Embeddings, Reply, Request, Token
from promptgrid.errors import BuiltinError, EndpointError, ErrorKind, PromptgridError, StoreError
from promptgrid.prompt import Api, Message

if TYPE_CHECKING:
    from promptgrid.endpoint.beams.endpoint import SearchingEndpoint

NAME = models.ENDPOINT
GONE_POLLS, GONE_POLL_S = 20, 0.025
TIMEOUT_S = 1800.0  # eight long replies on a busy old machine


class BuiltinEndpoint:
    """Serves `builtin/smollm2-135m-instruct`, and its tuned models; starts the server at the first request, and again
    after a crash. Never downloads the weights: if they are missing, every call raises EndpointError with a hint.

    Unpacks the weights at first use. Whether that succeeded is fixed for the life of the object, since the identity
    depends on it.
    """

    name = NAME
    max_n = SEATS
    counts_tokens = True
    takes_tokens = True

    def __init__(self) -> None:
        self._unconnected = _adapter(Listening("http://127.0.0.1", "", 0))
        self._connection: tuple[Listening, SearchingEndpoint] | None = None
        self._served: ServedWeights | None = None

    @property
    def identity(self) -> str:
        """`sha256:…` of the weights, and `+f16` if they are served unpacked, as they will be where they are not
        downloaded yet. Raises BuiltinError if PROMPTGRID_BUILTIN_MODEL names a missing file."""
        served = self._weights()
        return served.identity if served else f"{weights.identity()}+f16"

    @property
    def concurrency(self) -> int:
        """The maximum number of requests in flight: 1 where other requests would change a reply."""
        return SEATS if self.parallel_repeats else 1

    @property
    def parallel_repeats(self) -> bool:
        """Whether replies at temperature 0 do not depend on other requests. One with a seed is sent alone."""
        served = self._weights()
        return served is None or served.repeatable

    async def prepare(self) -> None:
        """Unpacks the weights if they are here and never were."""
        with suppress(PromptgridError):
            await asyncio.to_thread(self._weights)

    def wire(self, request: Request) -> dict[str, Any]:
        """Returns the JSON body of the request. For a tuned model it names the adapter's sha256; the ids of the
        server's adapters, which it is sent with, stand for nothing elsewhere."""
        body = self._unconnected.wire(self._sendable(request))
        with _as_endpoint_error("unknown_model"):
            tuned = models.adapter_of(request.model)
        return body if tuned is None else {**body, "lora": [{"sha256": tuned.adapter_sha256, "scale": 1.0}]}

    async def search_problem(self, request: Request) -> str:
        """Returns why the model cannot answer the request by a beam search, as the end of a sentence; "" if it can."""
        served = await asyncio.to_thread(self._weights)
        return await self._unconnected.search_problem(request) or (served.reason if served else "")

    async def complete(self, request: Request) -> list[Reply]:
        async with self._turn(request) as (adapter, sendable):
            replies = await adapter.complete(sendable)
            if len(replies) > 1:
                replies = [await _counted(adapter, request, reply) for reply in replies]
            return [self._as_asked(reply, request) for reply in replies]

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        async with (
            self._turn(request) as (adapter, sendable),
            aclosing(adapter.stream(sendable)) as deltas,
        ):
            async for delta in deltas:
                if delta.reply:  # until its end, a call of a tool cannot be told from a text
                    reply = self._as_asked(delta.reply, request)
                    yield Delta(reply.text if request.tools else delta.text, reply)
                elif not request.tools:
                    yield delta

    async def models(self) -> list[str]:
        return list(models.names())

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
        if self._connection is not None:
            await self._connection[1].aclose()

    def _weights(self) -> ServedWeights | None:
        """Returns how the weights are served, as found at first use; None if there are none yet."""
        if self._served is None and (path := weights.find()):
            self._served = unpacking.served(path)
        return self._served

    def _require(self, model: str) -> tuple[ServedWeights, Adapter | None]:
        """Returns the weights as they are served and the adapter of the model. Raises EndpointError if `model` cannot
        be served as the identity of this object says."""
        with _as_endpoint_error("unknown_model"):
            tuned = models.adapter_of(model)
            process.require_supported()
            weights.require()
            served = self._weights()
            if served is None or not served.file.is_file():
                hint = "Start again: what is asked then comes from the weights that are there."
                raise BuiltinError("The model's unpacked weights have been removed since.", hint=hint)
            return served, tuned

    @asynccontextmanager
    async def _turn(self, request: Request) -> AsyncIterator[tuple[SearchingEndpoint, Request]]:
        """Waits until the model has room for the request, and yields the endpoint that calls it, for one request, and
        the request in the form to send. Raises EndpointError if the model cannot be served."""
        served, tuned = await asyncio.to_thread(self._require, request.model)
        with _as_endpoint_error("unknown_model"):
            place = process.folder_of(served).create()
        needed = await self._seats(request) if served.repeatable else SEATS
        while True:
            seats = SEATS if _must_replace(place, tuned) else needed
            async with turn(place, seats):
                if seats < SEATS and _must_replace(place, tuned):
                    continue  # another process has started a server without this adapter
                adapter = await self._connected(request.model, tuned)
                async with _crash_named():
                    yield adapter, self._to_send(request, tuned)
                place.touch()
                return

    async def _seats(self, request: Request) -> int:
        """Returns how many of the model's seats the request takes. Counts the tokens of a long prompt."""
        request = self._sendable(request)
        most = sending.seats(request)
        if most == request.n or most == sending.seats(request, 0) or request.prompt_ids:
            return most
        return sending.seats(request, await self.count_tokens(request.model, request.messages, request.api))

    def _sendable(self, request: Request) -> Request:
        return sending.sendable(request, repeatable=self.parallel_repeats)

    def _to_send(self, request: Request, tuned: Adapter | None) -> Request:
        loaded = self._connection[0].adapters if self._connection else ()
        return sending.scaled(self._sendable(request), loaded, tuned)

    def _as_asked(self, reply: Reply, request: Request) -> Reply:
        """Returns the reply with its calls of tools, and with the body that its key is made of."""
        if self._connection and self._connection[0].adapters:
            reply = dataclasses.replace(reply, sent=self.wire(request))
        return with_calls(reply, request)

    async def _connected(self, model: str, tuned: Adapter | None = None) -> SearchingEndpoint:
        served, _ = await asyncio.to_thread(self._require, model)
        with _as_endpoint_error("server"):
            server = await asyncio.to_thread(process.ensure, served, tuned)
        old = self._connection
        if old is not None and old[0] == server:
            return old[1]
        adapter = _adapter(server)
        self._connection = server, adapter
        if old is not None:
            await old[1].aclose()
        return adapter


def _adapter(server: Listening) -> SearchingEndpoint:
    from promptgrid.endpoint.beams.endpoint import SearchingEndpoint
    from promptgrid.endpoint.settings import EndpointSettings

    adapter = SearchingEndpoint(
        EndpointSettings(
            name=NAME,
            base_url=f"{server.url}/v1",
            api_key=server.key,
            token_parameter="max_tokens",
            concurrency=SEATS,
            timeout_s=TIMEOUT_S,
            free=True,
        ),
        slots=SEATS,
    )
    adapter.room = process.CONTEXT  # which the slots share
    return adapter


def _must_replace(place: ServerFolder, tuned: Adapter | None) -> bool:
    server = place.listening()
    return server is not None and not process.has(server, tuned)


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


@contextmanager
def _as_endpoint_error(kind: ErrorKind) -> Iterator[None]:
    try:
        yield
    except (BuiltinError, StoreError) as error:
        raise EndpointError(kind, error.message, hint=error.hint) from error


@asynccontextmanager
async def _crash_named() -> AsyncIterator[None]:
    """If the block raises an EndpointError for a failed connection or a bad reply, and the server's process has ended,
    raises an EndpointError that says so instead. Any other error stays as it is."""
    try:
        yield
    except EndpointError as error:
        if error.kind not in ("connection", "bad_reply") or not await _gone():
            raise
        raise EndpointError(
            "server",
            "The built-in model's server ended while it was answering; the next request starts it again.",
            hint=f"Its log is {process.logfile()}.",
            raw=error.raw,
        ) from error


async def _gone() -> bool:
    """Tells whether the model server's process has ended. Tries for up to half a second, since a dying process closes
    its connections before it releases its locks."""
    for _ in range(GONE_POLLS):
        if not process.running():
            return True
        await asyncio.sleep(GONE_POLL_S)
    return False
