"""Any endpoint that speaks the OpenAI protocol: chat completions, and legacy completions for plain continuation.

The SDK carries the bytes; bodies are written in `wire`, read in `replies`, and errors are told in `faults`. No retry in
here: the runner's policy is the only one, so that every attempt is seen, counted and can be cancelled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from promptgrid.endpoint import faults, wire
from promptgrid.endpoint.base import Delta, Reply, Request
from promptgrid.endpoint.counting import TokenCounter
from promptgrid.endpoint.replies import bad_reply, parsed, replies
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.endpoint.streaming import deltas
from promptgrid.errors import EndpointError
from promptgrid.models import token_parameter
from promptgrid.prompt import Api, Message

if TYPE_CHECKING:
    import openai

CONNECT_S = 10.0
KEYLESS = "no-key"  # the SDK insists on one


class OpenAIEndpoint:
    """The Endpoint over AsyncOpenAI. Proxies and certificates of the environment are honoured.

    One client, made at the first call, belongs to the event loop of that call; a call from another loop gets a new one.
    """

    max_n = 1  # many servers ignore or refuse `n`

    def __init__(self, settings: EndpointSettings) -> None:
        self.settings = settings
        self._client: openai.AsyncOpenAI | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._served: list[str] | None = None
        self._token_parameters: dict[str, str] = {}
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
        """How many requests may be in flight at once."""
        return self.settings.concurrency

    def wire(self, request: Request) -> dict[str, Any]:
        """The JSON body that `complete` sends. Raises EndpointError(bad_request) for one that cannot be written."""
        return wire.body(request, self._token_parameter(request))

    async def complete(self, request: Request) -> list[Reply]:
        """One reply a choice. Raises EndpointError and nothing else."""
        sent = self.wire(request)
        started = time.perf_counter()
        try:
            with self._faults(request.model):
                async with asyncio.timeout(self.settings.timeout_s):
                    text = await self._post(request.api, sent)
                latency = (time.perf_counter() - started) * 1000
                return replies(text, request.n, latency_ms=latency, sent=sent)
        except EndpointError as error:
            await self._explain(error, request.model)
            raise

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The reply piece by piece; closing the iterator closes the connection. Raises EndpointError."""
        sent = wire.streamed(self.wire(request))
        heard: list[str] = []
        started = time.perf_counter()
        try:
            with self._faults(request.model, heard):
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
            with self._faults(""):
                text = (await self._connected().models.with_raw_response.list()).text
                self._served = _names(parsed(text)) or list(self.settings.models)
        except EndpointError as error:
            if self.settings.models and error.kind in ("bad_request", "bad_reply"):
                return list(self.settings.models)
            raise
        return self._served

    async def count_tokens(self, model: str, messages: Sequence[Message], api: Api = "chat") -> int | None:
        """Exact where the server is llama.cpp or vLLM, else None. Raises EndpointError when it cannot be reached."""
        if not self._counter.may_know:
            return None
        with self._faults(model):
            return await self._counter.count(self._connected(), model, messages, api)

    async def aclose(self) -> None:
        """Frees sockets."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.close()

    def _token_parameter(self, request: Request) -> str:
        if request.api == "completion":
            return "max_tokens"  # legacy completions know no other
        if self.settings.token_parameter:
            return self.settings.token_parameter
        if self.settings.is_openai:
            return "max_completion_tokens"
        if request.model not in self._token_parameters:  # asked for every cell, and the answer lies in a file
            self._token_parameters[request.model] = token_parameter(request.model)
        return self._token_parameters[request.model]

    async def _post(self, api: Api, sent: Mapping[str, Any]) -> str:
        """The response's text. The SDK would take a web page for a reply, so it does not parse here."""
        client = self._connected()
        if api == "chat":
            return (await client.chat.completions.with_raw_response.create(model="", messages=[], extra_body=sent)).text
        return (await client.completions.with_raw_response.create(model="", prompt="", extra_body=sent)).text

    async def _open(self, api: Api, sent: Mapping[str, Any]) -> openai.AsyncStream[Any]:
        client = self._connected()
        if api == "chat":
            return await client.chat.completions.create(model="", messages=[], stream=True, extra_body=sent)
        return await client.completions.create(model="", prompt="", stream=True, extra_body=sent)

    def _connected(self) -> openai.AsyncOpenAI:
        """The client of the running loop: pooled connections cannot be used from another one."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client, self._loop = self._new_client(), loop
        return self._client

    def _new_client(self) -> openai.AsyncOpenAI:
        settings = self.settings
        if settings.key_env and not settings.api_key:
            raise faults.missing_key(settings)
        if not all("!" <= character <= "~" for character in settings.api_key):
            raise faults.unsendable_key(settings)
        import openai

        headers: dict[str, Any] = dict(settings.headers)
        if not settings.is_openai:  # the SDK would tell OPENAI_ORG_ID and OPENAI_PROJECT_ID to everybody
            headers = {"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit, **headers}
        direct = settings.base_url.startswith("http:") and settings.is_loopback
        if direct:  # costs nothing here, and a kept connection that the server has just closed is a lost call
            headers["Connection"] = "close"
        return openai.AsyncOpenAI(
            api_key=settings.api_key or KEYLESS,
            base_url=settings.base_url,
            max_retries=0,
            timeout=openai.Timeout(settings.timeout_s, connect=min(CONNECT_S, settings.timeout_s)),
            default_headers=headers,
            http_client=_direct() if direct else None,
        )

    @contextmanager
    def _faults(self, model: str, heard: Sequence[str] = ()) -> Iterator[None]:
        """Turns whatever goes wrong into an EndpointError.

        `from None`, since the SDK's own error quotes the server, and the server may quote the key.
        """
        import openai

        try:
            yield
        except EndpointError as error:
            error.raw = faults.redacted(error.raw, self.settings)
            raise
        except openai.APIError as error:
            raise faults.from_sdk(error, self.settings, model, "".join(heard)) from None
        except TimeoutError:
            raise faults.timed_out(self.settings, "".join(heard)) from None
        except UnicodeEncodeError as error:
            raise faults.unsendable_text(error) from None
        except ValueError as error:  # a stream's event that is no JSON, or no UTF-8
            raise bad_reply(f"{self.name} sent an event that cannot be read: {error}.", "".join(heard)) from None

    async def _explain(self, error: EndpointError, model: str) -> None:
        """Adds the models that are served to an unknown_model error, where the endpoint tells them."""
        if error.kind != "unknown_model":
            return
        with suppress(EndpointError):
            faults.name_served(error, model, self._served or await self.models())


def _direct() -> Any:
    """A client past HTTP_PROXY: a company's proxy cannot reach this machine, and NO_PROXY is often not set."""
    import openai

    return openai.DefaultAsyncHttpxClient(trust_env=False)


def _names(listing: Mapping[str, Any]) -> list[str]:
    """The ids in an answer of /models."""
    rows = listing.get("data")
    ids = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return sorted({name for name in ids if isinstance(name, str) and name})
