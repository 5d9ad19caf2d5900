"""A judge is as safe as a run: whatever dies, and whenever, nothing it said is lost or paid for twice, and no budget is
crossed. Real processes, real signals."""

from __future__ import annotations

import json
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from promptgrid import api, connections, loop
from promptgrid.budget import BudgetReached
from promptgrid.calls import journal
from promptgrid.errors import PlanError, StoreError
from promptgrid.grading import parse_check
from promptgrid.judging import embedding, rescore, session
from promptgrid.judging.pairs import PairJudge, judge_pairs
from promptgrid.prompt import Message, Prompt
from promptgrid.runner import client
from promptgrid.runner.carry_out import carry_out
from promptgrid.store import Database, runs, scores, votes
from promptgrid.store.attempts import spent
from promptgrid.store.schema import attempts, replies
from tests.command import promptgrid
from tests.running import RUNNER, a_run, carried_out, kill, process, until

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

SAY = Prompt("say", (Message("user", "Say {{ word }}."),))
WORDS = 24
JUDGE = "judge:model=openai/wise"
CLI = ("-m", "promptgrid")
CHECK = ("check", "last")
JUDGING_THREAD = str(Path(__file__).with_name("judging_thread.py"))
SLOW_TO_WRITE = "import promptgrid.calls.journal as journal; journal._GROUP_S = 60;"


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer) -> None:
    """Every reply is another one; `wise` judges."""
    endpoint.answer = answered


def answered(body: dict[str, Any]) -> str:
    text = body["messages"][-1]["content"]
    if "<first " in text:
        return "Verdict: tie"
    return "Verdict: 5" if "<reply " in text else f"{text} At {body.get('temperature')}."


def judged_run(database: Database, **changes: Any) -> str:
    usual = {"cases": [{"word": f"w{n}"} for n in range(WORDS)], "models": "openai/m", "checks": []}
    return a_run(database, api.plan(SAY, **usual | changes))


def asked(hostile: HostileServer, after: int = 0) -> Counter[str]:
    """How often the judge was asked each thing, from the request of that number on."""
    mine = [r.body for r in hostile.books.completions[after:] if r.body["model"] == "wise"]
    return Counter(body["messages"][-1]["content"] for body in mine)


def said(database: Database, kind: str = "judge") -> list[str]:
    """What the judge was asked in each reply of its that is kept."""
    with database.read() as connection:
        requests = connection.scalars(sa.select(replies.c.request).where(replies.c.kind == kind)).all()
    return [json.loads(request)["messages"][-1]["content"] for request in requests]


def mean(database: Database, run_id: str) -> list[tuple[str, float | None, int]]:
    return [(total.check, total.mean, total.scored) for total in scores.totals(database, run_id)]


def killed(home: Path, *command: str, when: Any) -> None:
    with process(home, *command) as judging:
        until(when)
        kill(judging)


def to_the_end(*command: str) -> int:
    """The exit code of a command that nothing kills, in this process."""
    return promptgrid(*command).exit_code


def test_a_killed_check_asks_only_what_is_missing(database: Database, hostile: HostileServer, home: Path) -> None:
    run_id = judged_run(database)
    hostile.latency_s = 0.2
    for wanted in (6, 14):
        killed(home, *CLI, *CHECK, "--check", JUDGE, when=lambda wanted=wanted: len(said(database)) >= wanted)
    stopped_session = rescore.stopped(database, run_id)
    assert stopped_session is not None
    assert 0 < stopped_session[1].done <= WORDS == stopped_session[1].total
    requests, before = said(database), len(hostile.books.completions)
    assert to_the_end(*CHECK) == 0  # goes on with what was begun
    assert mean(database, run_id) == [("judge", 1.0, WORDS)]
    assert not set(requests) & asked(hostile, before).keys()
    assert len(said(database)) == len(set(said(database))) == WORDS
    assert asked(hostile).total() <= WORDS + 2 * 8
    assert rescore.stopped(database, run_id) is None


def test_a_judge_that_is_asked_anew_is_asked_once_too(database: Database, hostile: HostileServer, home: Path) -> None:
    run_id = judged_run(database, checks=[JUDGE])
    hostile.latency_s = 0.2
    killed(home, *CLI, *CHECK, "--fresh", when=lambda: len(said(database)) >= WORDS + 6)
    requests, before = said(database)[WORDS:], len(hostile.books.completions)
    assert to_the_end(*CHECK, "--fresh") == 0
    assert not set(requests) & asked(hostile, before).keys()
    assert Counter(said(database)) == dict.fromkeys(said(database), 2)
    assert to_the_end(*CHECK, "--fresh") == 0
    assert Counter(said(database)) == dict.fromkeys(said(database), 3)
    assert mean(database, run_id) == [("judge", 1.0, WORDS)]


