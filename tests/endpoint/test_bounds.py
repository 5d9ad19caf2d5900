"""Whatever an endpoint sends, a call ends within its time, and takes bounded memory."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from promptgrid.endpoint import sdk
from promptgrid.endpoint.embeddings import MOST_MODELS, embeddings
from promptgrid.endpoint.events import folded
from promptgrid.endpoint.logprobs import read_steps
from promptgrid.errors import EndpointError
from tests.endpoint.sockets import (
    CHOICE,
    CLOSE,
    HELLO,
    Way,
    Wire,
    answer,
    ask,
    both_ways,
    complete,
    failure,
    stream,
    with_endpoint,
)
from tests.faults.server import HostileServer
from tests.places import CHECKOUT

MANY = 400 * 2**20  # bytes, more than any answer may have


class _Endless(BaseHTTPRequestHandler):
    """Sends a body, a line or a head without an end, by the model's name."""

    def do_POST(self) -> None:
        model = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["model"]
        try:
            if model == "head":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                for number in range(100_000):
                    self.wfile.write(b"X-%d: %s\r\n" % (number, b"x" * 10_000))
            kind = "text/event-stream" if model in ("line", "events") else "application/json"
            self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n".encode())
            self.wfile.write(b"Content-Encoding: gzip\r\n\r\n" if model == "bomb" else b"\r\n")
            piece = {"line": b"x" * 2**16, "events": b": nothing\n\n" * 4096}.get(model, b" " * 2**16)
            if model == "bomb":
                piece = gzip.compress(b" " * 2**20)
            for _ in range(MANY // 2**16):
                self.wfile.write(piece)
        except OSError:  # the client has left
            pass

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture(scope="module")
def endless() -> Iterator[str]:
    with serving(_Endless) as url:
        yield url


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The base URL of a server with this handler."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


@both_ways
@pytest.mark.parametrize("what", ["body", "bomb", "line", "events", "head"])
def test_an_answer_without_an_end_ends(endless: str, what: str, way: Way) -> None:
    error = failure(endless, ask(what), way, timeout_s=120.0)
    assert error.kind in ("bad_reply", "connection")  # ended by its size, not by the time-out


def test_no_answer_takes_more_than_300_megabytes(endless: str) -> None:
    code = f"""
import asyncio, pathlib, re, resource, sys
from promptgrid.endpoint import EndpointSettings, OpenAIEndpoint, Request
from promptgrid.errors import EndpointError
from promptgrid.prompt import Message
async def main():
    endpoint = OpenAIEndpoint(EndpointSettings("x", {endless!r}))
    for model in ("body", "bomb", "line", "head"):
        try:
            await endpoint.complete(Request(model, (Message("user", "Hi"),)))
        except EndpointError as error:
            print(error.kind)
asyncio.run(main())
status = pathlib.Path("/proc/self/status")  # on Linux, ru_maxrss is that of the process that started this one
print(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1] if status.exists()
      else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    *kinds, peak = done.stdout.split()
    assert len(kinds) == 4
    assert int(peak) * (1 if sys.platform == "darwin" else 1024) < 300e6


def test_a_stream_has_a_time_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "STREAM_TIMES", 0.5)
    started = time.monotonic()
    with HostileServer() as server:
        server.answer = lambda body: "word " * 200
        error = failure(server.url, ask("slow-stream"), stream, timeout_s=1.0)
    assert error.kind == "timeout"
    assert time.monotonic() - started < 5


class _Slow(BaseHTTPRequestHandler):
    """Sends an answer by the byte, and never comes to its end: the head or, for the model `body`, the body."""

    def do_POST(self) -> None:
        model = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["model"]
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        self.wfile.write(head + b"\r\n" if model == "body" else head)
        try:
            while True:
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:  # the client has left
            pass

    def log_message(self, *_: object) -> None:
        """Silence."""


@both_ways
@pytest.mark.parametrize("what", ["head", "body"])
def test_an_answer_that_comes_by_the_byte_ends_in_time(monkeypatch: pytest.MonkeyPatch, what: str, way: Way) -> None:
    monkeypatch.setattr(sdk, "STREAM_TIMES", 1.0)
    started = time.monotonic()
    with serving(_Slow) as url:
        error = failure(url, ask(what), way, timeout_s=1.0)
    assert error.kind == "timeout"
    assert time.monotonic() - started < 10


@both_ways
def test_redirects_in_a_circle_end(way: Way) -> None:
    def script(connection: int, request: int) -> bytes:
        return answer(b"", "307 Temporary Redirect", Location=f"/v1/{len(server.requests) % 2}")

    with Wire(script) as server:
        error = failure(server.url, ask("m"), way)
        assert error.kind == "bad_request"
        assert len(server.requests) < 20


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@both_ways
@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-5\r\nabc", b"f" * 40 + b"\r\n", b"5\r\nab\r\n0\r\n\r\n", b"\0" * 9000])
def test_chunks_of_garbage_are_no_answer(chunk: bytes, way: Way) -> None:
    with Wire(CHUNKED + chunk + CLOSE) as server:
        assert failure(server.url, ask("m"), way).kind in ("bad_reply", "connection")


def test_numbers_without_an_end_are_no_counts() -> None:
    usage = '{"prompt_tokens": 1e999, "completion_tokens": NaN, "total_tokens": -Infinity}'
    body = f'{{"created": 1e999, "model": NaN, "choices": [{json.dumps(CHOICE)}], "usage": {usage}}}'
    with Wire(answer(body.encode())) as server:
        (reply,) = complete(server.url, ask("m"))
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("ok", None, None)
    assert "inf prompt tokens" in reply.usage_problem


def test_of_a_million_models_the_first_are_listed() -> None:
    with Wire(answer({"data": [{"id": f"m{number}"} for number in range(1_000_000)]})) as server:
        names = with_endpoint(server.url, lambda endpoint: endpoint.models(), timeout_s=60.0)
    assert len(names) == MOST_MODELS
    assert set(names) == {f"m{number}" for number in range(MOST_MODELS)}


def test_a_web_page_is_no_list_of_models() -> None:
    with Wire(answer(b"<html><script>alert(1)</script></html>")) as server, pytest.raises(EndpointError) as caught:
        with_endpoint(server.url, lambda endpoint: endpoint.models())
    assert "web page" in str(caught.value)


ODD = ["[" * 100_000, '{"choices": ' + "[" * 50_000, "NaN", '{"choices": [{"delta": {"content": NaN}}]}', "7", "\x00"]


@pytest.mark.parametrize("data", ODD)
def test_odd_events_are_bad_replies(data: str) -> None:
    with pytest.raises(EndpointError) as caught:
        folded(f"data: {data}\n\n").body()
    assert caught.value.kind == "bad_reply"


ODD_ROWS = [{"index": [0], "embedding": [1.0]}, {"index": 0, "embedding": [10**400]}, {"index": {}}]


@pytest.mark.parametrize("row", ODD_ROWS)
def test_odd_vectors_are_bad_replies(row: object) -> None:
    with pytest.raises(EndpointError):
        embeddings(json.dumps({"data": [row]}), 1)


@pytest.mark.parametrize("logprob", [-(10**400), -1e308, 1e308, float("-inf")])
def test_odd_probabilities_are_no_trap(logprob: float) -> None:
    (step,) = read_steps({"content": [{"token": "a", "logprob": logprob}]})
    assert step.logprob is None or -1e4 <= step.logprob <= 0


@pytest.mark.parametrize("tokens", [[[0]], [{"id": [1]}], [{"id": 2**80, "piece": "a"}], [10**400], "no", [None]])
def test_odd_token_ids_are_not_counted_with(tokens: object) -> None:
    reply = answer({"tokens": tokens, "prompt": "a", "count": 10**400})

    with Wire(reply) as server:
        assert with_endpoint(server.url, lambda endpoint: endpoint.tokenize("m", "a")) is None
        count = with_endpoint(server.url, lambda endpoint: endpoint.count_tokens("m", HELLO))
    assert count is None or count <= 10


def test_ten_thousand_choices_are_one_reply() -> None:
    choice = {"message": {"content": "ok"}, "finish_reason": "stop"}
    with Wire(answer({"choices": [choice] * 10_000})) as server:
        assert [reply.text for reply in complete(server.url, ask("m"))] == ["ok"]
