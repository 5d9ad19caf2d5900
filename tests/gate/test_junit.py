"""The report that CI servers read: a test for each case and check, and any text as text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid import gate
from promptgrid.compare.verdicts import CheckVerdict
from tests.faults.modes import HOSTILE_TEXT
from tests.gate.verdicts import BROKEN, RIGHT, SILENT, UNREAD, WRONG, ZERO, result_of


def parsed(*verdicts: CheckVerdict, results: tuple[gate.GateResult, ...] = ()) -> ET.Element:
    return ET.fromstring(gate.junit("run", results, verdicts))


def asking(*verdicts: CheckVerdict) -> ET.Element:
    """The report of these verdicts where a missed gate names the wrong ones, without the suite of the gates."""
    (missed,) = gate.min_score(gate.MinScore("label", 1.0), verdicts)
    report = parsed(*verdicts, results=(missed,))
    report.remove(report[0])
    return report


def test_a_wrong_answer_that_no_gate_asks_about_is_a_passed_test_with_its_score() -> None:
    report = parsed(RIGHT, WRONG)
    assert report.get("failures") == "0"
    tests = report.findall("testsuite/testcase")
    assert [[part.tag for part in test] for test in tests] == [["system-out"], ["system-out"]]
    assert (tests[1][0].text or "").splitlines() == [
        "score: 0", "expected: good", "answer: bad", "answer bad, expected good",
    ]  # fmt: skip


def test_a_gate_that_held_makes_no_wrong_answer_a_failed_test() -> None:
    (held,) = gate.min_score(gate.MinScore("label", 0.5), [RIGHT, replace(WRONG, case_id="2")])
    assert held.held
    assert parsed(RIGHT, replace(WRONG, case_id="2"), results=(held,)).get("failures") == "0"


def test_the_report_has_a_test_a_case_and_check() -> None:
    few = replace(WRONG, variant=replace(ZERO, technique="few-shot"), label="few-shot · gpt-4.1")
    missed = [gate.min_score(gate.MinScore("label", 1.0), [one])[0] for one in (WRONG, few)]
    report = parsed(RIGHT, WRONG, UNREAD, BROKEN, SILENT, few, results=(*missed, result_of(1.0, RIGHT)))
    counts = {name: report.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "9", "failures": "4", "errors": "2", "skipped": "1"}
    assert [s.get("name") for s in report.iter("testsuite")] == ["gates", "p · t = 0.7", "p · few-shot · gpt-4.1"]
    problems = [[problem.tag for problem in test] for test in report.findall("testsuite")[1]]
    assert problems == [["system-out"], ["failure"], ["skipped"], ["error"], ["error"]]
    (test,) = report.findall("testsuite")[2]
    assert (test.get("classname"), test.get("name"), test.get("time")) == (
        "p · few-shot · gpt-4_1", "case 1 · label", "0.002",
    )  # fmt: skip
    assert test[0].get("message") == "answer bad, expected good"
    assert (test[0].text or "").splitlines() == [
        "text: x", "score: 0", "expected: good", "answer: bad", "answer bad, expected good",
    ]  # fmt: skip


def test_several_samples_say_how_many_went_wrong() -> None:
    (problem,) = asking(replace(WRONG, samples=5, such=2)).iter("failure")
    assert problem.get("message") == "2 of 5 samples wrong: answer bad, expected good"


def test_hostile_text_is_text() -> None:
    hostile = replace(
        WRONG, case_id=HOSTILE_TEXT, label=HOSTILE_TEXT, answer=HOSTILE_TEXT + "]]>", explanation=HOSTILE_TEXT
    )
    report = asking(hostile)
    (problem,) = report.iter("failure")
    assert not list(report.iter("script"))
    assert "<script>" in (problem.text or "")
    assert "\\x1b[31m" in (problem.text or "")
    assert "]]>" in (problem.text or "")


def test_a_carriage_return_at_the_end_of_an_answer_is_kept() -> None:
    (problem,) = asking(replace(WRONG, answer="a\r")).iter("failure")
    assert "answer: a\\x0d\n" in (problem.text or "")


@settings(deadline=None)
@given(st.lists(st.text(st.characters() | st.characters(categories=["Cs", "Cc", "Cn"])), min_size=4, max_size=4))
def test_any_text_is_valid_xml_and_comes_back(texts: list[str]) -> None:
    case_id, answer, value, label = texts
    verdict = replace(WRONG, case_id=case_id, label=label, answer=answer, inputs={"text": value})
    (problem,) = asking(verdict).iter("failure")
    assert f"answer: {spoken(answer)}" in (problem.text or "")


def spoken(text: str) -> str:
    """What XML cannot carry as an escape; the rest as it is."""
    allowed = ({9, 10}, range(0x20, 0xD800), range(0xE000, 0xFFFE), range(0x10000, 0x110000))
    characters = (c if any(ord(c) in part for part in allowed) else _escape(ord(c)) for c in text.replace("\r\n", "\n"))
    return "".join(characters)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
