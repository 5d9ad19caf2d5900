"""Equal requests with equal expectation are one case for the statistics, whatever compares them, and it is said so."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from promptgrid import api, compare
from promptgrid.cli import main
from promptgrid.compare.copies import copies_sentence, first_of_copies
from promptgrid.curves.curve import curve
from promptgrid.gate import ask, gates_for
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.store import Database, runs
from tests.running import a_run

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

ADD = Prompt("add", (Message("user", "Add {{ a }} and 1."),), answer=AnswerRule("number"))
CASES: list[dict[str, Any]] = [{"a": str(n), "expected": "1", "note": ""} for n in range(9)]
COPIES: list[dict[str, Any]] = [{**CASES[n % 3], "note": f"again {n}"} for n in range(12)]  # the note is not sent
SENTENCE = "12 cases are the same as earlier ones (request and expected answer), and counted once"


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer) -> None:
    """Each request gets an answer of its own, 1 or 0."""
    endpoint.answer = lambda body: str(hashlib.sha256(repr(body["messages"]).encode()).digest()[0] % 2)


def run_of(database: Database, cases: list[dict[str, Any]], **changes: Any) -> str:
    settings: dict[str, Any] = {"temperatures": [0, 0.7], "techniques": ["zero-shot", "chain-of-thought"], "samples": 2}
    plan = api.plan(ADD, cases, models="openai/m", show=lambda note: None, **settings, **changes)
    return a_run(database, plan)


def statistics(database: Database, run_id: str) -> list[Any]:
    """All that is compared or has an interval."""
    summaries = compare.summary(database, run_id)
    points = curve(database, run_id).points
    gates = gates_for(database, runs.plan_of(database, run_id), min_scores=["number=0.1"])
    return [
        [(s.score, s.interval, s.scored, s.by_check, s.pass_at_k, s.agreement, s.versus, s.best) for s in summaries],
        [(p.cases, p.score, p.score_low, p.score_high, p.entropy_bits) for p in points],
        [result.measured for result in ask(database, run_id, gates).results if "number" in result.gate],
    ]


def test_intervals_and_p_are_those_without_the_copies(database: Database) -> None:
    once, more = run_of(database, CASES), run_of(database, [*CASES, *COPIES])
    assert statistics(database, more) == statistics(database, once)
    assert copies_sentence(compare.facts(database, once).firsts) == ""


def test_two_runs_are_compared_over_distinct_cases(database: Database, endpoint: HostileServer) -> None:
    before = [run_of(database, cases) for cases in (CASES, [*CASES, *COPIES])]
    endpoint.answer = lambda body: "1"
    after = [run_of(database, cases, fresh=True) for cases in (CASES, [*CASES, *COPIES])]
    once, more = (compare.against(database, a, b) for a, b in zip(before, after, strict=True))
    assert [variant.versus for variant in more.variants] == [variant.versus for variant in once.variants]
    assert more.versus == once.versus
    assert more.versus is not None
    assert more.versus.n == 9
    assert (once.copies, more.copies[: len(SENTENCE)]) == ("", SENTENCE)


def test_another_expectation_is_another_case(database: Database) -> None:
    other = [{**CASES[0], "expected": "0"}, {**CASES[1], "checks": ["long=length:min=2"]}, CASES[2]]
    (first, *_) = compare.summary(database, run_of(database, [*CASES, *other]))
    assert first.scored == 11
    assert first.by_check["long"][1] == 1


def test_of_a_part_the_first_copy_counts_even_if_an_earlier_one_is_elsewhere(database: Database) -> None:
    run_id = run_of(database, [*CASES, *COPIES])
    columns = compare.facts(database, run_id)
    cut = compare.summarise(compare.of_cases(columns, list(range(9, 21)), "copies"), compare.View())
    assert [summary.scored for summary in cut] == [3] * 4


def test_it_is_said(database: Database) -> None:
    run_id = run_of(database, [*CASES, *COPIES])
    assert SENTENCE in " ".join(compare.run_remarks(database, run_id))
    exported = CliRunner().invoke(main, ["export", run_id, "--markdown", "out.md", "--html", "out.html"])
    assert exported.exit_code == 0
    for name in ("out.md", "out.html"):
        assert "12 cases are the same as earlier ones" in Path(name).read_text("utf-8")
    compared = CliRunner().invoke(main, ["compare", run_of(database, CASES), run_id])
    assert SENTENCE in compared.output


def test_no_reply_is_nothing_in_common() -> None:
    case, reply = np.array([0, 1], dtype=np.int32), np.array([0, 0], dtype=np.int64)
    same = np.zeros(2, dtype=np.int32)
    assert first_of_copies(case, same, same, reply, ["a", "a"]).tolist() == [0, 1]
    assert first_of_copies(case, same, same, reply + 5, ["a", "a"]).tolist() == [0, 0]
    assert first_of_copies(case, same, same, reply + 5, ["a", "b"]).tolist() == [0, 1]
