"""The kept connections: which are used again, which request is sent again, and that every fault on the wire is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.endpoint import Allowance, EndpointSettings, OpenAIEndpoint, RateLimits, Reply, Request
from promptgrid.endpoint.limits import rate_limits, retry_after
from promptgrid.errors import EndpointError
from promptgrid.prompt import Message, Parameters
from tests.endpoint.sockets import CHOICE, CLOSE, HANG, OK, RESET, Script, Wire, answer, choices

T = TypeVar("T")
KEY = "sk-very-secret-0123456789"
ASK = Request("m", (Message("user", "Hello"),))


def run(url: str, work: Callable[[OpenAIEndpoint], Awaitable[T]], **options: Any) -> T:
    async def main() -> T:
        endpoint = OpenAIEndpoint(EndpointSettings("local", url, **{"timeout_s": 5.0, **options}))
        try:
            return await work(endpoint)
        finally:
            await endpoint.aclose()

    return asyncio.run(main())


def complete(url: str, request: Request = ASK, **options: Any) -> list[Reply]:
    return run(url, lambda endpoint: endpoint.complete(request), **options)


def failure(url: str, request: Request = ASK, **options: Any) -> EndpointError:
    with pytest.raises(EndpointError) as caught:
        complete(url, request, **options)
    return caught.value


def way(streamed: bool) -> Callable[[OpenAIEndpoint], Awaitable[EndpointError]]:
    """The error of one call, streamed or not."""

    async def work(endpoint: OpenAIEndpoint) -> EndpointError:
        with pytest.raises(EndpointError) as caught:
            await (anext(endpoint.stream(ASK)) if streamed else endpoint.complete(ASK))
        return caught.value

    return work


async def twice(endpoint: OpenAIEndpoint) -> list[str]:
    return [(await endpoint.complete(ASK))[0].text for _ in range(2)]


def test_connections_are_kept_one_after_another_and_opened_side_by_side() -> None:
    async def work(endpoint: OpenAIEndpoint) -> None:
        for _ in range(10):
            await endpoint.complete(ASK)
        assert server.connections == 1
        await asyncio.gather(*[endpoint.complete(ASK) for _ in range(40)])

    with Wire(OK) as server:
        run(server.url, work)
        assert len(server.requests) == 50
        assert 1 < server.connections <= 40


@pytest.mark.parametrize("end", [CLOSE, RESET], ids=["closed", "reset"])
def test_a_kept_connection_that_is_gone_costs_no_call(end: bytes) -> None:
    with Wire(lambda connection, request: end if (connection, request) == (0, 1) else OK) as server:
        assert run(server.url, twice) == ["ok", "ok"]
        assert [connection for connection, *_ in server.requests] == [0, 0, 1]
        assert server.requests[1][2] == server.requests[2][2]


def test_it_is_sent_again_once_and_on_a_connection_of_its_own() -> None:
    """All kept connections have gone, and the new one too: then it is told."""

    async def work(endpoint: OpenAIEndpoint) -> EndpointError:
        await asyncio.gather(*[endpoint.complete(ASK) for _ in range(4)])
        assert {connection for connection, *_ in server.requests} == {0, 1, 2, 3}
        with pytest.raises(EndpointError) as caught:
            await endpoint.complete(ASK)
        return caught.value

    with Wire(lambda connection, request: OK if request == 0 and connection < 4 else CLOSE) as server:
        assert run(server.url, work).kind == "connection"
        assert [connection for connection, *_ in server.requests][4:] == [server.requests[4][0], 4]


@pytest.mark.parametrize(
    ("script", "sent"),
    [
        (lambda connection, request: CLOSE, 1),  # a new connection: it may have been read
        (lambda connection, request: RESET, 1),
        (lambda connection, request: OK if request == 0 else b"HTTP/1.1 200 OK\r\nContent-Le" + CLOSE, 2),
        (lambda connection, request: OK if request == 0 else OK[:-5] + CLOSE, 2),
        (lambda connection, request: OK if request == 0 else b"HTTP/1.1 200 OK\r\n\r\n{" + CLOSE, 2),
    ],
    ids=["new-closed", "new-reset", "half-a-head", "half-a-body", "no-length"],
)
def test_what_may_have_been_answered_is_never_sent_again(script: Script, sent: int) -> None:
    with Wire(script) as server, pytest.raises(EndpointError) as caught:
        run(server.url, twice)
    assert caught.value.kind in ("connection", "bad_reply")
    assert len(server.requests) == sent


@pytest.mark.parametrize("begun", [HANG, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"], ids=["head", "body"])
def test_a_call_that_is_cancelled_hangs_up_at_once(begun: bytes) -> None:
    async def work(endpoint: OpenAIEndpoint) -> float:
        task = asyncio.create_task(endpoint.complete(ASK))
        while not server.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.hung_up.wait, 3)
        return time.monotonic() - started

    def script(connection: int, request: int) -> bytes:
        if begun != HANG:
            server._open[connection].sendall(begun)
        return HANG

    with Wire(script) as server:
        assert run(server.url, work, timeout_s=60.0) < 1


@pytest.mark.parametrize(
    ("response", "kind", "says"),
    [
        (CLOSE, "connection", "cannot be reached"),
        (b"SSH-2.0-OpenSSH_9.6\r\n" + CLOSE, "connection", "cannot be reached"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{" + CLOSE, "bad_reply", "in the middle of the reply"),
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 50\r\n\r\n{" + CLOSE, "bad_reply", "in the middle of the reply"),
        (b"HTTP/1.1 429 Slow\r\nContent-Length: 50\r\n\r\n{" + CLOSE, "rate_limited", "(429)"),
        (b"HTTP/1.1 502 Bad\r\nContent-Length: 50\r\n\r\n<html>" + CLOSE, "server", "(502)"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + CLOSE,
            "connection",
            "Invalid character",
        ),
        (answer(b"not gzip", Content_Encoding="gzip"), "bad_reply", "in the middle of the reply"),
        (answer(b"", "204 No Content"), "bad_reply", "not valid JSON"),
        (answer(b"\xff\xfe\x00", "200 OK"), "bad_reply", "not valid JSON"),
        (answer(b"", "304 Not Modified"), "bad_request", "(304)"),
        (answer(b"", "302 Found", Location="/v1/chat/completions"), "bad_request", "(302)"),
        (answer(b"", "307 Temporary Redirect", Location="ftp://h/"), "bad_request", "(307)"),
        (answer(b"", "308 Permanent Redirect", Location="/v1/other?n=1"), "bad_request", "(308)"),
        (answer(b"[1, 2]", "500 Oops"), "server", "(500)"),
        (answer(b"x" * 3_000_000, "502 Bad Gateway"), "server", "(502)"),
    ],
)
def test_whatever_comes_over_the_wire_is_told(response: bytes, kind: str, says: str) -> None:
    with Wire(response) as server:
        error = failure(server.url)
    assert (error.kind, says in error.message) == (kind, True), error.message
    assert error.message.endswith((".", "…"))
    assert len(str(error)) < 700
    assert len(error.raw) <= 2000


@settings(max_examples=60, deadline=None)
@given(
    start=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n", OK]), noise=st.binary(max_size=60)
)
def test_any_bytes_are_a_reply_or_an_endpoint_error(start: bytes, noise: bytes) -> None:
    with Wire(start + noise + CLOSE) as server, contextlib.suppress(EndpointError):
        assert complete(server.url, timeout_s=2.0)[0].text == "ok"


def test_a_long_line_in_the_head_is_no_fault() -> None:
    with Wire(choices(Content_Security_Policy="x" * 20_000)) as server:
        assert complete(server.url)[0].text == "ok"


def test_one_call_waits_no_longer_than_it_may_and_the_next_one_works() -> None:
    async def work(endpoint: OpenAIEndpoint) -> str:
        started = time.monotonic()
        with pytest.raises(EndpointError) as caught:
            await endpoint.complete(ASK)
        assert caught.value.kind == "timeout"
        assert "0.3 s" in caught.value.message
        assert time.monotonic() - started < 15
        return (await endpoint.complete(ASK))[0].text

    with Wire(lambda connection, request: OK if connection else HANG) as server:
        assert run(server.url, work, timeout_s=0.3) == "ok"


@pytest.fixture
def silent() -> Iterator[str]:
    """The base URL of a port that takes no more calls, as behind a firewall that drops them."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(3):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse where Linux drops")
