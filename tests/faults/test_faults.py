"""The hostile endpoint keeps its own promises: what the other tests conclude from its books and its faults is true."""

from __future__ import annotations

import email.utils
import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faults.books import Recorded
from tests.faults.limits import Bucket, duration
from tests.faults.modes import CUT, MODES
from tests.faults.server import HostileServer
from tests.running import until

ENDLESS = {"hang", "trickle"}
BROKEN = {*CUT, "drop"}
HELLO = [{"role": "user", "content": "Hello there"}]


class Client:
    """One connection, kept alive."""

    def __init__(self, server: HostileServer, timeout_s: float = 10.0) -> None:
        self.connection = http.client.HTTPConnection(server.root.removeprefix("http://"), timeout=timeout_s)

    def send(self, model: str, **parameters: Any) -> http.client.HTTPResponse:
        body = json.dumps({"model": model, "messages": HELLO, **parameters})
        self.connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        return self.connection.getresponse()

    def ask(self, model: str, **parameters: Any) -> tuple[int, Any]:
        """The status and the JSON of the answer."""
        response = self.send(model, **parameters)
        return response.status, json.loads(response.read())

    def texts(self, model: str, **parameters: Any) -> list[str]:
        return [choice["message"]["content"] for choice in self.ask(model, **parameters)[1]["choices"]]

    def close(self) -> None:
        self.connection.close()


@pytest.fixture(scope="module")
def kept() -> Iterator[Client]:
    """A connection to a server whose books nobody reads: it serves many tests."""
    with HostileServer() as server:
        client = Client(server)
        yield client
        client.close()


@pytest.fixture
def client(hostile: HostileServer) -> Iterator[Client]:
    client = Client(hostile)
    yield client
    client.close()


def at_once(server: HostileServer, model: str, calls: int) -> list[tuple[int, str | None]]:
    """(status, Retry-After) of calls that are sent side by side."""

    def one(_: int) -> tuple[int, str | None]:
        client = Client(server)
        response = client.send(model)
        response.read()
        client.close()
        return response.status, response.getheader("retry-after")

    with ThreadPoolExecutor(calls) as pool:
        return list(pool.map(one, range(calls)))


@pytest.mark.parametrize("model", sorted(set(MODES) - ENDLESS - BROKEN - {"ok-then-close"}))
@pytest.mark.parametrize("stream", [False, True])
def test_a_connection_serves_again_after_any_answer_that_ends(kept: Client, model: str, stream: bool) -> None:
    kept.send(model, stream=stream).read()
    socket = kept.connection.sock
    assert kept.ask("ok")[0] == 200
    assert kept.connection.sock is socket is not None


def test_a_kept_connection_answers_without_delay(client: Client) -> None:
    client.ask("ok")
    took = []
    for _ in range(20):
        begun = time.monotonic()
        client.ask("ok")
        took.append(time.monotonic() - begun)
    assert min(took) < 0.035  # each takes 40 ms where the kernel holds small packets back


@pytest.mark.parametrize("model", sorted(BROKEN))
def test_a_cut_answer_is_noticed_and_the_next_call_is_answered(client: Client, model: str) -> None:
    with pytest.raises((http.client.RemoteDisconnected, http.client.IncompleteRead)):
        client.send(model).read()
    client.close()
    assert client.ask("ok")[0] == 200


def test_a_kept_connection_can_be_dropped_before_a_byte_comes(hostile: HostileServer, client: Client) -> None:
    hostile.script("gpt-x", "ok", "drop", "ok")
    assert client.ask("gpt-x")[0] == 200
    with pytest.raises(http.client.RemoteDisconnected):
        client.send("gpt-x")
    assert client.ask("gpt-x")[0] == 200
    assert hostile.calls("gpt-x") == 3


def test_a_connection_can_be_closed_unannounced_after_an_answer(client: Client) -> None:
    response = client.send("ok-then-close")
    assert response.getheader("connection") is None
    assert json.loads(response.read())["choices"]
    assert client.connection.sock.recv(1) == b""


