"""Streams go by the openai SDK, imported when first needed. Their bodies are bounded and read as `pool`'s are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from promptgrid.endpoint import faults, headers
from promptgrid.endpoint.pool import HttpStream
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.loop import deadline
from promptgrid.prompt import Api

if TYPE_CHECKING:
    import httpx2
    import openai

STREAM_TIMES = 10.0  # a stream may take so many times as long as one call


class _Refused(Exception):
    """Raised for a response with an error status or a redirect, in place of a stream; `opened` holds the response."""

    def __init__(self, opened: HttpStream) -> None:
        self.opened = opened


def client(settings: EndpointSettings) -> openai.AsyncOpenAI:
    """Returns the SDK's client for an endpoint, without retries and without redirects, which would carry the key to
    another host.

    Raises EndpointError: auth for a key or header that cannot be sent, connection for certificates that
    cannot be read.
    """
    headers.check(settings)
    import openai

    async def refuse(response: httpx2.Response) -> None:
        if response.status_code >= 300:  # the SDK would read a body of any size before it raises
            raise _Refused(await _received(_opened(settings, response)))

    extra: dict[str, Any] = dict(settings.headers)
    if not settings.is_openai:  # the SDK sends OPENAI_ORG_ID and OPENAI_PROJECT_ID to every endpoint
        extra = {"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit, **extra}
    if settings.is_direct:  # costs nothing here, and a kept connection that the server has just closed is a lost call
        extra["Connection"] = "close"
    try:
        http_client = openai.DefaultAsyncHttpxClient(
            trust_env=not settings.is_direct, follow_redirects=False, event_hooks={"response": [refuse]}
        )
        sdk = openai.AsyncOpenAI(
            api_key=settings.api_key or headers.KEYLESS,
            base_url=settings.base_url,
            max_retries=0,
            timeout=openai.Timeout(None, connect=settings.connect_s),  # `stream` bounds the rest
            default_headers=extra,
            http_client=http_client,
        )
        # The SDK imports these when they are first used, which would count as the first token's time.
        _ = sdk.chat.completions.with_streaming_response, sdk.completions.with_streaming_response
        return sdk
    except OSError as error:
        raise faults.unread_certificates(error) from None
    except (ValueError, ImportError) as error:  # a proxy of the environment that the SDK cannot use
        raise faults.unreachable(error, settings) from None


@asynccontextmanager
async def stream(
    sdk: openai.AsyncOpenAI, settings: EndpointSettings, api: Api, sent: Mapping[str, Any]
) -> AsyncIterator[HttpStream]:
    """POSTs the body `sent` to the path of the `api` ("chat" or "completion") and yields the response, whatever its
    status; its body arrives piece by piece. Leaving the block early closes the connection.

    The settings' `timeout_s` limits the wait for the head and for each piece. Raises EndpointError as `Pool.ask` does.
    """
    opening: Any  # the SDK types the two by what it would parse
    if api == "chat":
        opening = sdk.chat.completions.with_streaming_response.create(
            model="", messages=[], stream=True, extra_body=sent
        )
    else:
        opening = sdk.completions.with_streaming_response.create(model="", prompt="", stream=True, extra_body=sent)
    with _faults(settings):
        refused: HttpStream | None = None
        try:
            async with deadline(settings.timeout_s):
                response = await opening.__aenter__()
        except _Refused as error:
            refused = error.opened
        if refused is not None:
            yield refused
            return
        try:
            async with deadline(settings.timeout_s * STREAM_TIMES):
                yield _opened(settings, response.http_response)
        finally:
            await response.close()


def _opened(settings: EndpointSettings, response: httpx2.Response) -> HttpStream:
    pieces = response.aiter_bytes()

    async def next_piece() -> bytes:
        return await anext(pieces, b"")

    return HttpStream(settings, response.status_code, response.headers, next_piece)


async def _received(opened: HttpStream) -> HttpStream:
    """Reads the whole body, so that the connection closes, and returns the response with its body in memory."""
    body = [piece async for piece in opened.pieces()]

    async def next_piece() -> bytes:
        return body.pop(0) if body else b""

    return HttpStream(opened.settings, opened.status, opened.headers, next_piece)


@contextmanager
def _faults(settings: EndpointSettings) -> Iterator[None]:
    """Raises every error of the SDK and its network library, within the block, as an EndpointError.

    It hides the cause (`from None`), since the SDK's own error quotes the server, and the server may quote the key.
    """
    import httpx2
    import openai

    try:
        yield
    except openai.APIConnectionError as error:
        if isinstance(error.__cause__, httpx2.ConnectTimeout):
            raise faults.no_connection(settings) from None
        if isinstance(error, openai.APITimeoutError):
            raise faults.timed_out(settings) from None
        raise faults.unreachable(error, settings) from None
    except (httpx2.TimeoutException, TimeoutError):
        raise faults.timed_out(settings) from None
    except httpx2.HTTPError as error:
        raise faults.broken(error, settings) from None
