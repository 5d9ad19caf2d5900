"""The fast way to an endpoint: prepared bytes over kept connections. Imported when first needed: aiohttp loads slowly.

Does not handle: streams, and any retry but one. A kept connection may be closed by the server in the very moment in
which it is used again; such a request reached no server and is sent once more, on a connection of its own.
"""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakSet

import aiohttp

from promptgrid.endpoint import faults
from promptgrid.endpoint.settings import EndpointSettings

if TYPE_CHECKING:
    import ssl

KEEP_S = 3.0  # servers close a kept connection after 5 s or more
HEADER_BYTES = 65_536  # a line of the answer's head; aiohttp's own 8 kB is less than some gateways send


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response, whole. `headers` are indifferent to case."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(slots=True)
class _Attempt:
    """One attempt to send a request: whether it needs a new connection, and whether it got one."""

    fresh: bool = False
    reused: bool = False


_attempt: ContextVar[_Attempt] = ContextVar("_attempt")


def opened(settings: EndpointSettings, headers: Mapping[str, str]) -> Pool:
    """A pool for the event loop that runs now; all its requests carry `headers`.

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
    )
    return Pool(settings, session)


class Pool:
    """Reused connections to one endpoint, without an upper limit. `opened` creates the pool."""

    def __init__(self, settings: EndpointSettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    async def ask(self, url: str, body: bytes | None = None, timeout_s: float | None = None) -> HttpResponse:
        """POSTs `body`, or GETs without one. Returns an Answer for every status.

        The whole call is bounded by `timeout_s`, by default that of the settings. Cancelling it hangs up at once.
        Raises EndpointError(timeout | connection).
        """
        with _faults(self._settings):
            async with asyncio.timeout(self._settings.timeout_s if timeout_s is None else timeout_s):
                response = await self._sent(url, body)
                async with response:
                    content = await response.read()
        return HttpResponse(response.status, response.headers, content.decode("utf-8", "replace"))

    async def aclose(self) -> None:
        """Frees sockets."""
        await self._session.close()

    def __del__(self) -> None:
        """Silences a session that outlived its event loop: aiohttp would print warnings of no use to users."""
        self._session.detach()

    async def _sent(self, url: str, body: bytes | None) -> aiohttp.ClientResponse:
        """The response's head."""
        method = "GET" if body is None else "POST"
        attempt = _Attempt()
        _attempt.set(attempt)
        try:
            return await self._session.request(method, url, data=body)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not attempt.reused or not _unanswered(error):
                raise
        _attempt.set(_Attempt(fresh=True))
        return await self._session.request(method, url, data=body)


class _Connector(aiohttp.TCPConnector):
    """Tells each attempt whether its connection was used before, and can give it one that was not."""

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
        return connection

    def __del__(self, *_: object) -> None:
        """As the pool's: without complaints."""


def _unanswered(error: aiohttp.ClientError) -> bool:
    """No byte of the answer has arrived. `message` holds the head so far."""
    return not isinstance(error, aiohttp.ServerDisconnectedError) or isinstance(error.message, str)


@contextmanager
def _faults(settings: EndpointSettings) -> Iterator[None]:
    """Turns every network error into an EndpointError.

    `from None`, since the transport's own errors quote addresses and headers.
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
    """The environment's proxy for this endpoint, looked up once: aiohttp's trust_env starts a thread each time."""
    url = urlsplit(settings.base_url)
    if settings.is_direct or urllib.request.proxy_bypass(url.hostname or ""):
        return None
    proxies = urllib.request.getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"


def _certificates(settings: EndpointSettings) -> ssl.SSLContext | bool:
    """SSL_CERT_FILE, else SSL_CERT_DIR, else what this machine trusts: the same as the SDK's."""
    if settings.base_url.startswith("http:"):
        return True
    import httpx2

    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        raise faults.unread_certificates(error) from None
