"""What the tests of the adapter share: calls both ways, and a server that sends what it is told, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

from promptgrid.endpoint import Delta, EndpointSettings, OpenAIEndpoint, Reply, Request
from promptgrid.errors import EndpointError
from promptgrid.prompt import Message, Parameters

T = TypeVar("T")
HELLO = (Message("system", "Be brief."), Message("user", "Hello there"))
CHOICE = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}
CLOSE, RESET, HANG = b"close", b"reset", b"hang"  # in place of an answer
Script = Callable[[int, int], bytes]  # (connection, request on it), both from 0 -> the bytes of the answer


def answer(body: object, status: str = "200 OK", **headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    lines = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n{head}\r\n"
    return lines.encode() + content


def choices(count: int = 1, **headers: str) -> bytes:
    return answer({"model": "m", "choices": [CHOICE] * count}, **headers)


OK = choices()


class Wire:
    """A server that sends what it is told, byte for byte. `requests` are (connection, head, body) as they came in."""

    def __init__(self, script: Script | bytes, certificate: Path | None = None) -> None:
        self._script: Script = script if callable(script) else lambda connection, request: script
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._tls and certificate:
            self._tls.load_cert_chain(certificate)
        self.requests: list[tuple[int, str, bytes]] = []
        self.hung_up = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port = self._listening.getsockname()[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}/v1"

    @property
    def connections(self) -> int:
        """How many there were."""
        return len(self._open)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection, len(self._open) - 1), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, plain: socket.socket, number: int) -> None:
        with plain, contextlib.suppress(OSError):
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            with connection, connection.makefile("rb") as lines:
                for count in range(10_000):
                    head = "".join(iter(lambda: lines.readline().decode("latin-1"), "\r\n")) if lines.peek(1) else ""
                    if not head:
                        break
                    length = next((int(line[15:]) for line in head.split("\r\n") if line[:15] == "Content-Length:"), 0)
                    self.requests.append((number, head, lines.read(length)))
                    reply = self._script(number, count)
                    if reply == HANG:
                        lines.read(1)
                        self.hung_up.set()
                        break
                    if reply == RESET:  # no bytes, and an RST in place of a FIN
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    if reply in (CLOSE, RESET):
                        break
                    connection.sendall(reply.removesuffix(CLOSE))
                    if reply.endswith(CLOSE):
                        break


def ask(model: str, **parameters: Any) -> Request:
    fields = {name: parameters.pop(name) for name in ("n", "token_parameter", "logprobs") if name in parameters}
    return Request(model, HELLO, parameters=Parameters(**parameters), **fields)


def with_endpoint(url: str, work: Callable[[OpenAIEndpoint], Awaitable[T]], **options: Any) -> T:
    async def main() -> T:
        endpoint = OpenAIEndpoint(EndpointSettings("openai", url, **{"timeout_s": 5.0, **options}))
        try:
            return await work(endpoint)
        finally:
            await endpoint.aclose()

    return asyncio.run(main())


def complete(url: str, request: Request, **options: Any) -> list[Reply]:
    return with_endpoint(url, lambda endpoint: endpoint.complete(request), **options)


def stream(url: str, request: Request, **options: Any) -> list[Delta]:
    async def collect(endpoint: OpenAIEndpoint) -> list[Delta]:
        return [delta async for delta in endpoint.stream(request)]

    return with_endpoint(url, collect, **options)


Way = Callable[..., list[Any]]
both_ways = pytest.mark.parametrize("way", [complete, stream])


def failure(url: str, request: Request, way: Way = complete, **options: Any) -> EndpointError:
    with pytest.raises(EndpointError) as caught:
        way(url, request, **options)
    return caught.value