@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_that_nobody_takes_is_told_as_such(silent: str, streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptgrid.endpoint.settings.CONNECT_S", 0.2)

    error = run(silent, way(streamed))
    assert (error.kind, error.message) == ("timeout", f"local did not take the call at {silent} within 0.2 s.")


def test_the_body_is_sent_as_it_was_prepared() -> None:
    text = 'Zeile\n"quoted" 很好 \\ \x00 é'
    request = Request("m", (Message("user", text),), parameters=Parameters(temperature=0.7, extra_body={"top_k": 40}))
    with Wire(OK) as server:
        (reply,) = complete(server.url, request, headers={"X-Team": "prompts"})
    (_, head, body), *more = server.requests
    assert not more
    assert json.loads(body) == reply.sent
    assert text.encode()[-3:] in body  # as UTF-8, not as escapes
    lines = head.lower().split("\r\n")
    assert lines[0] == "post /v1/chat/completions http/1.1"
    assert "content-type: application/json" in lines
    assert "authorization: bearer no-key" in lines
    assert "x-team: prompts" in lines
    assert next(line for line in lines if line.startswith("user-agent")).startswith("user-agent: promptgrid/")


def test_a_header_of_the_settings_goes_before_ours() -> None:
    with Wire(OK) as server:
        complete(server.url, headers={"authorization": "Basic 0123456789"})
    sent = [line for line in server.requests[0][1].split("\r\n") if line.lower().startswith("authorization")]
    assert [line.partition(": ")[2] for line in sent] == ["Basic 0123456789"]


@pytest.mark.parametrize("value", ["two\r\nX-Evil: 1", "naïve"])
def test_a_header_that_cannot_be_sent_is_told_without_its_value(value: str) -> None:
    with Wire(OK) as server:
        error = failure(server.url, headers={"X-Secret": value})
    assert error.kind == "auth"
    assert "X-Secret" in error.message
    assert value not in str(error)
    assert server.requests == []


@pytest.mark.parametrize("extra", [{"a": float("nan")}, {"a": {1, 2}}, {"a": "\ud83d"}])
def test_what_json_cannot_say_is_told_before_anything_is_sent(extra: dict[str, Any]) -> None:
    with Wire(OK) as server:
        assert (
            failure(server.url, Request("m", ASK.messages, parameters=Parameters(extra_body=extra))).kind
            == "bad_request"
        )
    assert server.requests == []


@pytest.mark.parametrize("streamed", [False, True])
def test_neither_key_nor_prompt_follows_a_redirect_to_another_origin(streamed: bool) -> None:
    with Wire(OK) as other:
        elsewhere = answer(b"", "307 Temporary Redirect", Location=f"{other.url}/chat/completions")
        with Wire(elsewhere) as server:
            error = run(server.url, way(streamed), api_key=KEY, headers={"X-Api": KEY})
    assert (error.kind, error.status, other.requests) == ("bad_request", 307, [])
    assert "base URL" in error.hint


def test_a_redirect_within_the_origin_is_followed() -> None:
    moved = answer(b"", "307 Temporary Redirect", Location="/v1/chat/completions/")
    with Wire(lambda connection, request: OK if request else moved) as server:
        assert complete(server.url, api_key=KEY)[0].text == "ok"
    assert [KEY in head for _, head, _ in server.requests] == [True, True]


def test_cookies_are_not_kept() -> None:
    with Wire(choices(Set_Cookie="who=you; Path=/")) as server:
        run(server.url, twice)
    assert "cookie" not in server.requests[1][1].lower()


def proxied(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used_with_its_password(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Wire(OK) as server:
        proxied(monkeypatch, **{name.lower(): f"http://me:hunter2hunter2@127.0.0.1:{server.port}"})
        assert complete("http://models.example/v1")[0].text == "ok"
    head = server.requests[0][1]
    assert head.startswith("POST http://models.example/v1/chat/completions ")
    assert "Proxy-Authorization: Basic " in head


def test_a_proxy_is_passed_by_where_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    proxied(monkeypatch, http_proxy="http://127.0.0.1:9", no_proxy="localtest.example,127.0.0.1")
    with Wire(OK) as server:
        assert complete(server.url)[0].text == "ok"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("scheme", ["http", "socks5", "odd"])
def test_a_proxy_that_refuses_is_told_without_its_password(
    scheme: str, streamed: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Wire(answer(b"", "407 Proxy Authentication Required")) as server:
        proxied(monkeypatch, https_proxy=f"{scheme}://me:hunter2hunter2@127.0.0.1:{server.port}")
        error = run("https://models.example/v1", way(streamed))
    assert error.kind == "connection"
    assert "hunter2" not in str(error) + error.raw + caplog.text
    assert "HTTPS_PROXY" in error.hint
    for _, head, _ in server.requests:
        assert head.startswith("CONNECT models.example:443 ")
        assert "Proxy-Authorization: Basic " in head


@pytest.fixture
def certificate(tmp_path: Path, missing: Callable[[str], None]) -> Path:
    """A key and a certificate of its own for 127.0.0.1, in one file."""
    path = tmp_path / "own.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=local"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", str(tmp_path / "cert.pem")]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("openssl")
    path.write_text(path.read_text() + (tmp_path / "cert.pem").read_text())
    return path


def test_a_certificate_is_checked_and_the_environment_may_name_another(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    with Wire(OK, certificate) as server:
        error = failure(server.url)
        assert error.kind == "connection"
        assert "SSL_CERT_FILE" in error.hint
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("cert.pem")))
        assert complete(server.url)[0].text == "ok"


@pytest.mark.parametrize("streamed", [False, True])
def test_certificates_that_cannot_be_read_are_told(streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")

    error = run("https://models.example/v1", way(streamed))
    assert error.kind == "connection"
    assert "SSL_CERT_FILE" in error.hint


def test_connections_left_open_make_no_noise() -> None:
    code = """
import asyncio, gc, sys
from promptgrid.endpoint import EndpointSettings, OpenAIEndpoint, Request
from promptgrid.prompt import Message
endpoint = OpenAIEndpoint(EndpointSettings("x", sys.argv[1]))
for _ in range(2):
    asyncio.run(endpoint.complete(Request("m", (Message("user", "Hello"),))))
del endpoint
gc.collect()
"""
    with Wire(OK) as server:
        ran = subprocess.run([sys.executable, "-c", code, server.url], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_call_imports_neither_the_sdk_nor_anything_else_that_is_slow() -> None:
    code = """
import asyncio, sys
import promptgrid.endpoint
assert not {"aiohttp", "openai", "httpx2"} & set(sys.modules), "at import"
from promptgrid.endpoint import EndpointSettings, OpenAIEndpoint, Request
from promptgrid.prompt import Message
async def main():
    endpoint = OpenAIEndpoint(EndpointSettings("x", sys.argv[1]))
    await endpoint.prepare()
    await endpoint.complete(Request("m", (Message("user", "Hello"),)))
    await endpoint.aclose()
asyncio.run(main())
assert not {"openai", "httpx2", "pandas", "genai_prices"} & set(sys.modules), "after a call"
"""
    with Wire(OK) as server:
        ran = subprocess.run([sys.executable, "-c", code, server.url], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    ("response", "slots"),
    [
        (answer({"total_slots": 4}), 4),
        (answer({"total_slots": True}), None),
        (answer({"total_slots": 0}), None),
        (answer({"total_slots": "4"}), None),
        (answer(b"<html>"), None),
        (answer({"total_slots": 4}, "404 Not Found"), None),
        (answer({"detail": "Not Found"}, "404 Not Found"), None),
        (CLOSE, None),
    ],
)
def test_llama_cpp_is_asked_for_its_slots(response: bytes, slots: int | None) -> None:
    async def work(endpoint: OpenAIEndpoint) -> tuple[int, int, bool]:
        assert (endpoint.concurrency, endpoint.max_n, endpoint.parallel_repeats) == (8, 1, True)
        await endpoint.prepare()
        return endpoint.concurrency, endpoint.max_n, endpoint.parallel_repeats

    with Wire(response) as server:
        assert run(server.url, work) == (slots or 8, slots or 1, slots is None)
    assert server.requests[0][1].startswith("GET /props HTTP/1.1")


def test_more_than_the_slots_is_never_asked_for_at_once() -> None:
    async def work(endpoint: OpenAIEndpoint) -> tuple[int, int]:
        await endpoint.prepare()
        return endpoint.concurrency, endpoint.max_n

    with Wire(answer({"total_slots": 4})) as server:
        assert run(server.url, work, max_n=16, concurrency=2) == (2, 4)
        assert run(server.url, work, max_n=3) == (4, 3)


def test_a_server_is_asked_once_unless_it_was_down() -> None:
    async def work(endpoint: OpenAIEndpoint) -> int:
        for _ in range(3):
            await endpoint.prepare()
        return endpoint.concurrency

    with Wire(lambda connection, request: answer({"total_slots": 2}) if connection else CLOSE) as server:
        assert run(server.url, work) == 2
    assert len(server.requests) == 2


def test_asking_takes_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptgrid.endpoint.openai.PREPARE_S", 0.2)
    started = time.monotonic()
    with Wire(HANG) as server:
        run(server.url, lambda endpoint: endpoint.prepare(), timeout_s=60.0)
    assert time.monotonic() - started < 20


def test_only_a_server_on_this_machine_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with Wire(answer({"total_slots": 2})) as server:
        proxied(monkeypatch, http_proxy=f"http://127.0.0.1:{server.port}")
        run("http://models.example/v1", lambda endpoint: endpoint.prepare())
        run(server.url, lambda endpoint: endpoint.prepare(), key_env="MISSING_KEY")
    assert server.requests == []


@pytest.mark.parametrize(
    ("url", "options", "expected"),
    [
        ("https://api.openai.com/v1", {}, (8, 8)),
        ("https://gateway.example/v1", {}, (8, 1)),
        ("https://api.openai.com/v1", {"max_n": 2, "concurrency": 32}, (32, 2)),
        ("http://localhost:1/v1", {"max_n": 5, "concurrency": 1}, (1, 5)),
    ],
)
def test_what_is_set_goes_before_what_is_usual(url: str, options: dict[str, int], expected: tuple[int, int]) -> None:
    endpoint = OpenAIEndpoint(EndpointSettings("x", url, **options))  # type: ignore[arg-type]
    assert (endpoint.concurrency, endpoint.max_n) == expected


REFUSES_N = {"error": {"message": "Only one is possible.", "param": "n", "code": "unsupported_value"}}
NULL_TEXT = {"index": 1, "finish_reason": "stop", "message": {"content": None}}


@pytest.mark.parametrize(
    ("response", "n", "left"),
    [
        (choices(4), 4, 4),
        (choices(1), 4, 1),
        (choices(3), 4, 1),
        (choices(1), 1, 4),
        (answer({"choices": [CHOICE, NULL_TEXT]}), 2, 4),
        (answer(REFUSES_N, "400 Bad Request"), 4, 1),
        (answer(b"{}", "500 Oops"), 4, 4),
    ],
)
def test_an_endpoint_without_n_is_asked_one_by_one_from_then_on(response: bytes, n: int, left: int) -> None:
    async def work(endpoint: OpenAIEndpoint) -> int:
        assert endpoint.max_n == 4
        with contextlib.suppress(EndpointError):
            await endpoint.complete(Request("m", ASK.messages, n=n))
        return endpoint.max_n

    with Wire(response) as server:
        assert run(server.url, work, max_n=4) == left


def limited(**headers: str) -> dict[str, str]:
    return {f"x-ratelimit-{name.replace('_', '-')}": value for name, value in headers.items()}


TOLD = RateLimits(Allowance(500, 499, 0.12), Allowance(30_000, 29_900, 360.0))
SPELLINGS = [
    (
        limited(limit_requests="500", remaining_requests="499", reset_requests="120ms")
        | limited(limit_tokens="30000", remaining_tokens="29900", reset_tokens="6m0s"),
        TOLD,
    ),
    (limited(remaining_requests="3"), RateLimits(Allowance(None, 3, None))),
    (limited(remaining_tokens="0", reset_tokens="59.7s"), RateLimits(None, Allowance(None, 0, 59.7))),
    (limited(limit="10", remaining="9", reset="12"), RateLimits(Allowance(10, 9, 12.0))),
    ({"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "7"}, RateLimits(Allowance(100, 7, None))),
    (
        {
            "anthropic-ratelimit-tokens-limit": "80000",
            "anthropic-ratelimit-tokens-remaining": "79000",
            "anthropic-ratelimit-tokens-reset": "2026-11-22T10:00:30Z",
            "date": "Sun, 22 Nov 2026 10:00:00 GMT",
        },
        RateLimits(None, Allowance(80_000, 79_000, 30.0)),
    ),
    (limited(limit_requests="many", remaining_requests="-1"), RateLimits(Allowance(None, None, None))),
    ({"content-type": "application/json"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "expected"), SPELLINGS)
def test_rate_limits_are_read_however_they_are_spelled(headers: dict[str, str], expected: RateLimits | None) -> None:
    assert rate_limits(headers) == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0), ("6m0s", 360.0), ("20ms", 0.02), ("1h2m", 3720.0), ("1d", 86400.0), ("7.66s", 7.66),
        ("2m59.5s", 179.5), ("12", 12.0), ("0.5", 0.5), (" 3 ", 3.0), ("-4", 0.0), ("1763806500", None),
        ("", None), ("soon", None), ("1s later", None), ("nan", None), ("inf", None), ("1e999", None), ("s", None),
        ("9999-99-99", None), ("٣s", None), ("9" * 400 + "s", None),
    ],
)  # fmt: skip
def test_a_reset_is_in_seconds_or_not_known(text: str, seconds: float | None) -> None:
    limits = rate_limits(limited(remaining_requests="1", reset_requests=text))
    assert limits is not None
    assert limits.requests is not None
    if text == "1763806500":  # a moment that has gone by
        assert limits.requests.reset_s == 0.0
    else:
        assert limits.requests.reset_s == (pytest.approx(seconds) if seconds else seconds)


@pytest.mark.parametrize("scale", [1, 1000])
def test_a_reset_may_be_a_moment(scale: int) -> None:
    now = 1_795_341_600  # Sun, 22 Nov 2026 10:00:00 GMT
    headers = limited(remaining="1", reset=str((now + 40) * scale)) | {"date": "Sun, 22 Nov 2026 10:00:00 GMT"}
    assert rate_limits(headers) == RateLimits(Allowance(None, 1, 40.0))


@pytest.mark.parametrize(
    ("date", "low", "high"),
    [
        ("Thu, 01 Jan 2015 00:00:00 GMT", 30, 30),  # years behind: only the difference counts
        ("Fri, 01 Jan 2100 00:00:00 GMT", 0, 0),
        ("yesterday", 0, 0),
        ("", 0, 0),
    ],
)
def test_a_date_to_wait_for_is_by_the_servers_own_clock(date: str, low: float, high: float) -> None:
    seconds = retry_after({"retry-after": "Thu, 01 Jan 2015 00:00:30 GMT", "date": date})
    assert seconds is not None
    assert low <= seconds <= high


def test_limits_come_with_replies_and_with_errors() -> None:
    headers = {name.replace("-", "_"): value for name, value in SPELLINGS[0][0].items()}
    for response in (answer(b"{}", "429 Slow", **headers), answer(b"<html>", **headers)):
        with Wire(response) as server:
            assert failure(server.url).limits == TOLD
    with Wire(choices(2, **headers)) as server:
        assert [reply.limits for reply in complete(server.url, Request("m", ASK.messages, n=2))] == [TOLD, TOLD]
        assert run(server.url, last_of_stream).limits == TOLD
    with Wire(OK) as server:
        assert complete(server.url)[0].limits is None


async def last_of_stream(endpoint: OpenAIEndpoint) -> Reply:
    *_, last = [delta async for delta in endpoint.stream(ASK)]
    assert last.reply is not None
    return last.reply