def test_what_a_killed_judge_had_said_and_not_committed_is_kept(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    run_id = judged_run(database)
    judge = f"from promptgrid.cli import main; main({['check', run_id, '--check', JUDGE]!r})"
    killed(home, "-c", SLOW_TO_WRITE + judge, when=lambda: asked(hostile).total() == WORDS == unsaved(home))
    assert said(database) == []
    assert carried_out_again(database, run_id) == "finished"  # a runner leaves alone what a judge has said
    assert to_the_end(*CHECK) == 0
    assert asked(hostile).total() == WORDS
    assert unsaved(home) == 0
    assert mean(database, run_id) == [("judge", 1.0, WORDS)]


def carried_out_again(database: Database, run_id: str) -> str:
    runs.ask(database, run_id, "resume")
    return carried_out(database, run_id)


def unsaved(home: Path) -> int:
    return sum(file.read_text().count("\n") for file in home.glob("data/unsaved/*"))


def test_kills_do_not_carry_a_judge_over_its_budget(database: Database, hostile: HostileServer, home: Path) -> None:
    run_id = judged_run(database)
    hostile.latency_s = 0.2
    budgeted = (*CHECK, "--check", JUDGE, "--budget", "20calls")
    for wanted in (4, 9):
        killed(home, *CLI, *budgeted, when=lambda wanted=wanted: len(said(database)) >= wanted)
    refused = promptgrid(*budgeted)
    assert (refused.exit_code, "budget of 20 calls" in refused.output) == (2, True)
    assert asked(hostile).total() <= 20
    assert spent(database, run_id).calls - WORDS == 20
    assert to_the_end(*budgeted) == 2  # it is the budget of the whole, not of each try
    assert asked(hostile).total() <= 20
    assert to_the_end(*CHECK, "--budget", "60calls") == 0
    assert len(said(database)) == WORDS


def test_killed_embeddings_go_on_and_stay_within_their_budget(
    database: Database, hostile: HostileServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = judged_run(database, cases=[{"word": f"w{n}", "expected": f"e{n}"} for n in range(WORDS)])
    check = ["check", run_id, "--check", "similarity:method=embedding,model=openai/vectors", "--budget", "11calls"]
    by_four = (
        "from promptgrid.judging import embedding; from promptgrid.cli import main; "
        f"embedding.TEXTS_A_CALL = 4; main({check!r})"
    )
    monkeypatch.setattr(embedding, "TEXTS_A_CALL", 4)
    hostile.latency_s = 0.3
    for wanted in (8, 16):
        killed(home, "-c", by_four, when=lambda wanted=wanted: len(vectors(database)) >= wanted)
    assert "embedded by openai/vectors: 12 calls" in (home / "process.log").read_text()
    requests, before = vectors(database), len(sent_texts(hostile))
    assert to_the_end(*check) == 2  # 12 calls are needed, and two of them were lost
    assert not set(requests) & set(sent_texts(hostile)[before:])
    assert len(calls_for_vectors(hostile)) <= 11
    assert spent(database, run_id).calls - WORDS == 11
    assert to_the_end(*CHECK, "--budget", "30calls") == 0
    assert sorted(vectors(database)) == sorted(set(sent_texts(hostile)))
    assert len(vectors(database)) == 2 * WORDS


def vectors(database: Database) -> list[str]:
    """The texts whose vectors are kept."""
    with database.read() as connection:
        requests = connection.scalars(sa.select(replies.c.request).where(replies.c.kind == "embedding")).all()
    return [json.loads(request)["input"] for request in requests]


def calls_for_vectors(hostile: HostileServer) -> list[list[str]]:
    return [request.body["input"] for request in hostile.requests if request.path.endswith("/embeddings")]


def sent_texts(hostile: HostileServer) -> list[str]:
    return [text for call in calls_for_vectors(hostile) for text in call]


def test_calls_lost_with_a_killed_runners_judge_stay_reserved(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    hostile.script("wise", "no-usage")
    budget = f"{WORDS + 16}calls"
    plan = api.plan(SAY, [{"word": f"w{n}"} for n in range(WORDS)], models="openai/m", checks=[JUDGE], budget=budget)
    run_id = client.submit(database, plan)
    hostile.latency_s = 0.2
    for wanted in (3, 6):
        killed(home, *RUNNER, when=lambda wanted=wanted: len(said(database)) >= wanted)
    with process(home, *RUNNER):
        until(lambda: runs.find_run(database, run_id).status == "stopped")
    assert asked(hostile).total() <= 16
    assert spent(database, run_id).calls == WORDS + 16


def test_a_killed_judge_of_pairs_goes_on(database: Database, hostile: HostileServer, home: Path) -> None:
    run_id = judged_run(database, temperatures=[0, 1])
    hostile.latency_s = 0.2
    judge = ("judge", run_id, "--model", "openai/wise", "--pairs", "14")
    killed(home, *CLI, *judge, when=lambda: len(said(database)) >= 8)
    requests, before = said(database), len(hostile.books.completions)
    assert to_the_end(*judge) == 0
    assert not set(requests) & asked(hostile, before).keys()
    assert len(votes.listed(database, run_id)) == 14
    before = len(hostile.books.completions)
    assert to_the_end(*judge) == 0  # 14 are judged
    assert len(hostile.books.completions) == before


def test_ctrl_c_lets_what_the_judge_is_saying_come_in(database: Database, hostile: HostileServer, home: Path) -> None:
    run_id = judged_run(database)
    hostile.latency_s = 0.5
    with process(home, *CLI, *CHECK, "--check", JUDGE) as judging:
        until(lambda: asked(hostile).total() >= 8)
        judging.send_signal(signal.SIGINT)
        assert judging.wait(60) != 0
    assert f"promptgrid check {run_id}" in (home / "process.log").read_text()
    assert len(said(database)) == asked(hostile).total() < WORDS
    assert hostile.hung_up == 0


def test_a_dashboard_that_dies_leaves_word_of_how_far_its_judge_was(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    run_id = judged_run(database)
    hostile.latency_s = 0.2
    with process(home, JUDGING_THREAD, run_id, JUDGE) as dashboard:
        until(lambda: len(said(database)) >= 6)
        until(lambda: session.in_progress(run_id))
        assert rescore.stopped(database, run_id) is None
        kill(dashboard)
    stopped_session = rescore.stopped(database, run_id)
    assert stopped_session is not None
    planned, begun = stopped_session
    assert [str(spec).split(",")[0] for spec in planned.score] == [JUDGE]
    assert begun.total == WORDS
    requests, before = said(database), len(hostile.books.completions)
    rescore.carry_out(database, planned, budget=begun.budget)
    assert not set(requests) & asked(hostile, before).keys()
    assert mean(database, run_id) == [("judge", 1.0, WORDS)]


def test_a_dashboard_ends_though_its_judge_is_at_work(database: Database, hostile: HostileServer, home: Path) -> None:
    run_id = judged_run(database)
    hostile.script("wise", "hang")
    with process(home, JUDGING_THREAD, run_id, JUDGE) as dashboard:
        until(lambda: asked(hostile).total() >= 1)
        dashboard.send_signal(signal.SIGINT)
        dashboard.wait(60)


def test_a_run_that_goes_on_waits_for_who_judges_it(database: Database, hostile: HostileServer) -> None:
    run_id = judged_run(database, checks=[JUDGE])
    hostile.latency_s = 0.05
    client.extend(database, run_id, samples=2)
    with session.lock(run_id):
        carrying = loop.start(carry_out(database, run_id, connect=connections.connect))
        until(lambda: hostile.calls("m") == 2 * WORDS)
        until(lambda: runs.progress(database, run_id).scored)
        assert hostile.calls("wise") == WORDS
    assert carrying.result(timeout=60) == "finished"
    assert mean(database, run_id) == [("judge", 1.0, 2 * WORDS)]


def test_a_run_that_waits_for_its_judge_can_be_paused(database: Database) -> None:
    run_id = judged_run(database, checks=[JUDGE])
    with session.lock(run_id):
        client.extend(database, run_id, samples=2)
        carrying = loop.start(carry_out(database, run_id, connect=connections.connect))
        until(lambda: runs.progress(database, run_id).scored)
        runs.ask(database, run_id, "pause")
        assert carrying.result(timeout=60) == "paused"
        with pytest.raises(PlanError, match="running already"):
            rescore.carry_out(database, rescore.plan_recheck(database, run_id))


def test_a_run_that_is_removed_while_it_is_judged_says_so(database: Database, hostile: HostileServer) -> None:
    run_id = judged_run(database)

    def removing(body: dict[str, Any]) -> str:
        runs.forget(database, run_id)
        return answered(body)

    hostile.answer = removing
    planned = rescore.plan_recheck(database, run_id, add=[parse_check(JUDGE)])
    with pytest.raises(StoreError, match="was removed while it was judged"):
        rescore.carry_out(database, planned)
    assert mean(database, run_id) == []


def test_a_reservation_whose_call_is_never_sent_is_given_back(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_GROUP_S", 0.5)
    monkeypatch.setattr(journal, "_RESERVE_S", 0.3)
    run_id = judged_run(database)
    planned = rescore.plan_recheck(database, run_id, add=[parse_check(JUDGE)])
    with pytest.raises(BudgetReached):
        rescore.carry_out(database, planned, budget="5calls")
    assert asked(hostile).total() == 5
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(attempts)) == 0


def test_two_judges_of_one_run_do_not_work_at_once(database: Database, hostile: HostileServer) -> None:
    run_id = judged_run(database, temperatures=[0, 1])
    hostile.script("wise", "slow")
    planned = rescore.plan_recheck(database, run_id, add=[parse_check(JUDGE)])
    checking = threading.Thread(target=rescore.carry_out, args=(database, planned))
    checking.start()
    until(lambda: asked(hostile).total())
    with pytest.raises(PlanError, match="running already"):
        judge_pairs(database, run_id, [(0, 1)], PairJudge("openai/wise"))
    checking.join(120)
    assert not checking.is_alive()
