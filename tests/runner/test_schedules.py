"""Any schedule of faults and deaths, on any small plan: each cell ends once, nothing is paid twice, no limit crossed.

SCHEDULES=500 in the environment tries so many random ones; without it the same few are tried each time.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from promptgrid import connections
from promptgrid.budget import parse_budget
from promptgrid.calls import call, journal
from promptgrid.endpoint import Request
from promptgrid.endpoint.openai import OpenAIEndpoint
from promptgrid.grid import Plan
from promptgrid.prompt import Message, Prompt
from promptgrid.prompt.model import ChainStep
from promptgrid.runner import client
from promptgrid.store import Database, runs
from promptgrid.store.schema import cells, replies
from tests.faults.server import HostileServer
from tests.running import a_plan, carried_out, kill, process, replies_of, statuses, until

if TYPE_CHECKING:
    from promptgrid.endpoint import Reply

PASSING = ("rate-limited-ms", "server-error", "overloaded", "bad-gateway", "reset", "half-body", "drop", "slow-body")
LASTING = ("html", "null-content", "bad-json", "no-usage", "few-choices", "duplicate-ids")
STOPPING = ("unauthorized", "no-quota", "unknown-model")
LEGAL = {"pending", "answered", "failed"}
SEED = 1000
ROOM = 8
STRATEGIES = ("self-refine:rounds=1", "least-to-most", "chain-of-verification:questions=2", "best-of-n:n=2,choose=vote")
CHAIN = Prompt(
    "chain",
    (Message("user", "Say {{ better }}."),),
    chain=(
        ChainStep("list", text="user:\nTell {{ word }}.", technique="step-back"),
        ChainStep("better", text="user:\nBetter than {{ better }}: {{ list }}", repeat=2),
    ),
)


@dataclass(frozen=True)
class Death:
    """The process dies at its n-th transaction that writes: before that is committed, or right after."""

    at: int
    committed: bool


@dataclass(frozen=True)
class Schedule:
    plan: Mapping[str, Any]
    max_n: int
    shares: Mapping[str, float]
    seed: int
    stops: tuple[int, str] | None  # from that call on
    deaths: tuple[Death, ...]


ONE_CALL = st.fixed_dictionaries({"words": st.integers(1, 10), "samples": st.integers(1, 4)})
SEVERAL_CALLS = st.fixed_dictionaries({
    "words": st.integers(1, 4), "samples": st.integers(1, 2), "is_chain": st.booleans(),
    "techniques": st.lists(st.sampled_from(STRATEGIES), min_size=1, max_size=2, unique=True),
})  # fmt: skip


@st.composite
def schedules(draw: st.DrawFn, kinds: st.SearchStrategy[Mapping[str, Any]]) -> Schedule:
    modes = draw(st.lists(st.sampled_from(PASSING + LASTING), max_size=5, unique=True))
    plan = {
        **draw(kinds),
        "concurrency": draw(st.integers(1, 16)),
        "retries": draw(st.sampled_from([0, 2, 5])),
        "budget": draw(st.sampled_from(["", "", "7calls", "30calls", "400tok", "1500tok"])),
    }
    return Schedule(
        plan,
        max_n=draw(st.sampled_from([1, 1, 3])),
        shares={mode: draw(st.sampled_from([0.05, 0.1, 0.3])) for mode in modes},
        seed=draw(st.integers(0, 10_000)),
        stops=draw(st.none() | st.tuples(st.integers(1, 30), st.sampled_from(STOPPING))),
        deaths=tuple(draw(st.lists(st.builds(Death, st.integers(1, 12), st.booleans()), max_size=3))),
    )


class Died(BaseException):
    """As by kill -9: nothing of the engine expects it, and from then on nothing is written."""


@dataclass
class Life:
    """Lets a process write so many times and then die."""

    death: Death | None
    writes: int = 0
    dead: bool = False

    def patch(self, patched: pytest.MonkeyPatch) -> None:
        write = Database.write

        @contextmanager
        def mortal(database: Database) -> Iterator[sa.Connection]:
            self._dies(committed=False)
            with write(database) as connection:
                yield connection
            self._dies(committed=True)

        patched.setattr(Database, "write", mortal)

    def _dies(self, *, committed: bool) -> None:
        self.writes += not committed
        now = self.death is not None and self.writes == self.death.at and self.death.committed == committed
        self.dead = self.dead or now
        if self.dead:
            raise Died


@dataclass
class Witness:
    """What was seen of a run from outside, life after life."""

    database: Database
    server: HostileServer
    run_id: str
    plan: Plan
    answered: dict[int, int] = field(default_factory=dict)  # position -> reply
    committed: set[tuple[str, int]] = field(default_factory=set)
    requests: int = 0

    def look(self) -> None:
        """To be called when nobody works on the run."""
        answered, by_status = self._answered(), statuses(self.database, self.run_id)
        assert by_status.keys() <= LEGAL
        assert by_status.total() == len(self.plan.cases) * len(self.plan.techniques) * self.plan.samples
        assert self.answered.items() <= answered.items(), "an answered cell was touched again"
        stored = replies_of(self.database)
        assert len(stored) == len(set(stored)), "a sample was stored twice"
        assert len(set(answered.values())) == len(answered)
        sent = self.sent(self.requests)
        assert not self.committed & sent.keys(), "what was committed has been sent again"
        self.answered, self.committed, self.requests = answered, self._committed(), len(self.server.books.completions)
        self._within_budget()

    def _within_budget(self) -> None:
        budget, books = parse_budget(self.plan.budget), self.server.books
        if budget is not None:
            charged = sum(request.charged > 0 for request in books.completions)
            assert {"calls": charged, "tok": books.tokens}[budget.unit] <= budget.amount

    def _answered(self) -> dict[int, int]:
        query = sa.select(cells.c.position, cells.c.reply_id).where(cells.c.status == "answered")
        with self.database.read() as connection:
            return {row.position: row.reply_id for row in connection.execute(query)}

    def _committed(self) -> set[tuple[str, int]]:
        """(messages, seed) of the replies stored."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(replies.c.request, replies.c.seed))
            return {(_messages(json.loads(row.request)), row.seed) for row in rows}

    def sent(self, after: int = 0) -> Counter[tuple[str, int]]:
        """How often each (messages, seed) was asked for."""
        bodies = [request.body for request in self.server.books.completions[after:]]
        return Counter((_messages(body), body["seed"] + index) for body in bodies for index in range(body.get("n", 1)))


