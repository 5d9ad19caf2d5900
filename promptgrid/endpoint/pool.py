"""The way to an endpoint: prepared bytes over kept connections. Imported when first needed: aiohttp loads slowly.

Does not handle any retry but one. A kept connection may be closed by the server in the very moment in which it is used
again; such a request reached no server and is sent once more, on a connection of its own.

Heads, bodies and times are bounded, whatever a server sends. Redirects are followed within the same origin only, since
requests carry a key and a prompt.
"""

from __future__ import annotations

import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit
from weakref import WeakSet

import aiohttp

from promptgrid.endpoint import faults
from promptgrid.endpoint.base import before_writing
from promptgrid.endpoint.redaction import redacted
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.loop import deadline

if TYPE_CHECKING:
    import ssl

KEEP_S = 3.0  # servers close a kept connection after 5 s or more
HEADER_BYTES = 65_536  # a line of the answer's head; aiohttp's own 8 kB is less than some gateways send
HEADERS = 256
BODY_BYTES = 32 * 2**20  # decompressed; eight replies of 4,000 tokens with their likely tokens take 20 MB
REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete HTTP response. The names in `headers` ignore case."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(slots=True)
class _Attempt:
    """One attempt to send a request: whether it must use a new connection (`fresh`), and whether it used an old one
    (`reused`)."""

    fresh: bool = False
    reused: bool = False


_attempt: ContextVar[_Attempt] = ContextVar("_attempt")


def opened(settings: EndpointSettings, headers: Mapping[str, str]) -> Pool:
    """Returns a Pool for the running event loop; all its requests carry `headers`.

    Raises EndpointError(connection) for certificates that cannot be read.
    """
    certificates, proxy = _certificates(settings), _proxy(settings)
    session = aiohttp.ClientSession(
        connector=_Connector(limit=0, keepalive_timeout=KEEP_S, ssl=certificates),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_s),
        proxy=proxy,
        max_line_size=HEADER_BYTES,
        max_field_size=HEADER_BYTES,
        max_headers=HEADERS,
    )
    return Pool(settings, session)


