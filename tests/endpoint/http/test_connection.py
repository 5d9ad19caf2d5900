"""HTTP/1.1: what is read of an answer, however its bytes arrive, and what is refused."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.endpoint.http.connection import BrokenAnswer, Connection, ResponseHead, read_head

TEXT = b'{"choices": []}' * 40
REQUEST = b"GET / HTTP/1.1\r\n\r\n"


class _Transport(asyncio.Transport):
    """Takes what is written; delivers nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.paused, self.closed = b"", False, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def read(pieces: Sequence[bytes], *, ends: bool = False) -> tuple[ResponseHead, bytes, Connection]:
    """The answer whose bytes come in these pieces; then the connection `ends`, or stays open."""

    async def main() -> tuple[ResponseHead, bytes, Connection]:
        connection = Connection()
        connection.connection_made(_Transport())

        async def serve() -> None:
            for piece in pieces:
                await asyncio.sleep(0)
                connection.data_received(piece)
            if ends:
                connection.eof_received()

        serving = asyncio.create_task(serve())
        try:
            async with asyncio.timeout(5):
                head = await connection.exchange(REQUEST)
                body = b"".join([piece async for piece in connection.body(head)])
        finally:
            await serving
        return head, body, connection

    return asyncio.run(main())


def chunked(body: bytes, size: int) -> bytes:
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x;note=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nDigest: x\r\n\r\n"


def head(*headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "".join(f"{line}\r\n" for line in (status, *headers, "")).encode()


ANSWERS = {
    "length": head(f"Content-Length: {len(TEXT)}") + TEXT,
    "chunks": head("Transfer-Encoding: chunked") + chunked(TEXT, 37),
    "gzip": head("Content-Encoding: gzip", f"Content-Length: {len(gzip.compress(TEXT))}") + gzip.compress(TEXT),
    "gzip in chunks": head("Content-Encoding: gzip", "Transfer-Encoding: Chunked") + chunked(gzip.compress(TEXT), 5),
    "gzip of two files": head("Content-Encoding: x-gzip", "Transfer-Encoding: chunked")
    + chunked(gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]), 7),
    "after interim answers": head(status="HTTP/1.1 100 Continue") + head(status="HTTP/1.1 103 Early Hints")
    + head(f"content-length:{len(TEXT)}") + TEXT,
}  # fmt: skip


@settings(deadline=None)
@given(name=st.sampled_from(sorted(ANSWERS)), cuts=st.lists(st.integers(0, 900), max_size=12))
def test_an_answer_is_read_however_its_bytes_are_cut(name: str, cuts: list[int]) -> None:
    answer = ANSWERS[name]
    at = sorted({0, *(cut % len(answer) for cut in cuts), len(answer)})
    pieces = [answer[start:end] for start, end in pairwise(at)]
    for one in (pieces, [bytes([byte]) for byte in answer]):
        first, body, connection = read(one)
        assert (first.status, body, connection.reusable, connection.is_idle) == (200, TEXT, True, True)


def test_a_body_without_a_length_ends_with_its_connection() -> None:
    _, body, connection = read([head("Content-Type: text/plain") + TEXT], ends=True)
    assert (body, connection.reusable) == (TEXT, False)


@pytest.mark.parametrize(
    ("answer", "reusable"),
    [
        (head("Content-Length: 0"), True),
        (head("Content-Length: 0", "Connection: Close"), False),
        (head("Content-Length: 0", status="HTTP/1.0 200 OK"), False),
        (head("Content-Length: 0", "Connection: Keep-Alive", status="HTTP/1.0 200 OK"), True),
        (head(status="HTTP/1.1 204"), True),
        (head("Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n", False),  # two lengths: none to trust
    ],
)
def test_a_connection_is_used_again_only_where_the_next_answer_cannot_be_mistaken(
    answer: bytes, reusable: bool
) -> None:
    _, body, connection = read([answer])
    assert (body, connection.reusable) == (b"", reusable)


@pytest.mark.parametrize("size", [2**20, 3 * 2**20 + 1])
def test_a_body_that_grows_a_thousandfold_is_read_whole_and_in_pieces(size: int) -> None:
    packed = gzip.compress(bytes(size))
    _, body, _ = read([head("Content-Encoding: gzip", f"Content-Length: {len(packed)}") + packed])
    assert body == bytes(size)


def test_bytes_after_an_answer_belong_to_no_other() -> None:
    _, _, connection = read([head("Content-Length: 0") + ANSWERS["length"]])
    assert not connection.is_idle


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/2 200 OK\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 099 Odd\r\n\r\n", "not HTTP"),
        (head("no header"), "no header"),
        (head(" folded: a", "b: c"), "no header"),
        (head("spaced : a"), "no header"),
        (head(*(f"X-{number}: a" for number in range(300))), "more than 256 headers"),
        (head("X: " + "a" * 300_000), "a head of"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000, "without an end"),
        (head("Content-Length: 1", "Content-Length: 2") + b"ab", "the length '1, 2'"),
        (head("Content-Length: -1"), "the length '-1'"),
        (head("Content-Length: ²"), "the length"),
        (head("Transfer-Encoding: gzip, chunked"), "the transfer encoding"),
        (head("Content-Encoding: br", "Content-Length: 1") + b"a", "the encoding 'br'"),
        (head("Transfer-Encoding: chunked") + b"2\r\nabc\r\n", "longer than it says"),
        (head("Transfer-Encoding: chunked") + b"0x2\r\nab\r\n", "unreadable size"),
        (head("Transfer-Encoding: chunked") + b"2\r\nab\r\n", "closed the connection"),
        (head("Transfer-Encoding: chunked") + b"0\r\n" + b"a: b\r\n" * 300, "ends with more than"),
        (head("Content-Length: 5") + b"abc", "before the answer was complete"),
        (head("Content-Encoding: gzip") + gzip.compress(TEXT)[:-3], "is cut"),
        (head("Content-Encoding: gzip") + b"none", "cannot be decompressed"),
        (head(status="HTTP/1.1 101 Switching"), "changes the protocol"),
    ],
)
def test_an_answer_that_breaks_the_rules_is_refused(answer: bytes, says: str) -> None:
    with pytest.raises(BrokenAnswer) as caught:
        read([answer], ends=True)
    assert says in str(caught.value)


def test_headers_are_found_by_small_letters_and_several_of_a_name_are_joined() -> None:
    first = read_head(b"HTTP/1.1 429 Slow Down\r\nVia: a\r\nRetry-After:\t7 \r\nVIA: b")
    assert (first.status, first.headers) == (429, {"via": "a, b", "retry-after": "7"})


def test_a_server_that_sends_faster_than_it_is_read_is_made_to_wait() -> None:
    async def main() -> None:
        connection, transport = Connection(), _Transport()
        connection.connection_made(transport)
        connection.data_received(head("Transfer-Encoding: chunked"))
        first = await connection.exchange(REQUEST)
        for _ in range(20):
            connection.data_received(b"8000\r\n" + b"a" * 0x8000 + b"\r\n")
        assert transport.paused
        connection.data_received(b"0\r\n\r\n")
        body = [piece async for piece in connection.body(first)]
        assert sum(map(len, body)) == 20 * 0x8000

    asyncio.run(main())


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", head(), head("Transfer-Encoding: chunked")]))
def test_any_bytes_are_an_answer_or_a_broken_one(noise: bytes, start: bytes) -> None:
    with suppress(BrokenAnswer):
        assert 200 <= read([start + noise], ends=True)[0].status <= 999
