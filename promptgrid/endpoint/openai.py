"""Any endpoint that speaks the OpenAI protocol: chat completions, and legacy completions for plain continuation.

A grid's calls are posted by `pool`, which costs a fraction of the SDK's time; what is interactive (streams, model
lists, counting) goes by the SDK. For both, bodies are written in `wire`, read in `replies`, errors told in `faults`. No
retry in here: the runner's policy is the only one, so that every attempt is seen, counted and can be cancelled.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from promptgrid.endpoint import faults, headers, llama_cpp, refusals, sdk, wire
from promptgrid.endpoint.base import Delta, Embeddings, Reply, Request, Token
from promptgrid.endpoint.counting import TokenCounter
from promptgrid.endpoint.embeddings import embeddings
from promptgrid.endpoint.limits import rate_limits
from promptgrid.endpoint.replies import parsed, replies
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.endpoint.streaming import deltas
from promptgrid.errors import EndpointError
from promptgrid.prompt import Api, Message

if TYPE_CHECKING:
    import openai

    from promptgrid.endpoint.pool import HttpResponse, Pool

CONCURRENCY = 8
MAX_N = 8  # of OpenAI's own service
MAX_SLOTS = 1024
PREPARE_S = 2.0
PATHS: Mapping[Api, str] = {"chat": "/chat/completions", "completion": "/completions"}

_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class OpenAIEndpoint:
    """The Endpoint over real sockets. Proxies and certificates of the environment are honoured.

    Pool and client, made at the first call, belong to the event loop of that call; a call from another loop gets new
    ones. `slots` says beforehand that the server is llama.cpp, and how many requests it works on at a time.
    """

    def __init__(self, settings: EndpointSettings, slots: int | None = None) -> None:
        self.settings = settings
        self._pool: Pool | None = None
        self._client: openai.AsyncOpenAI | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._slots = slots
        self._prepared = slots is not None or not settings.is_loopback
        self._one_by_one = False
        self._served: list[str] | None = None
        self._counter = TokenCounter(settings)

    def __repr__(self) -> str:
        return f"OpenAIEndpoint({self.name!r}, {self.identity!r})"

    @property
    def name(self) -> str:
        """As in ENDPOINT/MODEL."""
        return self.settings.name

    @property
    def identity(self) -> str:
        """The normalised base URL."""
        return self.settings.base_url

    @property
    def concurrency(self) -> int:
        """How many requests may be in flight at once: the setting, else the server's slots, else 8."""
        return self.settings.concurrency or self._slots or CONCURRENCY

    @property
    def max_n(self) -> int:
        """The setting, else llama.cpp's slots, else 8 for OpenAI; 1 elsewhere, since many servers ignore `n`.

        Never more than the slots, since llama.cpp refuses that. 1 from then on, as soon as the endpoint has refused `n`
        or brought fewer choices than asked for.
        """
        if self._one_by_one:
            return 1
        usual = self._slots or (MAX_N if self.settings.is_openai else 1)
        return min(self.settings.max_n or usual, self._slots or MAX_SLOTS)

    @property
    def parallel_repeats(self) -> bool:
        """False for llama.cpp: the replies of its slots depend on one another."""
        return self._slots is None

    @property
    def takes_tokens(self) -> bool:
        """True for llama.cpp."""
        return self._slots is not None

    async def prepare(self) -> None:
        """Asks llama.cpp on this machine how many slots it has. A server that is down is asked again the next time."""
        if self._prepared:
            return
        with suppress(EndpointError):
            answer = await self._connected().ask(f"{self._counter.root}/props", timeout_s=PREPARE_S)
            self._slots = _slots(answer)
            self._prepared = True

    def wire(self, request: Request) -> dict[str, Any]:
        """The JSON body that `complete` sends. Raises EndpointError(bad_request) for one that cannot be written."""
        if self._by_tokens(request):
            return llama_cpp.body(request)
        return wire.body(request, self._token_parameter(request))

    async def complete(self, request: Request) -> list[Reply]:
        """One reply a choice. Raises EndpointError and nothing else."""
        sent = self.wire(request)
        started = time.perf_counter()
        try:
            answer = await self._connected().ask(self._url(request), _bytes(sent))
            latency = (time.perf_counter() - started) * 1000
            return self._read(answer, request, latency_ms=latency, sent=sent)
        except EndpointError as error:
            self._one_by_one |= error.kind == "refused_parameter" and error.param == "n"
            await self._explain(error, request.model)
            raise

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The reply piece by piece; closing the iterator closes the connection. Raises EndpointError."""
        sent = wire.streamed(self.wire(request))
        heard: list[str] = []
        started = time.perf_counter()
        try:
            with sdk.errors_told(self.settings, request.model, heard):
                opened = await self._open(request.api, sent)
                try:
                    async for delta in deltas(opened, heard, started, sent):
                        yield delta
                finally:
                    await opened.close()
        except EndpointError as error:
            await self._explain(error, request.model)
            raise

    async def models(self) -> list[str]:
        """What the endpoint lists, sorted; else the names in its settings. Raises EndpointError."""
        try:
            answer = await self._connected().ask(self.settings.base_url + "/models")
            self._served = _names(self._object(answer, "")) or list(self.settings.models)
        except EndpointError as error:
            if self.settings.models and error.kind in ("bad_request", "bad_reply"):
                return list(self.settings.models)
            raise
        return self._served

    @property
    def counts_tokens(self) -> bool:
        """llama.cpp and vLLM do; others are found out at the first question."""
        return self._counter.may_know

    async def count_tokens(
        self, model: str, messages: Sequence[Message], api: Api = "chat", tools: Sequence[Any] = ()
    ) -> int | None:
        """Exact where the server is llama.cpp or vLLM, else None. Raises EndpointError when it cannot be reached."""
        if not self.counts_tokens:
            return None
        return await self._counter.count(self._connected(), model, messages, api, tools)

    async def tokenize(self, model: str, text: str) -> list[Token] | None:
        """Of llama.cpp and vLLM, else None. Raises EndpointError when it cannot be reached."""
        return await self._counter.tokens(self._connected(), model, text) if self.counts_tokens else None

    async def embeddings(self, model: str, texts: Sequence[str]) -> Embeddings:
        """A vector for each text, in one call. Raises EndpointError."""
        body = _bytes({"model": model, "input": list(texts), "encoding_format": "float"})
        started = time.perf_counter()
        answer = await self._connected().ask(f"{self.settings.base_url}/embeddings", body)
        latency = (time.perf_counter() - started) * 1000
        self._check_status(answer, model)
        try:
            return embeddings(answer.text, len(texts), latency)
        except EndpointError as error:
            faults.redact(error, self.settings)
            raise

    async def aclose(self) -> None:
        """Frees sockets."""
        pool, client, self._pool, self._client = self._pool, self._client, None, None
        if self._loop is not asyncio.get_running_loop():
            return
        if pool is not None:
            await pool.aclose()
        if client is not None:
            await client.close()

    def _read(self, answer: HttpResponse, request: Request, **common: Any) -> list[Reply]:
        """The replies in an answer. Raises EndpointError with keys cut out."""
        self._check_status(answer, request.model)
        limits = rate_limits(answer.headers)
        try:
            read = llama_cpp.replies if self._by_tokens(request) else replies
            found = read(answer.text, request.n, limits=limits, **common)
        except EndpointError as error:
            faults.redact(error, self.settings)
            error.limits = limits
            raise
        if len(found) < request.n and not self._by_tokens(request):  # choices without a text were sent, though
            self._one_by_one |= len(parsed(answer.text)["choices"]) < request.n
        return found

    def _check_status(self, answer: HttpResponse, model: str) -> None:
        if not 200 <= answer.status < 300:
            body = refusals.unwrapped(answer.text)
            raise refusals.told(answer.status, body, answer.headers, self.settings, model)

    def _object(self, answer: HttpResponse, model: str) -> dict[str, Any]:
        """The answer's JSON object. Raises EndpointError with keys cut out."""
        self._check_status(answer, model)
        try:
            return parsed(answer.text)
        except EndpointError as error:
            faults.redact(error, self.settings)
            raise

    def _by_tokens(self, request: Request) -> bool:
        """Whether to use llama.cpp's own API, which lists each token even if several form one character."""
        return self.takes_tokens and request.api == "completion" and request.logprobs is not None

    def _url(self, request: Request) -> str:
        own = self._by_tokens(request)
        return self._counter.root + llama_cpp.PATH if own else self.settings.base_url + PATHS[request.api]

    def _token_parameter(self, request: Request) -> str:
        if request.api == "completion":
            return "max_tokens"  # legacy completions know no other
        usual = "max_completion_tokens" if self.settings.is_openai else "max_tokens"
        return self.settings.token_parameter or request.token_parameter or usual

    async def _open(self, api: Api, sent: Mapping[str, Any]) -> openai.AsyncStream[Any]:
        client = self._sdk()
        if api == "chat":
            return await client.chat.completions.create(model="", messages=[], stream=True, extra_body=sent)
        return await client.completions.create(model="", prompt="", stream=True, extra_body=sent)

    def _connected(self) -> Pool:
        """The pool of the running loop."""
        self._follow_loop()
        if self._pool is None:
            wanted = headers.request_headers(self.settings)
            from promptgrid.endpoint import pool

            self._pool = pool.opened(self.settings, wanted)
        return self._pool

    def _sdk(self) -> openai.AsyncOpenAI:
        """The client of the running loop."""
        self._follow_loop()
        if self._client is None:
            self._client = sdk.client(self.settings)
        return self._client

    def _follow_loop(self) -> None:
        """Forgets the connections of another loop: they cannot be used from this one."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._pool, self._client = loop, None, None

    async def _explain(self, error: EndpointError, model: str) -> None:
        """Adds the served models to an unknown_model error, if the endpoint lists them."""
        if error.kind != "unknown_model":
            return
        with suppress(EndpointError):
            faults.name_served(error, model, self._served or await self.models())


def _bytes(sent: Mapping[str, Any]) -> bytes:
    """The body of the request. Raises EndpointError(bad_request)."""
    try:
        return _json(sent).encode()
    except UnicodeEncodeError as error:
        raise faults.unsendable_text(error) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise faults.unsendable_body(error) from None


def _slots(answer: HttpResponse) -> int | None:
    """llama.cpp's total_slots; None where it is another server's answer."""
    with suppress(EndpointError):
        slots = parsed(answer.text).get("total_slots")
        if answer.status == 200 and isinstance(slots, int) and not isinstance(slots, bool) and 0 < slots <= MAX_SLOTS:
            return slots
    return None


def _names(listing: Mapping[str, Any]) -> list[str]:
    """The ids in an answer of /models."""
    rows = listing.get("data")
    ids = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return sorted({name for name in ids if isinstance(name, str) and name})
