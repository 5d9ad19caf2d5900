"""Writes JUnit XML for CI servers: a suite for the gates, and one for each variant with a test per case and check.

The dialect is common to Jenkins, GitLab and the report actions of GitHub: `testsuites`, `testsuite` and `testcase` with
`classname`, `name` and `time`; a test contains at most one `failure`, `error` or `skipped`, with all information in its
text, since GitLab shows only that. Class names have no dots, because Jenkins splits there.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from itertools import groupby
from pathlib import Path

from promptgrid.compare.verdicts import CheckVerdict
from promptgrid.export.files import save
from promptgrid.gate.results import GateResult, broke
from promptgrid.text import one_line

# Characters that XML 1.0 cannot hold, and the carriage return, which parsers change.
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PROBLEMS = {"failed": "failure", "no reply": "error", "broken": "error", "not scored": "skipped"}
_LENGTH = 200  # characters of a message in one line


def save_junit(path: Path, run: str, results: Sequence[GateResult], verdicts: Sequence[CheckVerdict]) -> int:
    """Writes the gates' results and the verdicts of a run as JUnit XML to `path`, with `run` as its name, and returns
    the number of tests. Raises ExportError if the file cannot be written."""
    text = junit(run, results, verdicts)
    save(path, lambda out: out.write(text))
    return len(results) + len(verdicts)


def junit(run: str, results: Sequence[GateResult], verdicts: Sequence[CheckVerdict]) -> bytes:
    r"""Returns the gates' results and the verdicts of a run as JUnit XML in UTF-8, with `run` as its name. A wrong
    answer is a failed test only if a gate that was missed names its case; otherwise the test passes, with the score in
    its output. Characters that XML cannot hold are escaped: `\x1b`, `\ud800`."""
    asked = {(case.case_id, case.variant, case.check) for result in results if not result.held for case in result.broke}
    report = ET.Element("testsuites", name=_line(f"promptgrid {run}"))
    if results:
        _suite(report, "gates", [_gate(result) for result in results])
    for _, of_variant in groupby(verdicts, key=lambda verdict: verdict.variant):
        tests = list(of_variant)
        _suite(report, _suite_name(tests[0]), [_test(verdict, asked) for verdict in tests])
    _count(report, report.iter("testcase"))
    ET.indent(report, " ")
    text: bytes = ET.tostring(report, encoding="utf-8", xml_declaration=True)
    return text


def _suite(report: ET.Element, name: str, tests: Sequence[ET.Element]) -> None:
    suite = ET.SubElement(report, "testsuite", name=_line(name))
    suite.extend(tests)
    _count(suite, tests)


def _count(element: ET.Element, tests: Iterable[ET.Element]) -> None:
    listed = list(tests)
    problems = Counter(problem.tag for test in listed for problem in test)
    names = {"tests": len(listed), "failures": problems["failure"], "errors": problems["error"]}
    for name, count in {**names, "skipped": problems["skipped"]}.items():
        element.set(name, str(count))
    element.set("time", f"{sum(float(test.attrib['time']) for test in listed):.3f}")


def _suite_name(verdict: CheckVerdict) -> str:
    return f"{verdict.variant.prompt} · {verdict.label}"


def _gate(result: GateResult) -> ET.Element:
    name = f"{result.gate} · {result.variant}" if result.variant else result.gate
    test = ET.Element("testcase", classname="gates", name=_line(name), time="0")
    if not result.held:
        broken = [f"case {b.case_id} · {b.variant}: {b.explanation}" for b in result.broke]
        _problem(test, "failure", "gate", result.reason, [f"measured: {result.measured}", *broken])
    return test


def _test(verdict: CheckVerdict, asked: Set[tuple[str, str, str]]) -> ET.Element:
    """Returns the test of one case and check. `asked` has (case id, label of the variant, check) of the cases that
    missed gates name; the check is "" for a gate on all checks."""
    name = " · ".join(part for part in (f"case {verdict.case_id}", verdict.check) if part)
    classname = _line(_suite_name(verdict)).replace(".", "_")
    test = ET.Element("testcase", classname=classname, name=_line(name), time=f"{verdict.latency_ms / 1000:.3f}")
    lines = [] if verdict.value is None else [f"score: {verdict.value:.3g}"]
    lines += [] if verdict.expected is None else [f"expected: {verdict.expected}"]
    lines += [] if verdict.answer is None else [f"answer: {verdict.answer}"]
    lines.append(explanation := broke(verdict).explanation)
    is_asked = any((verdict.case_id, verdict.label, check) in asked for check in (verdict.check, ""))
    if verdict.outcome != "passed" and (verdict.outcome != "failed" or is_asked):
        inputs = [f"{name}: {value}" for name, value in verdict.inputs.items()]
        _problem(test, _PROBLEMS[verdict.outcome], verdict.check or "reply", explanation, [*inputs, *lines])
    elif verdict.check:
        ET.SubElement(test, "system-out").text = "\n".join(map(_xml_text, lines))
    return test


def _problem(test: ET.Element, tag: str, kind: str, message: str, lines: Sequence[str]) -> None:
    problem = ET.SubElement(test, tag, message=_line(message))
    if tag != "skipped":
        problem.set("type", _line(kind))
    problem.text = "\n".join(map(_xml_text, lines))  # after escaping: a final "\r" must not become "\r\n"


def _line(text: str) -> str:
    return one_line(_xml_text(text), _LENGTH)


def _xml_text(text: str) -> str:
    return _NOT_XML.sub(lambda match: _escape(ord(match[0])), text.replace("\r\n", "\n"))


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