def _messages(body: Mapping[str, Any]) -> str:
    return json.dumps(body["messages"])


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The most calls that were under way at a time, as the client knows it."""
    counts: Counter[str] = Counter()
    complete = OpenAIEndpoint.complete

    async def counted(self: OpenAIEndpoint, request: Request) -> list[Reply]:
        counts["now"] += 1
        counts["most"] = max(counts["most"], counts["now"])
        try:
            return await complete(self, request)
        finally:
            counts["now"] -= 1

    monkeypatch.setattr(OpenAIEndpoint, "complete", counted)
    monkeypatch.setattr(call, "_FIRST_WAIT_S", 0.002)
    monkeypatch.setattr(journal, "_GROUP_S", 0.005)
    return counts


def a_list(body: Mapping[str, Any]) -> str:
    """A list, as some techniques ask for, as long as it may be; another one for each request."""
    request = zlib.crc32(_messages(body).encode())
    return f"1. {request}?\n2. {body['seed']}? " + "word " * 2 * ROOM


@contextmanager
def stage(max_n: int) -> Iterator[HostileServer]:
    """A server, and a data folder of its own that knows it as `many`."""
    with HostileServer() as server, tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patched:
        patched.setenv("PROMPTGRID_HOME", home)
        (Path(home) / "config").mkdir()
        text = f'[many]\nbase_url = "{server.url}"\nmax_n = {max_n}\ntimeout_s = 5\n'
        (Path(home) / "config" / "endpoints.toml").write_text(text)
        server.answer = a_list
        try:
            yield server
        finally:
            connections.close()


def planned(*, is_chain: bool = False, **settings: Any) -> Plan:
    plan = replace(a_plan("m", seed=SEED, max_tokens=ROOM, **settings), models=("many/m",))
    return replace(plan, prompts=(CHAIN,)) if is_chain else plan


def live(database: Database, run_id: str, death: Death | None) -> None:
    """One life of a runner: until the run rests, or death."""
    life = Life(death)
    with pytest.MonkeyPatch.context() as patched:
        life.patch(patched)
        try:
            carried_out(database, run_id)
        except Died:
            event("died")


NUMBER = int(os.environ.get("SCHEDULES", "0"))


TRIES = settings(
    max_examples=NUMBER or 25,
    derandomize=not NUMBER,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@TRIES
@given(schedule=schedules(ONE_CALL))
def test_whatever_fails_and_dies_each_cell_ends_once_and_no_limit_is_crossed(
    most: Counter[str], schedule: Schedule
) -> None:
    each_cell_ends_once_and_no_limit_is_crossed(most, schedule)


@settings(TRIES, max_examples=NUMBER or 15)
@given(schedule=schedules(SEVERAL_CALLS))
def test_whatever_fails_and_dies_each_cell_of_several_calls_ends_once_and_no_limit_is_crossed(
    most: Counter[str], schedule: Schedule
) -> None:
    each_cell_ends_once_and_no_limit_is_crossed(most, schedule)


def each_cell_ends_once_and_no_limit_is_crossed(most: Counter[str], schedule: Schedule) -> None:
    most.clear()
    with stage(schedule.max_n) as server:
        server.mix(schedule.shares, schedule.seed)
        if schedule.stops:
            server.from_call(*schedule.stops)
        plan = planned(**schedule.plan)
        database = Database()
        run_id = client.submit(database, plan)
        witness = Witness(database, server, run_id, plan)
        for death in (*schedule.deaths, None):
            live(database, run_id, death)
            witness.look()
            runs.ask(database, run_id, "resume")
        server.from_call(len(server.books.completions) + 1, "ok")  # all is well again
        live(database, run_id, None)
        witness.look()
        ended = runs.find_run(database, run_id)
        event(ended.status)
        assert most["most"] <= schedule.plan["concurrency"]
        if ended.status == "finished":
            assert statuses(database, run_id).keys() == {"answered"}
        else:
            assert "budget" in ended.message
        _nothing_is_paid_twice_but_what_was_in_flight(witness, schedule)
        database.close()


def _nothing_is_paid_twice_but_what_was_in_flight(witness: Witness, schedule: Schedule) -> None:
    good = [r for r in witness.server.books.completions if r.charged and r.whole and r.mode in ("ok", "no-usage")]
    samples = sum(request.charged for request in good)
    assert samples - len(witness.committed) <= len(schedule.deaths) * schedule.plan["concurrency"] * schedule.max_n


def test_requests_to_wait_leave_the_retries_for_what_fails(most: Counter[str]) -> None:
    with stage(max_n=1) as server:
        server.script("m", *["rate-limited-ms"] * 4, "server-error", "ok")
        database = Database()
        run_id = client.submit(database, planned(words=1, retries=1))
        carried_out(database, run_id)
        assert statuses(database, run_id) == {"answered": 1}
        database.close()


def test_other_faults_leave_the_retries_of_replies_that_are_cut(most: Counter[str]) -> None:
    with stage(max_n=1) as server:
        server.script("m", "half-body", "server-error", "drop", "rate-limited-ms", "reset", "bad-gateway", "ok")
        database = Database()
        run_id = client.submit(database, planned(words=1, retries=5))
        carried_out(database, run_id)
        assert statuses(database, run_id) == {"answered": 1}
        assert server.calls("m") == 7
        database.close()


KILLABLE = (
    "-c",
    "import runpy; import promptgrid.calls.call as call; call._FIRST_WAIT_S = 0.002;"
    "runpy.run_module('promptgrid.runner', run_name='__main__')",
)


KILLED: Mapping[int, Mapping[str, Any]] = {
    1: {"words": 20, "samples": 4},
    2: {"words": 8, "samples": 2, "is_chain": True, "techniques": ["zero-shot", "chain-of-verification:questions=2"]},
}


@pytest.mark.parametrize("seed", KILLED)
def test_runners_killed_at_random_moments_lose_nothing(seed: int, tmp_path: Path) -> None:
    moments = random.Random(seed)
    with stage(max_n=1) as server:
        server.latency_s = 0.05
        faults = {"reset": 0.05, "server-error": 0.1, "rate-limited-ms": 0.1, "half-body": 0.05}
        server.mix(faults, seed, most_cuts=call.BAD_REPLIES)
        plan = planned(**KILLED[seed], concurrency=6, budget="300calls", retries=20)
        database = Database()
        run_id = client.submit(database, plan)
        witness = Witness(database, server, run_id, plan)
        for _ in range(3):
            had, server.passes = len(server.books.completions), 20  # so that the run does not end before its time
            with process(tmp_path / "runner", *KILLABLE) as runner:
                until(lambda had=had: len(server.books.completions) > had + 4)  # type: ignore[misc]
                time.sleep(moments.uniform(0.0, 0.2))
                kill(runner)
            until(lambda: not server.books.in_flight)
            witness.look()
        server.passes = None
        with process(tmp_path / "runner", *KILLABLE):
            until(lambda: runs.find_run(database, run_id).status == "finished")
        witness.look()
        cells_planned = len(plan.cases) * len(plan.techniques) * plan.samples
        assert statuses(database, run_id) == {"answered": cells_planned}, runs.errors(database, run_id)
        good = sum(request.whole and request.mode == "ok" for request in server.books.completions)
        assert good - len(witness.committed) <= 3 * 6
        database.close()
