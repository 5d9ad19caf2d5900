"""HTTP/1.1 as far as calls to an endpoint need it: one connection, one exchange at a time, everything bounded.

A call by a general HTTP library takes four times the processor time. Left out are streams of requests, cookies, caches
and upgrades. Source: RFC 9112. An answer that breaks its rules in a way that leaves its length open is refused.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

HEAD_BYTES = 262_144  # some gateways send policies of many kilobytes in their heads
HEADERS = 256
_LINE_BYTES = 8_192  # of the size of a chunk
_PIECE = 262_144  # bytes of a body that are read, or decompressed, at a time
_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9]\d\d)(?: .*)?", re.DOTALL)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?", re.DOTALL)
_WITHOUT_BODY = frozenset({204, 304})
_GZIP = 16 + zlib.MAX_WBITS


class BrokenAnswer(Exception):
    """An answer that is not HTTP, or that ends too early. Its text says what is wrong."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The status and the headers of an answer; the names are in lower case. Of a header that came several times, the
    values are joined by commas. `keeps` says whether the connection may stay open after the body."""

    status: int
    headers: Mapping[str, str]
    keeps: bool


def read_head(raw: bytes) -> ResponseHead:
    """Returns the head in `raw`, the bytes before the empty line. Raises BrokenAnswer."""
    status_line, *lines = raw.decode("latin-1").split("\r\n")
    match = _STATUS.fullmatch(status_line)
    if match is None:
        raise BrokenAnswer(f"The answer is not HTTP: {status_line[:80]!r}")
    if len(lines) > HEADERS:
        raise BrokenAnswer(f"The answer has more than {HEADERS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise BrokenAnswer(f"The answer has a line that is no header: {line[:80]!r}")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    options = headers.get("connection", "").lower()
    keeps = "close" not in options and (match[1] == "1" or "keep-alive" in options)
    return ResponseHead(int(match[2]), headers, keeps)


class Connection(asyncio.Protocol):
    """One connection to a server or to a proxy. `begun` says whether any byte has come since the latest request was
    written, `reusable` whether another request can follow: the last answer is read, and the server said no word of an
    end."""

    def __init__(self) -> None:
        self.begun = self.reusable = False
        self._buffer = bytearray()
        self._ended = self._paused = False
        self._error: Exception | None = None
        self._waiting: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.begun = True
        self._buffer += data
        if len(self._buffer) > 2 * _PIECE and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._ended, self._error = True, error
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    @property
    def is_idle(self) -> bool:
        """Whether the server has neither ended the connection nor sent anything that was not asked for."""
        return not (self._ended or self._buffer or self.transport.is_closing())

    def close(self) -> None:
        """Closes the connection at once; what was not sent yet is dropped."""
        self.transport.abort()

    async def exchange(self, request: bytes) -> ResponseHead:
        """Writes the request and returns the head of its answer; interim answers (1xx) are skipped. Raises
        BrokenAnswer, or the OSError that ended the connection."""
        self.begun = self.reusable = False
        self.transport.write(request)
        while True:
            head = read_head(await self._until(b"\r\n\r\n", HEAD_BYTES))
            if head.status == 101:
                raise BrokenAnswer("The server changes the protocol unasked")
            if head.status >= 200:
                return head

    async def body(self, head: ResponseHead) -> AsyncGenerator[bytes]:
        """Yields the body that follows the head, decompressed, in pieces of at most 256 KiB. At its end, `reusable`
        is set. Raises BrokenAnswer, or the OSError that ended the connection."""
        pieces, keeps = self._pieces(head)
        coding = head.headers.get("content-encoding", "identity").lower()
        if coding not in ("identity", "gzip", "x-gzip"):
            raise BrokenAnswer(f"The answer has the encoding {coding[:80]!r}, which was not asked for")
        unpacked = pieces if coding == "identity" else _unzipped(pieces)
        async for piece in unpacked:
            yield piece
        self.reusable = keeps and head.keeps

    def _pieces(self, head: ResponseHead) -> tuple[AsyncGenerator[bytes], bool]:
        """Returns (the body as it is sent, whether its end is known without the end of the connection)."""
        transfer, length = head.headers.get("transfer-encoding"), head.headers.get("content-length")
        if head.status in _WITHOUT_BODY:
            return self._exactly(0), True
        if transfer is not None:
            if transfer.lower() != "chunked":
                raise BrokenAnswer(f"The answer has the transfer encoding {transfer[:80]!r}")
            return self._chunks(), length is None
        if length is None:
            return self._rest(), False
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            raise BrokenAnswer(f"The answer has the length {length[:80]!r}")
        return self._exactly(int(length)), True

    async def _exactly(self, count: int) -> AsyncGenerator[bytes]:
        while count:
            piece = await self._some(min(count, _PIECE))
            if not piece:
                raise BrokenAnswer("The connection ended before the answer was complete")
            count -= len(piece)
            yield piece

    async def _rest(self) -> AsyncGenerator[bytes]:
        while piece := await self._some(_PIECE):
            yield piece

    async def _chunks(self) -> AsyncGenerator[bytes]:
        while True:
            line = await self._until(b"\r\n", _LINE_BYTES)
            size = _SIZE.fullmatch(line)
            if size is None:
                raise BrokenAnswer(f"The answer has a chunk of an unreadable size: {line[:40]!r}")
            if not (count := int(size[1], 16)):
                break
            async for piece in self._exactly(count):
                yield piece
            if await self._until(b"\r\n", _LINE_BYTES):
                raise BrokenAnswer("The answer has a chunk that is longer than it says")
        for _ in range(HEADERS):
            if not await self._until(b"\r\n", _LINE_BYTES):
                return
        raise BrokenAnswer(f"The answer ends with more than {HEADERS} headers")

    async def _until(self, mark: bytes, most: int) -> bytes:
        """Returns the bytes before the mark, and drops both. Raises BrokenAnswer if the connection ends before it, or
        it does not come within `most` bytes."""
        searched = 0
        while (at := self._buffer.find(mark, searched)) < 0:
            if len(self._buffer) > most:
                raise BrokenAnswer(f"The answer has more than {most:,} bytes without an end of their line or head")
            searched = max(0, len(self._buffer) - len(mark) + 1)
            if not await self._more():
                raise BrokenAnswer("The server closed the connection")
        if at > most:
            raise BrokenAnswer(f"The answer has a line or a head of {at:,} bytes")
        return self._taken(at, len(mark))

    async def _some(self, most: int) -> bytes:
        """Returns at least one byte and at most `most` of them; b"" at the end of the connection."""
        if not self._buffer and not await self._more():
            return b""
        return self._taken(min(most, len(self._buffer)))

    def _taken(self, count: int, dropped: int = 0) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[: count + dropped]
        return taken

    async def _more(self) -> bool:
        """Waits for more bytes. Returns False at the end of the connection; raises the OSError that has ended it."""
        if self._error is not None:
            raise self._error
        if self._ended:
            return False
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None
        return True


async def _unzipped(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Yields the decompressed bytes, at most 256 KiB at a time. Raises BrokenAnswer for what is not gzip, or is cut."""
    unzip = zlib.decompressobj(_GZIP)
    try:
        async for piece in pieces:
            left, full = piece, False
            while left or full:  # full: zlib may hold more, although it has taken all of its input
                unzip = zlib.decompressobj(_GZIP) if unzip.eof else unzip  # several files in a row are one
                unzipped = unzip.decompress(left, _PIECE)
                left = unzip.unused_data if unzip.eof else unzip.unconsumed_tail
                full = len(unzipped) == _PIECE and not unzip.eof
                if unzipped:
                    yield unzipped
    except zlib.error as error:
        raise BrokenAnswer(f"The answer cannot be decompressed ({error})") from None
    if not unzip.eof:
        raise BrokenAnswer("The compressed answer is cut")
