"""A fast endpoint to measure clients against: OpenAI chat replies after a set time, faults on request, exact books.

Raw asyncio, no framework: one core answers more than 5,000 calls a second. The reply to a prompt is the prompt's last
word, so that a client which mixes replies up is seen.

    python -m benchmarks.wire --latency-ms 50 --fail 429=0.05,500=0.02,hang=0.01,half=0.02 --slots 8

prints its base URL. GET /stats gives the counts, GET /books each prompt with how often it was asked and answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}
FAULTS = ("429", "500", "400", "hang", "half")


@dataclass
class Books:
    """What the endpoint was asked and what it answered. Times by its own clock, in seconds."""

    requests: int = 0
    answered: int = 0
    refused: int = 0  # 429 for want of a slot
    hung_up: int = 0  # the client left before its answer was sent
    in_flight: int = 0
    most_in_flight: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    held_s: float = 0.0  # sum over the answers, from request to answer
    faults: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)

    def stats(self) -> dict[str, Any]:
        """The counts; `seconds` from the first request to the last answer, `cpu_s` what this process has used."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        names = ("requests", "answered", "refused", "hung_up", "in_flight", "most_in_flight")
        return {name: getattr(self, name) for name in names} | {
            "seconds": max(self.last_at - self.first_at, 0.0),
            "latency_ms": 1000 * self.held_s / max(self.answered, 1),
            "faults": dict(self.faults),
            "cpu_s": usage.ru_utime + usage.ru_stime,
        }


@dataclass
class Wire:
    """How the endpoint behaves: `fail` gives the share of calls for each fault, drawn by seed and call number."""

    latency_s: float
    slots: int | None = None
    fail: dict[str, float] = field(default_factory=dict)
    seed: int = 0
    books: Books = field(default_factory=Books)

    def __post_init__(self) -> None:
        self._draws = random.Random(self.seed)

    def fault(self) -> str:
        """The next call's fault, or an empty text."""
        number = self._draws.random()
        for name, share in self.fail.items():
            number -= share
            if number < 0:
                self.books.faults[name] += 1
                return name
        return ""


class Connection(asyncio.Protocol):
    """One client's connection, kept alive; one call at a time, the next waits in the buffer."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.books = wire, wire.books
        self.buffer = b""
        self.busy = False
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer:
            self.timer.cancel()
        if self.busy:
            self.busy = False
            self.books.in_flight -= 1
            self.books.hung_up += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.busy:
            self._take()

    def _take(self) -> None:
        """The next whole request in the buffer, if there is one."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head, size = self.buffer[:end].lower(), 0
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            size = int(head[at + 17 :].split(b"\r", 1)[0])
        if len(self.buffer) < end + 4 + size:
            return
        path, body = head.split(b" ", 2)[1], self.buffer[end + 4 : end + 4 + size]
        self.buffer = self.buffer[end + 4 + size :]
        self._serve(path, body)

    def _serve(self, path: bytes, body: bytes) -> None:
        if path.endswith(b"/chat/completions"):
            self._call(json.loads(body))
        elif path.endswith(b"/stats"):
            self._send(200, self.books.stats())
        elif path.endswith(b"/books"):
            self._send(200, {"asked": self.books.asked, "answers": self.books.answers})
        else:
            self._send(404, {"detail": "Not Found"})

    def _call(self, body: dict[str, Any]) -> None:
        books, now = self.books, time.perf_counter()
        books.first_at = books.first_at or now
        books.requests += 1
        prompt = body["messages"][-1]["content"]
        books.asked[prompt] += 1
        fault = self.wire.fault()
        if self.wire.slots is not None and books.in_flight >= self.wire.slots:
            books.refused += 1
            self._send(429, _error("All slots are busy."))
            return
        self.busy = True
        books.in_flight += 1
        books.most_in_flight = max(books.most_in_flight, books.in_flight)
        if fault == "hang":  # until the client gives up
            return
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(self.wire.latency_s, self._finish, fault, body, prompt, now)

    def _finish(self, fault: str, body: dict[str, Any], prompt: str, begun: float) -> None:
        self.busy = False
        self.books.in_flight -= 1
        if fault == "half":
            self.transport.write(_response(200, json.dumps(_completion(body, prompt)).encode())[:-60])
            self.transport.close()
        elif fault:
            headers = "Retry-After: 1\r\n" if fault == "429" else ""
            self._send(int(fault), _error("As asked for."), headers)
        else:
            self._answer(body, prompt, begun)

    def _answer(self, body: dict[str, Any], prompt: str, begun: float) -> None:
        self.books.answered += 1
        self.books.answers[prompt] += 1
        self.books.last_at = now = time.perf_counter()
        self.books.held_s += now - begun
        self._send(200, _completion(body, prompt))

    def _send(self, status: int, body: Any, headers: str = "") -> None:
        self.transport.write(_response(status, json.dumps(body).encode(), headers))
        if self.buffer:
            self._take()


def _response(status: int, body: bytes, headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "server_error", "param": None, "code": None}}


def _completion(body: dict[str, Any], prompt: str) -> dict[str, Any]:
    """Tokens are words."""
    words, count = prompt.split(), body.get("n") or 1
    choice = {"message": {"role": "assistant", "content": words[-1]}, "finish_reason": "stop", "logprobs": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": index, **choice} for index in range(count)],
        "usage": {"prompt_tokens": len(words), "completion_tokens": count, "total_tokens": len(words) + count},
    }


def shares(text: str) -> dict[str, float]:
    """`429=0.05,hang=0.01` as a dict. Raises ValueError for a fault that is not known or a share that is no number."""
    texts = dict(part.split("=", 1) for part in text.split(",") if part)
    if unknown := set(texts) - set(FAULTS):
        raise ValueError(f"unknown faults: {', '.join(sorted(unknown))}")
    return {name: float(share) for name, share in texts.items()}


async def serve(wire: Wire, port: int) -> None:
    """Until the process ends."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(wire), "127.0.0.1", port, backlog=2048)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="A fast endpoint to measure clients against.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--slots", type=int, help="how many calls at a time; 429 above")
    parser.add_argument("--fail", type=shares, default={}, help="shares of 429, 500, 400, hang and half")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    wire = Wire(options.latency_ms / 1000, options.slots, options.fail, options.seed)
    asyncio.run(serve(wire, options.port))


if __name__ == "__main__":
    main()