def test_slow_headers_come_late_and_a_slow_body_after_its_headers(client: Client) -> None:
    begun = time.monotonic()
    response = client.send("slow")
    assert time.monotonic() - begun > 0.4
    response.read()
    response = client.send("slow-body")
    headers_at = time.monotonic()
    assert json.loads(response.read())["choices"][0]["message"]["content"] == "You said: Hello there"
    assert time.monotonic() - headers_at > 0.3


@pytest.mark.parametrize(("model", "off_s"), [("rate-limited-fast-clock", 3600), ("rate-limited-slow-clock", -3600)])
def test_a_wrong_clock_is_wrong_in_both_headers(client: Client, model: str, off_s: int) -> None:
    response = client.send(model)
    date, retry_at = (email.utils.parsedate_to_datetime(response.headers[name]) for name in ("date", "retry-after"))
    assert (retry_at - date).total_seconds() == 3
    assert abs(date.timestamp() - time.time() - off_s) < 5
    assert response.headers.get_all("date") == [response.headers["date"]]


def test_every_answer_has_one_date(client: Client) -> None:
    for model in ("ok", "bad-gateway", "rate-limited-date"):
        response = client.send(model)
        response.read()
        (date,) = response.headers.get_all("date") or []
        assert abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time()) < 5


def test_ids_are_different_unless_they_are_wanted_alike(client: Client) -> None:
    assert len({client.ask("ok")[1]["id"] for _ in range(3)}) == 3
    assert len({client.ask("duplicate-ids")[1]["id"] for _ in range(3)}) == 1


@pytest.mark.parametrize(
    ("model", "refused", "accepted", "param"),
    [
        ("refuses-temperature", {"temperature": 0.5}, {"temperature": 1}, "temperature"),
        ("refuses-top-p", {"top_p": 0.9}, {"top_p": 1, "temperature": 0.5}, "top_p"),
        ("refuses-temperature-with-top-p", {"temperature": 0.5, "top_p": 0.9}, {"top_p": 0.9}, None),
        ("refuses-n", {"n": 2}, {"n": 1}, "n"),
        ("refuses-seed", {"seed": 0}, {}, "seed"),
        ("refuses-logprobs", {"logprobs": True}, {"logprobs": False}, "logprobs"),
        ("refuses-max-tokens", {"max_tokens": 5}, {"max_completion_tokens": 5}, "max_tokens"),
    ],
)
def test_a_parameter_is_refused_and_nothing_charged(
    hostile: HostileServer, client: Client, model: str, refused: dict[str, Any], accepted: dict[str, Any], param: str
) -> None:
    status, body = client.ask(model, **refused)
    assert (status, body["error"]["param"], hostile.books.charged) == (400, param, 0)
    assert (client.ask(model, **accepted)[0], hostile.books.charged) == (200, 1)


@pytest.mark.parametrize(("n", "count"), [(1, 1), (2, 1), (5, 2), (8, 4)])
def test_fewer_choices_come_than_asked_for(hostile: HostileServer, client: Client, n: int, count: int) -> None:
    assert len(client.texts("few-choices", n=n)) == count
    assert hostile.books.charged == count


def test_a_temperature_is_honoured_ignored_or_clamped(client: Client) -> None:
    def different(model: str, temperature: float) -> int:
        return len(set(client.texts(model, temperature=temperature, n=40)))

    assert different("honours-temperature", 0) == different("clamps-temperature", 0) == 1
    assert different("ignores-temperature", 0) > 20
    hot = [int(text.rsplit(" ", 1)[1]) for text in client.texts("honours-temperature", temperature=2, n=60)]
    clamped = [int(text.rsplit(" ", 1)[1]) for text in client.texts("clamps-temperature", temperature=2, n=60)]
    assert max(clamped) <= 1000 < max(hot)


def test_seeds_repeat_and_choices_differ(client: Client) -> None:
    first = client.texts("honours-temperature", temperature=1, seed=7, n=3)
    assert first == client.texts("honours-temperature", temperature=1, seed=7, n=3)
    assert len(set(first)) == 3
    assert first != client.texts("honours-temperature", temperature=1, seed=8, n=3)


def test_one_server_says_which_temperature_it_used(client: Client) -> None:
    assert "generation_settings" not in client.ask("clamps-temperature", temperature=1.5)[1]
    settings = client.ask("clamps-temperature-and-says-so", temperature=1.5)[1]["generation_settings"]
    assert settings["temperature"] == 1.0


