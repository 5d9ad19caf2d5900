"""Cells whose technique makes several calls, over real sockets against the hostile endpoint."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from promptgrid import api, connections, loop
from promptgrid.calls import journal
from promptgrid.errors import StoreError
from promptgrid.grid import Plan
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.runner import client
from promptgrid.runner.carry_out import carry_out
from promptgrid.store import Database, commits, runs
from promptgrid.store.results import ResultRow, result_rows
from promptgrid.store.steps import steps_of
from promptgrid.techniques import TECHNIQUES, Ask, Done, Task, Technique, unavailable
from promptgrid.techniques.steps import Steps
from tests.faults.server import HostileServer
from tests.running import RUNNER, carried_out, kill, process, until

pytestmark = pytest.mark.usefixtures("endpoint")
PROMPT = Prompt("sum", (Message("user", "What is {{ sum }}?"),), answer=AnswerRule("number"))


def a_plan(*sums: str, technique: str | list[str] = "self-refine:rounds=1", **changes: Any) -> Plan:
    cases = [{"sum": one, "expected": str(sum(map(int, one.split("+"))))} for one in sums]
    return api.plan(PROMPT, cases, models="openai/ok", techniques=technique, **changes)


def rows_of(database: Database, plan: Plan) -> tuple[str, list[ResultRow]]:
    run_id = client.submit(database, plan)
    assert carried_out(database, run_id) == "finished"
    return run_id, list(result_rows(database, run_id))


def refining(body: dict[str, Any]) -> str:
    """Wrong at first; corrected once a critique stands in the request."""
    last = body["messages"][-1]["content"]
    if "Check your reply" in last:
        return "It is one too many."
    return "Answer: 3" if "one too many" in last else "Answer: 4"


def test_a_technique_in_several_steps_gives_one_answer_and_keeps_its_calls(
    database: Database, hostile: HostileServer
) -> None:
    hostile.answer = refining
    run_id, (row,) = rows_of(database, a_plan("1+2"))
    assert (row.answer, row.status, row.scores["number"].value) == ("3", "answered", 1.0)
    steps = steps_of(database, run_id, row.position)
    assert [(one.number, one.round, one.step) for one in steps] == [
        (0, 0, "draft"),
        (1, 1, "critique 1"),
        (2, 2, "refine 1"),
    ]
    assert [one.text for one in steps] == ["Answer: 4", "It is one too many.", "Answer: 3"]
    assert hostile.calls("ok") == 3
    assert row.prompt_tokens == sum(one.prompt_tokens or 0 for one in steps)
    assert row.completion_tokens == sum(one.completion_tokens or 0 for one in steps)
    assert row.latency_ms == pytest.approx(sum(one.latency_ms for one in steps))
    assert row.attempts == 3


def test_the_same_run_again_sends_nothing(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    _, first = rows_of(database, a_plan("1+2", "2+3"))
    sent = hostile.calls("ok")
    _, second = rows_of(database, a_plan("1+2", "2+3"))
    assert hostile.calls("ok") == sent
    assert [row.answer for row in second] == [row.answer for row in first]
    assert all(row.reused for row in second)


def test_a_step_that_another_technique_asks_too_is_paid_once(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    _, rows = rows_of(database, a_plan("1+2", technique=["chain-of-thought", "self-refine:rounds=1"]))
    assert Counter(row.status for row in rows) == {"answered": 2}
    assert hostile.calls("ok") == 3  # the draft is the chain of thought
    assert [row.answer for row in rows] == ["4", "3"]


def test_a_failed_step_fails_the_cell_with_the_name_of_the_step(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    hostile.from_call(2, "server-error")
    run_id, (row,) = rows_of(database, a_plan("1+2", retries=0))
    assert row.status == "failed"
    assert row.error.startswith("Step critique 1:")
    assert row.output is None
    assert [one.step for one in steps_of(database, run_id, row.position)] == ["draft"]
    assert row.prompt_tokens  # the draft is paid for


def single_steps_only(body: dict[str, Any]) -> str:
    """Adds two numbers, and no more; breaks a longer sum into such steps when it is asked to."""
    question, *rest = [one["content"] for one in body["messages"] if one["role"] == "user"]
    numbers = question.partition("What is ")[2].partition("?")[0].split("+")
    request = (rest or [question])[-1]
    if "Break this task down" in request:
        return "\n".join(f"{at}. What is {'the last result' if at > 1 else numbers[0]} + {number}?"
                         for at, number in enumerate(numbers[1:], 1))  # fmt: skip
    earlier = [one["content"] for one in body["messages"] if one["role"] == "assistant"]
    if "only this question: " in request:
        first, _, second = request.partition("only this question: What is ")[2].rstrip("?").partition(" + ")
        return str(int(earlier[-1] if first == "the last result" else first) + int(second))
    return f"Answer: {earlier[-1] if earlier else numbers[0]}"


def test_least_to_most_solves_what_a_model_of_single_steps_cannot(database: Database, hostile: HostileServer) -> None:
    hostile.answer = single_steps_only
    techniques = [name for name in TECHNIQUES if not unavailable(PROMPT, name)]
    assert len(techniques) > 8
    _, rows = rows_of(database, a_plan("1+2+3+4", "5+6", "7+8+9", technique=techniques, doubts=False))
    right = Counter(row.technique for row in rows if row.scores["number"].value == 1.0)
    assert right == {"least-to-most": 3}


def test_a_check_chooses_without_the_expected_answer(database: Database, hostile: HostileServer) -> None:
    texts = iter(["Answer: 3, and more words", "Answer: 3"] * 2)
    hostile.answer = lambda body: next(texts)
    plan = a_plan("1+2", technique="best-of-n:n=2,choose=check", checks=["number", "length:max=2"])
    _, (row,) = rows_of(database, plan)
    assert row.output == "Answer: 3"
    plan = a_plan("1+2", technique="best-of-n:n=2,choose=check", checks=["number"], fresh=True, doubts=False)
    _, (row,) = rows_of(database, plan)
    assert "no check could score a candidate" in row.answer_note


def _two(task: Task) -> Steps:
    """Two branches with equal turns; the output is the second."""
    _, second = yield [Ask("branch", task.question) for _ in range(2)]
    return Done(second)


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> str:
    _add(monkeypatch, "two", Technique("a test", _two, lambda options: 2))
    return "two"


def _add(monkeypatch: pytest.MonkeyPatch, name: str, technique: Technique) -> None:
    assert isinstance(TECHNIQUES, dict)
    monkeypatch.setitem(TECHNIQUES, name, technique)


def test_branches_are_calls_of_their_own_with_seeds_of_their_own(
    database: Database, hostile: HostileServer, two: str
) -> None:
    _, rows = rows_of(database, a_plan("1+2", technique=two, seed=7, samples=2))
    assert len(rows) == 2
    assert sorted(one.body["seed"] for one in hostile.requests if "seed" in one.body) == [7, 8, 1007, 1008]


def test_a_branch_that_fails_cancels_no_other(database: Database, hostile: HostileServer, two: str) -> None:
    hostile.script("ok", "server-error", "ok")
    run_id, (row,) = rows_of(database, a_plan("1+2", technique=two, seed=7, retries=0))
    assert row.status == "failed"
    assert len(steps_of(database, run_id, row.position)) == 1


def test_a_technique_that_breaks_its_bound_fails_its_cell_alone(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(monkeypatch, "endless", Technique("a test", _endless, lambda options: 3))
    _, (endless, plain) = rows_of(database, a_plan("1+2", technique=["endless", "chain-of-thought"]))
    assert (endless.status, plain.status) == ("failed", "answered")
    assert "more than the 3 calls" in endless.error
    assert hostile.calls("ok") == 4


def _endless(task: Task) -> Steps:
    while True:
        yield [Ask("again", task.question)]


def test_a_budget_that_ends_in_mid_chain_keeps_what_is_paid(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    run_id = client.submit(database, a_plan("1+2", budget="2calls"))
    assert carried_out(database, run_id) == "stopped"
    (row,) = result_rows(database, run_id)
    assert row.status == "pending"
    assert [one.step for one in steps_of(database, run_id, row.position)] == ["draft", "critique 1"]
    _, (again,) = rows_of(database, a_plan("1+2"))
    assert again.answer == "3"
    assert hostile.calls("ok") == 3


def test_the_calls_of_a_cell_stand_in_the_results_file(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    _, (stepped, plain) = rows_of(database, a_plan("1+2", technique=["self-refine:rounds=1", "zero-shot"]))
    calls = json.loads(stepped.steps_json or "")
    assert (stepped.calls, plain.calls, plain.steps_json) == (3, 1, None)
    assert [call["text"] for call in calls] == ["Answer: 4", "It is one too many.", "Answer: 3"]
    assert sum(call["prompt_tokens"] for call in calls) == stepped.prompt_tokens


def test_a_run_whose_replies_could_not_be_written_can_be_resumed_by_the_same_runner(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, commit = False, commits.commit

    def answer(body: dict[str, Any]) -> str:
        nonlocal full
        full = full or "Check your reply" in body["messages"][-1]["content"]
        return refining(body)

    def on_a_full_disk(*group: Any) -> list[int]:
        if full:
            raise StoreError("The disk is full.")
        return commit(*group)

    hostile.answer = answer
    monkeypatch.setattr(journal, "_FULL_DISK_S", 0.0)
    monkeypatch.setattr(journal, "_RETRY_S", 0.01)
    monkeypatch.setattr(commits, "commit", on_a_full_disk)
    run_id = client.submit(database, a_plan("1+2"))
    assert carried_out(database, run_id) == "stopped"
    monkeypatch.setattr(commits, "commit", commit)
    runs.ask(database, run_id, "resume")
    assert loop.start(carry_out(database, run_id, connect=connections.connect)).result(timeout=60) == "finished"
    assert hostile.calls("ok") == 3


def test_a_process_killed_in_mid_chain_costs_the_call_in_flight_and_no_other(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    hostile.answer = refining
    hostile.script("ok", "ok", "hang", "ok")
    run_id = client.submit(database, a_plan("1+2"))
    with process(home, *RUNNER) as runner:
        until(lambda: hostile.calls("ok") == 2 and steps_of(database, run_id, 0))
        kill(runner)
    assert carried_out(database, run_id) == "finished"
    (row,) = result_rows(database, run_id)
    assert (row.answer, row.calls) == ("3", 3)
    assert hostile.calls("ok") == 4  # the critique twice: it was in flight


def test_a_later_step_that_does_not_fit_is_not_sent_and_says_so(
    database: Database, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / "models.toml").write_text('[models."ok"]\ncontext = 180\n')
    with HostileServer(kind="llama.cpp") as server:  # its tokens can be counted
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        server.answer = lambda body: "many words in one " * 400
        run_id, (row,) = rows_of(database, a_plan("1+2", max_tokens=90))
        assert (row.status, row.error_kind) == ("too_long", "too_long")
        assert row.error.startswith("Step critique 1: ")
        assert "are over the limit of 180 of openai/ok. It was not sent." in row.error
        assert server.calls("ok") == 1
        assert [one.step for one in steps_of(database, run_id, row.position)] == ["draft"]
