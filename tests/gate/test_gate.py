"""Gates: what holds, what is missed and why; the report that CI servers read; exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid import gate
from promptgrid.compare.variants import Variant
from promptgrid.compare.verdicts import CheckVerdict, verdicts
from promptgrid.errors import GateError
from promptgrid.store import Database, runs
from promptgrid.store.results import ResultRow, result_rows
from tests.command import RUN, promptgrid, write_label
from tests.faults.modes import HOSTILE_TEXT
from tests.stored import at

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

ZERO = Variant("p", "v", "zero-shot", "e/m", at(0.7))
RIGHT = CheckVerdict(
    ZERO, "t = 0.7", "1", "label", "passed", 1.0, 1.0, {"text": "x"}, "good", "good", "as expected", 1, 1, 2.0
)
WRONG = replace(RIGHT, outcome="failed", value=0.0, at_worst=0.0, answer="bad", explanation="answer bad, expected good")
UNREAD = replace(RIGHT, outcome="not scored", value=None, at_worst=0.0, answer=None, explanation="no answer")
UNASKED = replace(UNREAD, at_worst=None, expected=None, explanation="no expected value")
BROKEN = replace(UNREAD, outcome="broken", explanation="the check failed: it took longer than 5 s")
SILENT = replace(UNREAD, outcome="no reply", at_worst=None, explanation="timed out")


def asked(least: float, *found: CheckVerdict, confident: bool = False) -> gate.GateResult:
    numbered = [replace(verdict, case_id=str(n)) for n, verdict in enumerate(found)]
    (result,) = gate.min_score(gate.MinScore("label", least, confident), numbered)
    return result


def test_a_score_is_enough_or_it_is_not() -> None:
    assert asked(0.9, *[RIGHT] * 9, WRONG).held
    missed = asked(0.95, *[RIGHT] * 9, WRONG)
    assert not missed.held
    assert missed.reason == "0.9 is below 0.95"
    assert [b.case_id for b in missed.broke] == ["9"]
    assert missed.measured.startswith("0.9 (")


def test_thirds_add_up() -> None:
    third = replace(RIGHT, value=1 / 3, at_worst=1 / 3)
    assert asked(1 / 3, *[third] * 7).held
    assert asked(0.7, *[replace(RIGHT, value=0.1 + 0.2 + 0.4, at_worst=0.7)] * 3).held


def test_what_is_below_never_reads_as_if_it_were_not() -> None:
    assert asked(0.9, replace(RIGHT, value=0.89999, at_worst=0.89999)).reason == "0.8999 is below 0.9"


def test_nothing_scored_is_a_miss_with_its_reason() -> None:
    for nothing in (UNREAD, UNASKED, SILENT):
        missed = asked(0.0, nothing, nothing)
        assert not missed.held
        assert nothing.explanation in missed.reason
        assert missed.measured == "not scored"


def test_a_reply_that_could_not_be_scored_is_no_pass() -> None:
    assert not asked(0.9, *[RIGHT] * 5, UNREAD).held
    assert "0.8333" in asked(0.9, *[RIGHT] * 5, UNREAD).reason
    assert asked(0.8, *[RIGHT] * 5, UNREAD).held  # even if it is wrong
    assert asked(1.0, RIGHT, UNASKED).held  # nobody said what would be right


def test_a_check_that_itself_failed_is_a_miss() -> None:
    missed = asked(0.1, *[RIGHT] * 50, BROKEN)
    assert not missed.held
    assert missed.reason == "the check itself failed in 1 case: it took longer than 5 s"


def test_confident_asks_for_the_low_end_of_the_interval() -> None:
    assert asked(0.8, *[RIGHT] * 9, WRONG).held
    missed = asked(0.8, *[RIGHT] * 9, WRONG, confident=True)
    assert not missed.held
    assert "more cases would decide" in missed.reason
    assert asked(0.8, *[RIGHT] * 90, *[WRONG] * 5, confident=True).held


def test_each_variant_must_hold() -> None:
    few = replace(WRONG, variant=replace(ZERO, technique="few-shot"), label="few-shot")
    results = gate.min_score(gate.MinScore("label", 0.5), [RIGHT, few, replace(RIGHT, check="other")])
    assert [(r.variant, r.held) for r in results] == [("t = 0.7", True), ("few-shot", False)]


def test_cells_without_a_reply_are_a_miss_of_their_own() -> None:
    missed = gate.all_answered({"answered": 3, "failed": 1, "pending": 2}, [RIGHT, SILENT])
    assert (missed.held, missed.reason, missed.measured) == (False, "3 cells without a reply", "3 of 6")
    assert [b.explanation for b in missed.broke] == ["timed out"]
    assert gate.all_answered({"answered": 3}, [RIGHT]).held
    assert not gate.all_answered({}, []).held


@pytest.mark.parametrize("text", ["label", "label=", "=0.5", "label=1.5", "label=-1", "label=nan", "label=90", ""])
def test_what_is_no_gate_says_how_one_is_written(text: str) -> None:
    with pytest.raises(GateError, match=r"label=0\.9"):
        gate.parse_min_score(text)


def parsed(*found: CheckVerdict, results: tuple[gate.GateResult, ...] = ()) -> ET.Element:
    return ET.fromstring(gate.junit("run", results, found))


def test_the_report_has_a_test_a_case_and_check() -> None:
    few = replace(WRONG, variant=replace(ZERO, technique="few-shot"), label="few-shot · gpt-4.1")
    report = parsed(RIGHT, WRONG, UNREAD, BROKEN, SILENT, few, results=(asked(1.0, WRONG), asked(1.0, RIGHT)))
    counts = {name: report.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "8", "failures": "3", "errors": "2", "skipped": "1"}
    assert [s.get("name") for s in report.iter("testsuite")] == ["gates", "p · t = 0.7", "p · few-shot · gpt-4.1"]
    problems = [[problem.tag for problem in test] for test in report.findall("testsuite")[1]]
    assert problems == [[], ["failure"], ["skipped"], ["error"], ["error"]]
    (test,) = report.findall("testsuite")[2]
    assert (test.get("classname"), test.get("name"), test.get("time")) == (
        "p · few-shot · gpt-4_1", "case 1 · label", "0.002",
    )  # fmt: skip
    assert test[0].get("message") == "answer bad, expected good"
    assert (test[0].text or "").splitlines() == [
        "text: x", "expected: good", "answer: bad", "answer bad, expected good",
    ]  # fmt: skip


def test_several_samples_say_how_many_went_wrong() -> None:
    (problem,) = parsed(replace(WRONG, samples=5, such=2)).iter("failure")
    assert problem.get("message") == "2 of 5 samples wrong: answer bad, expected good"


def test_hostile_text_is_text() -> None:
    hostile = replace(
        WRONG, case_id=HOSTILE_TEXT, label=HOSTILE_TEXT, answer=HOSTILE_TEXT + "]]>", explanation=HOSTILE_TEXT
    )
    report = parsed(hostile)
    (problem,) = report.iter("failure")
    assert not list(report.iter("script"))
    assert "<script>" in (problem.text or "")
    assert "\\x1b[31m" in (problem.text or "")
    assert "]]>" in (problem.text or "")


def test_a_carriage_return_at_the_end_of_an_answer_is_kept() -> None:
    (problem,) = parsed(replace(WRONG, answer="a\r")).iter("failure")
    assert "answer: a\\x0d\n" in (problem.text or "")


@settings(deadline=None)
@given(st.lists(st.text(st.characters() | st.characters(categories=["Cs", "Cc", "Cn"])), min_size=4, max_size=4))
def test_any_text_is_valid_xml_and_comes_back(texts: list[str]) -> None:
    case_id, answer, value, label = texts
    verdict = replace(WRONG, case_id=case_id, label=label, answer=answer, inputs={"text": value})
    (problem,) = parsed(verdict).iter("failure")
    assert f"answer: {spoken(answer)}" in (problem.text or "")


def spoken(text: str) -> str:
    """What XML cannot carry as an escape; the rest as it is."""
    allowed = ({9, 10}, range(0x20, 0xD800), range(0xE000, 0xFFFE), range(0x10000, 0x110000))
    shown = (c if any(ord(c) in part for part in allowed) else _escape(ord(c)) for c in text.replace("\r\n", "\n"))
    return "".join(shown)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


@pytest.fixture
def work(endpoint: HostileServer) -> Path:
    """Models find everything good, and so are two of three cases."""
    endpoint.answer = lambda body: "good"
    write_label("lovely,good", "awful,bad", "fine,good")
    return Path.cwd()


@pytest.mark.usefixtures("work")
def test_a_run_whose_gate_is_missed_exits_with_1_and_says_what_broke() -> None:
    assert promptgrid(*RUN, "--min-score", "label=0.6").exit_code == 0
    missed = promptgrid(*RUN, "--min-score", "label=0.9")
    assert missed.exit_code == 1
    assert "missed: 0.6666 is below 0.9" in missed.stdout
    assert "What broke" in missed.stdout
    assert "answer good, expected bad" in missed.stdout


@pytest.mark.usefixtures("work")
def test_a_finished_run_is_asked_without_sending_anything(hostile: HostileServer) -> None:
    promptgrid(*RUN)
    sent = len(hostile.requests)
    assert promptgrid("gate", "last", "--min-score", "label=60%").exit_code == 0
    missed = promptgrid("gate", "last", "--min-score", "label=0.9", "--json")
    assert missed.exit_code == 1
    told = json.loads(missed.stdout)
    assert told["held"] is False
    assert [g["held"] for g in told["gates"]] == [True, False]
    assert told["gates"][1]["broke"][0]["expected"] == "bad"
    assert len(hostile.requests) == sent


@pytest.mark.usefixtures("work")
def test_json_of_a_run_tells_of_its_gates() -> None:
    told = promptgrid(*RUN, "--min-score", "label=0.9", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["held"] is False
    assert "held" not in json.loads(promptgrid(*RUN, "--json").stdout)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--min-score", "lable=0.9"), "Did you mean label?"),
        (("--min-score", "politeness=0.9"), "There are: label."),
        (("--min-score", "0.9"), "is not a gate"),
        (("--min-score", "label=9"), "from 0 to 1"),
        (("--confident",), "--min-score"),
        (("--junit", "no/such/out.xml"), "does not exist"),
    ],
)
@pytest.mark.usefixtures("work")
def test_a_gate_that_cannot_be_asked_exits_with_2_before_anything_is_sent(
    hostile: HostileServer, options: tuple[str, ...], said: str
) -> None:
    result = promptgrid(*RUN, *options)
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert not hostile.calls("ok")
    promptgrid(*RUN)
    again = promptgrid("gate", "last", *options)
    assert again.exit_code == 2, again.output
    assert said in again.output


@pytest.mark.usefixtures("work")
def test_a_gate_needs_something_to_ask() -> None:
    promptgrid(*RUN)
    result = promptgrid("gate", "last")
    assert (result.exit_code, "Name a gate" in result.output) == (2, True)
    assert promptgrid("gate", "none", "--min-score", "label=1").exit_code == 2


@pytest.mark.usefixtures("work")
def test_cases_without_expected_score_nothing_and_that_is_a_miss() -> None:
    Path("cases.csv").write_text("text\nlovely\n", "utf-8")
    result = promptgrid(*RUN, "--check", "label", "--min-score", "label=0")
    assert result.exit_code == 1
    assert "nothing was scored: the case has no expected value" in result.stdout


@pytest.mark.usefixtures("work")
def test_the_report_of_a_run_holds_every_kind_of_end(hostile: HostileServer) -> None:
    Path("cases.csv").write_text("text,expected\nlovely,good\nawful,bad\nodd,good\nunasked,\n", "utf-8")
    hostile.answer = lambda body: "?" if "odd" in str(body) else "good"
    result = promptgrid(*RUN[:4], "--model", "openai/ok,openai/html", "--min-score", "label=0.9", "--junit", "out.xml")
    assert result.exit_code == 1
    report = ET.parse("out.xml").getroot()
    suites = {s.get("name"): [[p.tag for p in test] for test in s] for s in report.iter("testsuite")}
    assert suites["label · openai/ok"] == [[], ["failure"], ["skipped"], ["skipped"]]
    assert suites["label · openai/html"] == [["error"]] * 4
    assert suites["gates"] == [["failure"]] * 3
    messages = [problem.get("message") for problem in report.iter("failure")]
    assert messages[0] == "4 cells without a reply"
    assert "nothing was scored" in (messages[2] or "")


@pytest.mark.usefixtures("work")
def test_a_report_alone_asks_that_every_cell_is_answered() -> None:
    assert promptgrid(*RUN, "--junit", "out.xml").exit_code == 0
    assert ET.parse("out.xml").getroot().get("failures") == "1"  # one answer is wrong, and nobody asked for more
    assert promptgrid(*RUN[:4], "--model", "openai/html", "--junit", "out.xml").exit_code == 1


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="/proc cannot be written to")
@pytest.mark.usefixtures("work")
def test_a_report_that_cannot_be_written_loses_nothing() -> None:
    result = promptgrid(*RUN, "--junit", "/proc/out.xml", "--csv", "out.csv")
    assert result.exit_code == 1
    assert "promptgrid gate" in result.stderr
    assert "zero-shot" in result.stdout
    assert Path("out.csv").is_file()


@pytest.mark.usefixtures("work")
def test_a_prompt_without_checks_is_reported_by_its_replies() -> None:
    Path("label.prompty").write_text("---\nname: say\n---\nuser:\n{{ text }}\n", "utf-8")
    Path("cases.csv").write_text("text\nlovely\n", "utf-8")
    assert promptgrid(*RUN, "--junit", "out.xml").exit_code == 0
    assert [t.get("name") for t in ET.parse("out.xml").getroot().iter("testcase")] == ["every cell answered", "case 1"]
    no_checks = promptgrid(*RUN, "--min-score", "label=0.5")
    assert (no_checks.exit_code, "add one with --check" in no_checks.output) == (2, True)


@pytest.mark.usefixtures("work")
def test_the_voted_answer_alone_counts_in_self_consistency(hostile: HostileServer) -> None:
    said = iter(["Answer: bad", "Answer: good", "Answer: good"] * 3)
    hostile.answer = lambda body: next(said)
    Path("cases.csv").write_text("text,expected\nlovely,good\n", "utf-8")
    options = ("--technique", "self-consistency", "--samples", "3", "--temperature", "1", "--concurrency", "1")
    assert promptgrid(*RUN, *options, "--min-score", "label=1").exit_code == 0
    database = Database()
    (verdict,) = verdicts(database, runs.find_run(database, "last").id)
    assert (verdict.value, verdict.outcome, verdict.samples) == (1.0, "passed", 1)


@pytest.mark.usefixtures("work")
def test_samples_are_pooled(hostile: HostileServer) -> None:
    said = iter(["bad", "good", "?"])
    hostile.answer = lambda body: next(said)
    Path("cases.csv").write_text("text,expected\nlovely,good\n", "utf-8")
    promptgrid(*RUN, "--samples", "3", "--temperature", "1", "--concurrency", "1")
    database = Database()
    (verdict,) = verdicts(database, runs.find_run(database, "last").id)
    assert (verdict.value, verdict.outcome, verdict.such, verdict.samples) == (0.5, "failed", 1, 3)
    assert verdict.at_worst == pytest.approx(1 / 3)


@pytest.mark.usefixtures("work")
def test_not_worse_alone_reads_only_the_cases_without_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    changing = (*RUN[:4], "--model", "openai/html+html+html+ok", "--concurrency", "1")
    promptgrid(*changing)  # the first three calls bring a web page
    silent = runs.find_run(Database(), "last").id
    assert promptgrid(*changing, "--fresh").exit_code == 0
    whole = runs.find_run(Database(), "last").id
    read: list[str] = []

    def reading(database: Database, run_id: str, positions: Sequence[int] | None = None) -> Iterator[ResultRow]:
        for row in result_rows(database, run_id, positions):
            read.append(row.case_id)
            yield row

    monkeypatch.setattr("promptgrid.compare.verdicts.result_rows", reading)
    assert promptgrid("gate", whole, "--no-worse-than", silent).exit_code == 0
    assert read == []
    missed = promptgrid("gate", silent, "--no-worse-than", whole)
    assert missed.exit_code == 1
    assert "1 cell without a reply" in missed.stdout
    assert "web page instead of JSON" in missed.stdout
    assert read == ["1"]
    promptgrid("gate", whole, "--no-worse-than", silent, "--junit", "out.xml")
    assert read == ["1", "1", "2", "3"]  # a report has a test a case


@pytest.mark.usefixtures("work")
def test_exit_codes_of_the_real_process() -> None:
    def ended(*arguments: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-m", "promptgrid", *arguments], capture_output=True, text=True)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout

    code, said = ended(*RUN, "--min-score", "label=0.9")
    assert code == 1
    assert "What broke" in said
    assert ended("gate", "last", "--min-score", "label=0.6", "--junit", "out.xml")[0] == 0