def test_above_the_slots_calls_are_refused_without_saying_how_long(hostile: HostileServer) -> None:
    hostile.max_in_flight, hostile.latency_s = 2, 0.3
    answers = at_once(hostile, "ok", 6)
    assert sorted(answers, key=str) == [(200, None)] * 2 + [(429, None)] * 4
    assert (hostile.books.most_in_flight, hostile.books.in_flight, hostile.books.charged) == (2, 0, 2)


def test_a_bucket_refills_up_to_its_burst() -> None:
    now = [0.0]
    bucket = Bucket("requests", per_s=2, burst=3, clock=lambda: now[0])
    for _ in range(3):
        assert bucket.wait_s(1) == 0
        bucket.take(1)
    assert bucket.wait_s(1) == 0.5
    assert dict(bucket.headers()) == {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1.5s",
    }
    now[0] = 0.5
    assert bucket.wait_s(1) == 0
    now[0] = 100
    assert bucket.level == 3
    assert bucket.wait_s(50) == 0


@pytest.mark.parametrize(("seconds", "text"), [(0.0101, "11ms"), (1.5, "1.5s"), (12, "12s"), (360, "6m0s")])
def test_durations_are_written_as_openai_does(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_every_reply_tells_the_limits_and_an_empty_bucket_how_long_to_wait(
    hostile: HostileServer, client: Client
) -> None:
    hostile.limit(requests_per_s=0.25, burst=2)
    hostile.limit(tokens_per_s=0.001, burst=30)
    headers = []
    for _ in range(3):
        response = client.send("ok", max_tokens=5)
        response.read()
        headers.append(
            [response.status, *(response.headers[f"x-ratelimit-remaining-{w}"] for w in ("requests", "tokens"))]
        )
    assert headers == [[200, "1", "23"], [200, "0", "16"], [429, "0", "16"]]
    assert response.headers["retry-after"] == "4"
    assert 3000 < int(response.headers["retry-after-ms"]) <= 4000
    assert hostile.books.charged == 2


def test_a_bucket_of_tokens_is_named_when_it_is_empty(hostile: HostileServer, client: Client) -> None:
    hostile.limit(requests_per_s=100, burst=100)
    hostile.limit(tokens_per_s=0.01, burst=20)
    assert client.ask("ok", max_tokens=9, n=2)[0] == 200
    status, body = client.ask("ok", max_tokens=9)
    assert (status, body["error"]["type"]) == (429, "tokens")


def test_a_server_of_slots_says_how_many_and_takes_no_more_choices() -> None:
    with HostileServer(kind="llama.cpp") as server:
        client = Client(server)
        server.slots = 2
        client.connection.request("GET", "/props")
        assert json.loads(client.connection.getresponse().read()) == {"total_slots": 2}
        assert [client.ask("ok", n=n)[0] for n in (1, 2, 3)] == [200, 200, 400]
        client.close()


def test_a_mix_depends_on_seed_and_number_alone(hostile: HostileServer) -> None:
    def modes(model: str, seed: int) -> list[str]:
        hostile.mix({"server-error": 0.3, "html": 0.2}, seed=seed)
        return [hostile.mode(Recorded("", {"model": model}, {}, 0.0, number=number)) for number in range(1, 101)]

    first = modes("ok", 1)
    assert first == [mode.replace("slow", "ok") for mode in modes("slow", 1)]
    assert 15 <= first.count("server-error") <= 45
    assert 8 <= first.count("html") <= 32
    assert modes("ok", 2) != first


def test_a_mix_cuts_one_request_no_more_often_than_it_may(hostile: HostileServer) -> None:
    hostile.mix({"reset": 0.5, "half-body": 0.5}, most_cuts=2)
    numbers = iter(range(1, 9))

    def modes(word: str) -> list[str]:
        return [hostile.mode(Recorded("", {"prompt": word}, {}, 0.0, number=next(numbers))) for _ in range(4)]

    for word in ("one", "two"):
        first, second, *rest = modes(word)
        assert {first, second} <= CUT
        assert rest == ["ok", "ok"]


def test_a_mix_reaches_the_wire(hostile: HostileServer, client: Client) -> None:
    hostile.mix({"server-error": 0.5}, seed=1)
    statuses = [client.ask("ok")[0] for _ in range(12)]
    assert statuses == [500 if entry.mode == "server-error" else 200 for entry in hostile.books.completions]
    assert set(statuses) == {200, 500}


def test_from_one_call_on_everything_is_refused(hostile: HostileServer, client: Client) -> None:
    hostile.from_call(3, "unauthorized")
    hostile.from_call(5, "no-quota")
    assert [client.ask(f"model-{n}")[0] for n in range(6)] == [200, 200, 401, 401, 429, 429]
    assert hostile.books.charged == 2


def test_who_hangs_up_before_an_answer_is_charged_nothing(hostile: HostileServer) -> None:
    client = Client(hostile)
    client.connection.request("POST", "/v1/chat/completions", json.dumps({"model": "hang", "messages": HELLO}))
    until(lambda: hostile.books.in_flight == 1)
    client.close()
    until(lambda: hostile.books.in_flight == 0)
    (entry,) = hostile.books.completions
    assert (entry.hung_up, entry.charged, entry.status, entry.whole) == (True, 0, None, False)
    assert entry.ended is not None
    assert entry.ended > entry.at


def test_who_hangs_up_within_an_answer_pays_for_it(hostile: HostileServer) -> None:
    client = Client(hostile)
    response = client.send("slow-body", n=2)
    response.close()
    client.close()
    until(lambda: hostile.books.in_flight == 0)
    (entry,) = hostile.books.completions
    assert (entry.hung_up, entry.charged, entry.status) == (True, 2, 200)
    assert (hostile.books.charged, hostile.books.replies_sent) == (2, 0)


def test_a_cut_answer_is_charged_and_not_a_reply(hostile: HostileServer, client: Client) -> None:
    with pytest.raises(http.client.IncompleteRead):
        client.send("half-body").read()
    client.close()
    client.ask("ok", n=3)
    (cut, _) = hostile.books.completions
    assert (cut.charged, cut.hung_up, cut.whole) == (1, False, False)
    assert (hostile.books.charged, hostile.books.replies_sent, hostile.hung_up) == (4, 3, 0)
    assert hostile.books.tokens == (2 + 4) + (2 + 3 * 4)


@pytest.mark.parametrize("model", ["no-usage", "wrong-usage", "no-choices", "odd-choices", "bad-json"])
def test_a_spoiled_answer_costs_what_a_good_one_costs(hostile: HostileServer, client: Client, model: str) -> None:
    client.send(model, n=2).read()
    assert (hostile.books.charged, hostile.books.tokens) == (2, 2 + 2 * 4)


def test_a_quick_client_that_leaves_after_its_answer_has_not_hung_up(hostile: HostileServer) -> None:
    for _ in range(30):
        client = Client(hostile)
        client.send("ok").read()
        client.close()
    until(lambda: hostile.books.in_flight == 0)
    assert (hostile.hung_up, hostile.books.replies_sent) == (0, 30)


def test_the_books_add_up_whatever_happens(hostile: HostileServer) -> None:
    modes = ("half-body", "drop", "hang", "rate-limited", "slow-body", "null-content", "reset")
    hostile.mix(dict.fromkeys(modes, 0.08), seed=3)

    def got(_: int) -> int:
        client = Client(hostile, timeout_s=2.0)
        try:
            return len(client.ask("ok", n=2)[1].get("choices", []))
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            client.close()

    with ThreadPoolExecutor(8) as pool:
        replies = sum(pool.map(got, range(80)))
    until(lambda: hostile.books.in_flight == 0)
    books, entries = hostile.books, hostile.books.completions
    assert {entry.mode for entry in entries} == {*modes, "ok"}
    assert sorted(entry.number for entry in entries) == list(range(1, 81))
    assert all(entry.ended and entry.ended >= entry.at for entry in entries)
    assert books.replies_sent == replies < books.charged
    assert 1 < books.most_in_flight <= 8
    assert {entry.mode for entry in entries if entry.hung_up} == {"hang"}
