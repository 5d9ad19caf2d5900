"""The way to an endpoint: prepared bytes over kept connections.

Does not handle any retry but one. A kept connection may be closed by the server in the very moment in which it is used
again; such a request reached no server and is sent once more, on a connection of its own.

Heads, bodies and times are bounded, whatever a server sends. Redirects are followed within the same origin only, since
requests carry a key and a prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from promptgrid.endpoint import faults
from promptgrid.endpoint.base import before_writing
from promptgrid.endpoint.http.connection import BrokenAnswer, Connection, ResponseHead
from promptgrid.endpoint.http.route import Route, route_of
from promptgrid.endpoint.redaction import redacted
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.loop import deadline

KEEP_S = 3.0  # servers close a kept connection after 5 s or more
BODY_BYTES = 32 * 2**20  # decompressed; eight replies of 4,000 tokens with their likely tokens take 20 MB
REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete HTTP response. The names in `headers` are in lower case, or the mapping ignores case."""

    status: int
    headers: Mapping[str, str]
    text: str


def opened(settings: EndpointSettings, headers: Mapping[str, str]) -> Pool:
    """Returns a Pool for the running event loop; all its requests carry `headers`.

    Raises EndpointError(connection) for certificates that cannot be read, and for a proxy of an unknown kind.
    """
    with _faults(settings):
        return Pool(settings, route_of(settings, headers))


class Pool:
    """Open connections to one endpoint, as many as are needed, which later requests use again. `opened` creates the
    Pool."""

    def __init__(self, settings: EndpointSettings, route: Route) -> None:
        self._settings, self._route = settings, route
        self._kept: list[tuple[float, Connection]] = []  # (the loop's time of its last answer, connection), by time
        self._sweeping: asyncio.TimerHandle | None = None

    async def ask(self, url: str, body: bytes | None = None, timeout_s: float | None = None) -> HttpResponse:
        """POSTs `body` to the URL, or sends a GET if it is None. Returns the response, whatever its status.

        The whole call may take `timeout_s` seconds, by default those of the settings. Cancelling it closes the
        connection at once. Raises EndpointError(timeout | connection | bad_reply).
        """
        with _faults(self._settings):
            async with deadline(self._settings.timeout_s if timeout_s is None else timeout_s):
                for _ in range(REDIRECTS):
                    response = await self._answer(url, body)
                    if response.status not in (307, 308):
                        return response
                    target = urljoin(url, response.headers.get("location", url))
                    if target == url or _origin(target) != _origin(url):
                        return response
                    url = target
                return await self._answer(url, body)

    async def aclose(self) -> None:
        """Closes the connections that carry no request."""
        self._drop_older(float("inf"))

    async def _answer(self, url: str, body: bytes | None) -> HttpResponse:
        connection, head = await self._sent(self._route.request(url, body))
        try:
            content = await self._content(connection, head)
        finally:
            self._keep(connection)
        text = redacted(content.decode("utf-8", "replace"), self._settings.secrets)
        return HttpResponse(head.status, head.headers, text)

    async def _sent(self, request: bytes) -> tuple[Connection, ResponseHead]:
        """Writes the request to a connection; returns both when the head of the answer has come."""
        if (kept := self._take()) is not None:
            try:
                return kept, await _head(kept, request)
            except (BrokenAnswer, OSError):
                if kept.begun:
                    raise
        fresh = await self._connected()  # the other connections that were kept are as old
        return fresh, await _head(fresh, request)

    async def _connected(self) -> Connection:
        try:
            async with asyncio.timeout(self._settings.connect_s):
                return await self._route.connected()
        except TimeoutError:
            raise faults.no_connection(self._settings) from None

    async def _content(self, connection: Connection, head: ResponseHead) -> bytes:
        """Reads and returns the body that follows the head. Of a refusal that breaks off, returns what came: its status
        alone tells whether the call may be retried."""
        pieces, size = [], 0
        try:
            async with aclosing(connection.body(head)) as body:
                async for piece in body:
                    pieces.append(piece)
                    size += len(piece)
                    if size > BODY_BYTES:
                        raise faults.too_large(self._settings, BODY_BYTES)
        except (BrokenAnswer, OSError) as error:
            if head.status != 429 and head.status < 500:
                raise faults.broken(error, self._settings) from None
        return b"".join(pieces)

    def _take(self) -> Connection | None:
        """Returns the connection that was used last, if the server has not ended it; None without one."""
        while self._kept:
            _, connection = self._kept.pop()
            if connection.is_idle:
                return connection
            connection.close()
        return None

    def _keep(self, connection: Connection) -> None:
        """Keeps a connection whose answer has been read for a later request; closes any other."""
        if not (connection.reusable and connection.is_idle):
            connection.close()
            return
        loop = asyncio.get_running_loop()
        self._kept.append((loop.time(), connection))
        if self._sweeping is None:
            self._sweeping = loop.call_later(KEEP_S, self._sweep)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._drop_older(loop.time() - KEEP_S)
        self._sweeping = loop.call_later(KEEP_S, self._sweep) if self._kept else None

    def _drop_older(self, moment: float) -> None:
        while self._kept and self._kept[0][0] <= moment:
            self._kept.pop(0)[1].close()


async def _head(connection: Connection, request: bytes) -> ResponseHead:
    """Writes the request to the connection and returns the head of the answer; closes the connection if none comes."""
    try:
        if (check := before_writing.get()) is not None:
            await check()
        return await connection.exchange(request)
    except BaseException:
        connection.close()
        raise


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


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


@contextmanager
def _faults(settings: EndpointSettings) -> Iterator[None]:
    """Raises every error of the network within the block as an EndpointError.

    It hides the cause (`from None`), since such errors quote addresses.
    """
    try:
        yield
    except TimeoutError:
        raise faults.timed_out(settings) from None
    except (BrokenAnswer, OSError, ValueError) as error:  # ValueError: an address that cannot be written
        raise faults.unreachable(error, settings) from None
