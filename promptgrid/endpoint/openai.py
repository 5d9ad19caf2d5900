"""Any endpoint that speaks the OpenAI protocol: chat completions, and legacy completions for plain continuation.

A grid's calls go by `pool`, which costs a fraction of the SDK's time; streams go by `sdk`. `wire` writes the bodies,
`replies` and `events` read them, `faults` and `refusals` name the errors. No retry in here: the runner's policy is the
only one. A model that takes the same request in other words only (the other name of max_tokens, as a stream) is asked
in those at once: its refusal costs nothing, and is remembered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from promptgrid.endpoint import faults, headers, llama_cpp, refusals, wire
from promptgrid.endpoint.base import Delta, Embeddings, Reply, Request, Resent, Token
from promptgrid.endpoint.counting import TokenCounter
from promptgrid.endpoint.embeddings import embeddings, model_names
from promptgrid.endpoint.events import Fold, are_events, folded
from promptgrid.endpoint.limits import rate_limits
from promptgrid.endpoint.redaction import redacted, redacted_reply
from promptgrid.endpoint.replies import RAW_LIMIT, parsed, parsed_json, replies
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.endpoint.streaming import deltas
from promptgrid.errors import EndpointError
from promptgrid.prompt import Api, Message

if TYPE_CHECKING:
    import openai

    from promptgrid.endpoint.pool import HttpResponse, Pool

CONCURRENCY = 8
MAX_N = 8  # of OpenAI's own service
PREPARE_S = 2.0
PATHS: Mapping[Api, str] = {"chat": "/chat/completions", "completion": "/completions"}


class OpenAIEndpoint:
    """An Endpoint that speaks the OpenAI protocol over the network, by the environment's proxies and certificates.

    Connections belong to the event loop of a call; a call from another loop opens new ones. `slots` is the number of
    requests that a known llama.cpp server works on at a time; None: not known.
    """

    def __init__(self, settings: EndpointSettings, slots: int | None = None, *, identity: str = "") -> None:
        self.settings = settings
        self.identity = identity or settings.base_url
        self._pool: Pool | None = None
        self._client: openai.AsyncOpenAI | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._slots, self._takes_tools = slots, True
        self._prepared = slots is not None or not settings.is_loopback
        self._one_by_one = False
        self._readable = False  # something that the endpoint sent was what the protocol promises
        self._bodies, self._wording = wire.Bodies(), wire.Wording()
        self._served: list[str] | None = None
        self._counter = TokenCounter(settings)

    @property
    def name(self) -> str:
        """The endpoint's name in ENDPOINT/MODEL."""
        return self.settings.name

    @property
    def concurrency(self) -> int:
        """The maximum number of requests in flight: the setting, else the server's slots, else 8."""
        return self.settings.concurrency or self._slots or CONCURRENCY

    @property
    def max_n(self) -> int:
        """The most replies per request: the setting, else llama.cpp's slots, else 8 for OpenAI, else 1.

        At most llama.cpp's slots, since it refuses more; 1 once the endpoint has refused `n` or returned fewer.
        """
        if self._one_by_one:
            return 1
        usual = self._slots or (MAX_N if self.settings.is_openai else 1)
        return min(self.settings.max_n or usual, self._slots or llama_cpp.MAX_SLOTS)

    @property
    def parallel_repeats(self) -> bool:
        """Whether a reply at temperature 0 or with a seed is the same beside other requests: False for llama.cpp."""
        return self._slots is None

    @property
    def takes_tokens(self) -> bool:
        """Whether a prompt may be token ids: True for llama.cpp."""
        return self._slots is not None

    async def prepare(self) -> None:
        """Asks a server on this machine for what llama.cpp reports in /props, until it has answered once."""
        if self._prepared:
            return
        with suppress(EndpointError):
            answer = await self._connected().ask(f"{self._counter.root}/props", timeout_s=PREPARE_S)
            self._prepared = True
            known = parsed(answer.text) if answer.status == 200 else {}
            self._slots, self._takes_tools = llama_cpp.slots(known), llama_cpp.takes_tools(known)

    def wire(self, request: Request) -> dict[str, Any]:
        """Returns the request's usual JSON body, of which the cell's key is made; `complete` may send another form of
        it. Raises EndpointError(bad_request) for a request that cannot be expressed."""
        if self._by_tokens(request):
            return llama_cpp.body(request)
        return self._bodies.body(request, wire.token_parameter(self.settings, request))

    async def complete(self, request: Request) -> list[Reply]:
        """Sends the request and returns one reply per choice. Raises EndpointError and nothing else."""
        resent: tuple[Resent, ...] = ()
        while True:
            sent, started = self._sent(request), time.perf_counter()
            try:
                return await self._complete(request, sent, resent=resent)
            except EndpointError as error:
                self._one_by_one |= error.kind == "refused_parameter" and error.param == "n"
                if not self._wording.learn(error, request.model, sent):
                    error.resent = resent
                    await self._explain(error, request.model)
                    raise
                resent += (Resent(error.kind, str(error), (time.perf_counter() - started) * 1000),)

    def _sent(self, request: Request, *, stream: bool = False) -> Mapping[str, Any]:
        """Returns the body to send. Raises EndpointError(refused_parameter) for tools that the server would ignore."""
        if request.tools and not self._takes_tools:
            raise llama_cpp.ignored_tools(request.model)
        return self._wording.body(self.wire(request), request.model, stream=stream)

    async def _complete(self, request: Request, sent: Mapping[str, Any], **common: Any) -> list[Reply]:
        started = time.perf_counter()
        answer = await self._connected().ask(self._url(request), wire.encoded(sent))
        return self._read(answer, request, latency_ms=(time.perf_counter() - started) * 1000, sent=sent, **common)

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Yields the reply in pieces; the last piece holds the whole reply. Closing the generator early closes the
        connection. Raises EndpointError."""
        while True:
            sent, fold = self._sent(request, stream=True), Fold()
            try:
                async with aclosing(self._streamed(request, sent, fold)) as pieces:
                    async for delta in pieces:
                        yield delta
                return
            except EndpointError as error:
                error.raw = redacted("".join(fold.texts), self.settings.secrets)[:RAW_LIMIT] or error.raw
                if not self._wording.learn(error, request.model, sent):
                    await self._explain(error, request.model)
                    raise

    async def _streamed(self, request: Request, sent: Mapping[str, Any], fold: Fold) -> AsyncGenerator[Delta, None]:
        """Sends `sent`, the body made of `request`, and yields the reply in pieces; one piece if the server does not
        stream. The pieces are also collected in `fold`, which the caller reads after an error."""
        from promptgrid.endpoint import sdk

        client, _ = self._sdk(), wire.encoded(sent)  # raises for a body that cannot be written
        started = time.perf_counter()  # the import of the SDK is not the model's time
        async with sdk.stream(client, self.settings, request.api, sent) as opened:
            if opened.status == 200 and "event-stream" in opened.headers.get("content-type", "event-stream"):
                limits = rate_limits(opened.headers)

                def read(body: dict[str, Any], raw: str, **common: Any) -> list[Reply]:
                    return self._replies(body, raw, request, opened.headers, sent=sent, limits=limits, **common)

                async for delta in deltas(opened, fold, started, read):
                    yield delta
                return
            answer = await opened.whole()
        (whole, *_) = self._read(answer, request, latency_ms=(time.perf_counter() - started) * 1000, sent=sent)
        yield Delta(text=whole.text, reply=whole)

    async def models(self) -> list[str]:
        """Returns the sorted names that the endpoint lists, else those in its settings. Raises EndpointError."""
        try:
            answer = await self._connected().ask(self.settings.base_url + "/models")
            self._served = model_names(self._json(answer)) or list(self.settings.models)
        except EndpointError as error:
            if self.settings.models and error.kind in ("bad_request", "bad_reply"):
                return list(self.settings.models)
            raise
        return self._served

    @property
    def counts_tokens(self) -> bool:
        """Whether `count_tokens` may return a number: for any server until its first answer shows that it cannot."""
        return self._counter.may_know

    async def count_tokens(
        self, model: str, messages: Sequence[Message], api: Api = "chat", tools: Sequence[Any] = ()
    ) -> int | None:
        """Returns the number of tokens of the prompt as llama.cpp or vLLM counts them; None for another server. Raises
        EndpointError when the server is down, busy or slow."""
        if not self.counts_tokens:
            return None
        return await self._counter.count(self._connected(), model, messages, api, tools)

    async def tokenize(self, model: str, text: str) -> list[Token] | None:
        """Returns the tokens of the text as llama.cpp or vLLM reports them; None for another server. Raises
        EndpointError when the server is down, busy or slow."""
        return await self._counter.tokens(self._connected(), model, text) if self.counts_tokens else None

    async def embeddings(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Returns a vector for each text, all in one call. Raises EndpointError."""
        body = wire.encoded({"model": model, "input": list(texts), "encoding_format": "float"})
        started = time.perf_counter()
        answer = await self._connected().ask(f"{self.settings.base_url}/embeddings", body)
        refusals.check_status(answer, self.settings, model)
        return embeddings(answer.text, len(texts), (time.perf_counter() - started) * 1000)

    async def aclose(self) -> None:
        """Closes the connections."""
        pool, client, self._pool, self._client = self._pool, self._client, None, None
        if self._loop is not asyncio.get_running_loop():
            return
        if pool is not None:
            await pool.aclose()
        if client is not None:
            await client.close()

    def _read(self, answer: HttpResponse, request: Request, **common: Any) -> list[Reply]:
        """Returns the replies in an HTTP response; `common` holds fields that are the same in all. Raises
        EndpointError."""
        refusals.check_status(answer, self.settings, request.model)
        limits = rate_limits(answer.headers)
        try:
            if self._by_tokens(request):
                return llama_cpp.replies(answer.text, request.n, limits=limits, **common)
            if are_events(answer.headers.get("content-type", ""), answer.text):
                body = folded(answer.text, self.settings.secrets).body()
            else:
                body = parsed(answer.text)
            return self._replies(body, answer.text, request, answer.headers, limits=limits, **common)
        except EndpointError as error:
            error.limits = limits
            raise

    def _replies(
        self, body: dict[str, Any], raw: str, request: Request, headers: Mapping[str, str], **common: Any
    ) -> list[Reply]:
        """Returns the replies in a parsed body, whose text is `raw`; `common` is as in `_read`. Raises EndpointError
        for an error in the body; the `headers` may say how long to wait."""
        if error := refusals.error_inside(body):
            raise refusals.response_error(refusals.status_inside(error), error, headers, self.settings, request.model)
        usable_replies = replies(body, request.n, raw, sums=self._slots is None, **common)
        usable_replies = [redacted_reply(reply, self.settings.secrets) for reply in usable_replies]
        self._readable = True
        # Choices without a text were sent, though.
        self._one_by_one |= len(usable_replies) < request.n and len(body["choices"]) < request.n
        return usable_replies

    def _json(self, answer: HttpResponse) -> Any:
        """Returns a response's parsed JSON. Raises EndpointError for an error status and for text that is not JSON."""
        refusals.check_status(answer, self.settings, "")
        value = parsed_json(answer.text)
        self._readable = True
        return value

    def _by_tokens(self, request: Request) -> bool:
        """Whether the request, a plain continuation with log probabilities, goes to llama.cpp's own /completion: only
        there are all tokens of a reply reported, even those that are part of a character."""
        return self.takes_tokens and request.api == "completion" and request.logprobs is not None

    def _url(self, request: Request) -> str:
        own = self._by_tokens(request)
        return self._counter.root + llama_cpp.PATH if own else self.settings.base_url + PATHS[request.api]

    def _connected(self) -> Pool:
        """Returns the connections that belong to the running event loop, opened at the first call."""
        self._follow_loop()
        if self._pool is None:
            from promptgrid.endpoint import pool

            self._pool = pool.opened(self.settings, headers.request_headers(self.settings))
        return self._pool

    def _sdk(self) -> openai.AsyncOpenAI:
        """Returns the SDK's client that belongs to the running event loop, made at the first call."""
        self._follow_loop()
        if self._client is None:
            from promptgrid.endpoint import sdk

            self._client = sdk.client(self.settings)
        return self._client

    def _follow_loop(self) -> None:
        """Drops the connections if they belong to another event loop, in which alone they can be used."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._pool, self._client = loop, None, None

    async def _explain(self, error: EndpointError, model: str) -> None:
        """Adds the served models to the hint of an unknown_model error, and advice on the base URL to any error as long
        as the endpoint has sent nothing readable."""
        if not self._readable:
            faults.advise_on_url(error, self.settings)
        if error.kind != "unknown_model":
            return
        with suppress(EndpointError):
            faults.name_served(error, model, self._served or await self.models())
