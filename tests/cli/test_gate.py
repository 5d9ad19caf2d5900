"""Gates as they are typed: what is missed and what broke, the report in a file, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptgrid.compare.verdicts import verdicts
from promptgrid.store import Database, runs
from promptgrid.store.results import ResultRow, result_rows
from tests.command import RUN, promptgrid, write_label

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


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
    result = json.loads(missed.stdout)
    assert result["held"] is False
    assert [g["held"] for g in result["gates"]] == [True, False]
    assert result["gates"][1]["broke"][0]["expected"] == "bad"
    assert len(hostile.requests) == sent


@pytest.mark.usefixtures("work")
def test_json_of_a_run_tells_of_its_gates() -> None:
    result = promptgrid(*RUN, "--min-score", "label=0.9", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["held"] is False
    assert "held" not in json.loads(promptgrid(*RUN, "--json").stdout)


@pytest.mark.parametrize(
    ("options", "message"),
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
    hostile: HostileServer, options: tuple[str, ...], message: str
) -> None:
    result = promptgrid(*RUN, *options)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert not hostile.calls("ok")
    promptgrid(*RUN)
    again = promptgrid("gate", "last", *options)
    assert again.exit_code == 2, again.output
    assert message in again.output


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
    assert suites["label · openai/ok"] == [["system-out"], ["failure"], ["skipped"], ["skipped"]]
    assert suites["label · openai/html"] == [["error"]] * 4
    assert suites["gates"] == [["failure"]] * 3
    messages = [problem.get("message") for problem in report.iter("failure")]
    assert messages[0] == "4 cells without a reply"
    assert "nothing was scored" in (messages[2] or "")


@pytest.mark.usefixtures("work")
def test_a_report_alone_asks_that_every_cell_is_answered() -> None:
    assert promptgrid(*RUN, "--junit", "out.xml").exit_code == 0
    report = ET.parse("out.xml").getroot()
    assert report.get("failures") == "0"  # one answer is wrong, and no gate asks about it
    assert ["score: 0" in (one.text or "") for one in report.iter("system-out")] == [False, True, False]
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
    texts = iter(["Answer: bad", "Answer: good", "Answer: good"] * 3)
    hostile.answer = lambda body: next(texts)
    Path("cases.csv").write_text("text,expected\nlovely,good\n", "utf-8")
    options = ("--technique", "self-consistency", "--samples", "3", "--temperature", "1", "--concurrency", "1")
    assert promptgrid(*RUN, *options, "--min-score", "label=1").exit_code == 0
    database = Database()
    (verdict,) = verdicts(database, runs.find_run(database, "last").id)
    assert (verdict.value, verdict.outcome, verdict.samples) == (1.0, "passed", 1)


@pytest.mark.usefixtures("work")
def test_samples_are_pooled(hostile: HostileServer) -> None:
    texts = iter(["bad", "good", "?"])
    hostile.answer = lambda body: next(texts)
    Path("cases.csv").write_text("text,expected\nlovely,good\n", "utf-8")
    promptgrid(*RUN, "--samples", "3", "--temperature", "1", "--concurrency", "1")
    database = Database()
    (verdict,) = verdicts(database, runs.find_run(database, "last").id)
    assert (verdict.value, verdict.outcome, verdict.such, verdict.samples) == (0.5, "failed", 1, 3)
    assert verdict.at_worst == pytest.approx(1 / 3)


@pytest.mark.usefixtures("work")
def test_not_worse_alone_reads_only_the_cases_without_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    changing = (*RUN[:4], "--model", "openai/ok+html+html+html+ok", "--concurrency", "1")
    promptgrid(*changing)  # the calls for the second case bring a web page, three times
    silent = runs.find_run(Database(), "last").id
    assert promptgrid(*changing, "--fresh").exit_code == 0
    whole = runs.find_run(Database(), "last").id
    queries: list[str] = []

    def reading(database: Database, run_id: str, positions: Sequence[int] | None = None) -> Iterator[ResultRow]:
        for row in result_rows(database, run_id, positions):
            queries.append(row.case_id)
            yield row

    monkeypatch.setattr("promptgrid.compare.verdicts.result_rows", reading)
    assert promptgrid("gate", whole, "--no-worse-than", silent).exit_code == 0
    assert queries == []
    missed = promptgrid("gate", silent, "--no-worse-than", whole)
    assert missed.exit_code == 1
    assert "1 cell without a reply" in missed.stdout
    assert "web page instead of JSON" in missed.stdout
    assert queries == ["2"]
    promptgrid("gate", whole, "--no-worse-than", silent, "--junit", "out.xml")
    assert queries == ["2", "1", "2", "3"]  # a report has a test a case


@pytest.mark.usefixtures("work")
def test_exit_codes_of_the_real_process() -> None:
    def ended(*arguments: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-m", "promptgrid", *arguments], capture_output=True, text=True)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout

    code, message = ended(*RUN, "--min-score", "label=0.9")
    assert code == 1
    assert "What broke" in message
    assert ended("gate", "last", "--min-score", "label=0.6", "--junit", "out.xml")[0] == 0