class Pool:
    """Open connections to one endpoint, as many as are needed, which later requests use again. `opened` creates the
    Pool."""

    def __init__(self, settings: EndpointSettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    async def ask(self, url: str, body: bytes | None = None, timeout_s: float | None = None) -> HttpResponse:
        """POSTs `body` to the URL, or sends a GET if it is None. Returns the response, whatever its status.

        The whole call may take `timeout_s` seconds, by default those of the settings. Cancelling it closes the
        connection at once. Raises EndpointError(timeout | connection | bad_reply).
        """
        bounded = deadline(self._settings.timeout_s if timeout_s is None else timeout_s)
        with _faults(self._settings):
            async with bounded, await self._sent(url, body) as response:
                next_piece: Callable[[], Awaitable[bytes]] = response.content.readany
                if response.status == 429 or response.status >= 500:
                    next_piece = _until_break(next_piece)
                opened = HttpStream(self._settings, response.status, response.headers, next_piece)
                return await opened.whole()

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._session.close()

    def __del__(self) -> None:
        """Detaches the session without a warning if its event loop ended first: the warnings of aiohttp are of no use
        to users."""
        self._session.detach()

    async def _sent(self, url: str, body: bytes | None) -> aiohttp.ClientResponse:
        """Sends a request and returns its response, of which only the head has come, after redirects to the same host
        and scheme."""
        for _ in range(REDIRECTS):
            response = await self._sent_once(url, body)
            target = urljoin(url, response.headers.get("Location", url))
            if response.status not in (307, 308) or target == url or _origin(target) != _origin(url):
                return response
            response.release()
            url = target
        return await self._sent_once(url, body)

    async def _sent_once(self, url: str, body: bytes | None) -> aiohttp.ClientResponse:
        attempt = _Attempt()
        _attempt.set(attempt)
        try:
            return await self._request(url, body)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not attempt.reused or not _unanswered(error):
                raise
        _attempt.set(_Attempt(fresh=True))
        return await self._request(url, body)

    async def _request(self, url: str, body: bytes | None) -> aiohttp.ClientResponse:
        method = "GET" if body is None else "POST"
        return await self._session.request(method, url, data=body, allow_redirects=False)


class HttpStream:
    """A response whose head has come and whose body is read in pieces. The names in `headers` ignore case."""

    def __init__(
        self,
        settings: EndpointSettings,
        status: int,
        headers: Mapping[str, str],
        next_piece: Callable[[], Awaitable[bytes]],
    ) -> None:
        """`next_piece()` returns the next bytes of the body, and b"" at its end."""
        self.settings, self.status, self.headers = settings, status, headers
        self._next_piece = next_piece

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yields the bytes of the body, decompressed. Raises EndpointError(bad_reply) if it is too large, TimeoutError
        if a piece does not come within the settings' `timeout_s`."""
        size = 0
        while True:
            async with deadline(self.settings.timeout_s):
                piece = await self._next_piece()
            if not piece:
                return
            size += len(piece)
            if size > BODY_BYTES:
                raise faults.too_large(self.settings, BODY_BYTES)
            yield piece

    async def whole(self) -> HttpResponse:
        """Reads the whole body and returns the complete response."""
        content = b"".join([piece async for piece in self.pieces()])
        text = redacted(content.decode("utf-8", "replace"), self.settings.secrets)
        return HttpResponse(self.status, self.headers, text)


def _until_break(next_piece: Callable[[], Awaitable[bytes]]) -> Callable[[], Awaitable[bytes]]:
    """Returns a `next_piece` that returns b"" (the end of the body) when the connection breaks, instead of raising. It
    is for refusals: their status alone tells whether the call may be retried."""

    async def next_or_end() -> bytes:
        try:
            return await next_piece()
        except aiohttp.ClientPayloadError:
            return b""

    return next_or_end


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


class _Connector(aiohttp.TCPConnector):
    """Gives each attempt a connection, a new one if the attempt is `fresh`, and records in the attempt's `reused`
    whether the connection has carried an earlier request."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._used: WeakSet[Any] = WeakSet()

    async def connect(self, *args: Any, **options: Any) -> Any:
        attempt = _attempt.get()
        connection = await super().connect(*args, **options)
        while attempt.fresh and connection.protocol in self._used:
            connection.close()  # the others that were kept are as old
            connection = await super().connect(*args, **options)
        attempt.reused = connection.protocol in self._used
        self._used.add(connection.protocol)
        if (check := before_writing.get()) is not None:
            try:
                await check()
            except BaseException:
                connection.close()
                raise
        return connection

    def __del__(self, *_: object) -> None:
        """Does nothing, since the base class would warn of connections that are not closed."""


def _unanswered(error: aiohttp.ClientError) -> bool:
    """Tells whether the connection failed before any byte of the answer came, so that the request may be sent again.
    aiohttp's `error.message` is then a text; otherwise it is the head received so far."""
    return not isinstance(error, aiohttp.ServerDisconnectedError) or isinstance(error.message, str)


@contextmanager
def _faults(settings: EndpointSettings) -> Iterator[None]:
    """Raises every network error of the block as an EndpointError.

    It hides the cause (`from None`), since the network library's errors quote addresses and headers.
    """
    try:
        yield
    except aiohttp.ConnectionTimeoutError:
        raise faults.no_connection(settings) from None
    except TimeoutError:
        raise faults.timed_out(settings) from None
    except aiohttp.ClientPayloadError as error:
        raise faults.broken(error, settings) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: an address that cannot be written
        raise faults.unreachable(error, settings) from None


def _proxy(settings: EndpointSettings) -> str | None:
    """Returns the URL of the environment's proxy for this endpoint, None without one. Looked up once here, because
    aiohttp's own look-up starts a thread for each request."""
    url = urlsplit(settings.base_url)
    if settings.is_direct or urllib.request.proxy_bypass(url.hostname or ""):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _certificates(settings: EndpointSettings) -> ssl.SSLContext | bool:
    """Returns the trusted certificates: those of SSL_CERT_FILE, else SSL_CERT_DIR, else (True) those of this machine,
    as in the openai SDK. Raises EndpointError if they cannot be read."""
    if settings.base_url.startswith("http:"):
        return True
    import httpx2

    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        raise faults.unread_certificates(error) from None
