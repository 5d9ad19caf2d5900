"""Checks that a case brings: they score the replies to that case only, at once and again, and are never sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from promptgrid import api, compare
from promptgrid.cases.table import cases_csv, cases_jsonl, read_cases
from promptgrid.cli import main
from promptgrid.errors import CasesError, PlanError
from promptgrid.export import read_csv, read_jsonl
from promptgrid.export.runs import save_run
from promptgrid.gate import ask, gates_for, junit
from promptgrid.runner import client
from promptgrid.store import Database, results, runs
from tests.judging.rechecks import ADD, rechecked, values
from tests.running import a_run, replies_of

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

OWN = ["two=contains:text=2", "short=length:max=2.0"]
CASES: list[dict[str, Any]] = [
    {"a": "1", "expected": "2", "checks": OWN},
    {"a": "2", "expected": "3"},
    {"a": "3", "checks": ["two=contains:text=nothing"]},
]
SCORES = {"number": [1, 0, None], "two": [1, 0], "short": [0]}


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer) -> None:
    endpoint.answer = lambda body: "It is 2, I am sure."


def own_run(database: Database, **changes: Any) -> str:
    return a_run(database, api.plan(ADD, CASES, models="openai/m", **changes))


def test_they_score_the_replies_to_their_case_only(database: Database) -> None:
    run_id = own_run(database)
    assert values(database, run_id) == SCORES
    rows = list(results.result_rows(database, run_id))
    assert [sorted(row.scores) for row in rows] == [["number", "short", "two"], ["number"], ["number", "two"]]


def test_a_case_without_the_check_is_missing_and_not_zero(database: Database) -> None:
    (summary,) = compare.summary(database, own_run(database))
    assert summary.by_check == {"number": (0.5, 2), "short": (0.0, 1), "two": (0.5, 2)}


def test_they_stay_with_the_run_and_score_again(database: Database, hostile: HostileServer) -> None:
    run_id = own_run(database)
    assert [[*map(str, case.checks)] for case in runs.plan_of(database, run_id).cases] == [OWN, [], OWN_OF_THE_THIRD]
    sent = len(hostile.requests)
    rechecked(database, run_id)
    assert values(database, run_id) == SCORES
    rechecked(database, run_id, "length:max=1", remove=["number"])
    assert values(database, run_id) == {"two": [1, 0], "short": [0], "length": [0, 0, 0]}
    assert len(hostile.requests) == sent


OWN_OF_THE_THIRD = ["two=contains:text=nothing"]


def test_they_change_no_key_and_no_request(database: Database, hostile: HostileServer) -> None:
    own_run(database)
    before, sent = replies_of(database), hostile.calls("m")
    without = [{name: value for name, value in case.items() if name != "checks"} for case in CASES]
    a_run(database, api.plan(ADD, without, models="openai/m"))
    assert (replies_of(database), hostile.calls("m")) == (before, sent)
    assert not any("contains" in json.dumps(request.body) for request in hostile.requests)


def test_a_check_of_the_run_has_another_name(database: Database) -> None:
    named = [{"a": "1", "expected": "2", "checks": ["number:tolerance=1"]}]
    with pytest.raises(PlanError, match=r"Case 1 brings a check called 'number'.*own number=number:tol"):
        api.plan(ADD, named, models="openai/m")
    with pytest.raises(PlanError, match="Case 1 brings a check called 'two'"):
        rechecked(database, own_run(database), "two=contains:text=2")


def test_what_a_case_brings_is_not_removed_from_the_run(database: Database) -> None:
    with pytest.raises(PlanError, match=r"The check 'two' comes with cases of the run.*Take it out of the table"):
        rechecked(database, own_run(database), remove=["two"])


def test_the_preflight_says_how_many_cases_bring_some(database: Database) -> None:
    Path("cases.jsonl").write_text("\n".join(map(json.dumps, CASES)), "utf-8")
    Path("add.prompty").write_text("user:\nAdd {{ a }} and 1.\n", "utf-8")
    arguments = ["plan", "add.prompty", "--cases", "cases.jsonl", "--model", "openai/m"]
    assert "2 cases bring checks of their own." in CliRunner().invoke(main, arguments).output
    as_json = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert as_json["own_checks"] == 2


def test_where_only_cases_bring_checks_a_plan_is_scored(database: Database) -> None:
    cases = [{"a": str(n), "checks": ["two=contains:text=2"]} for n in range(20)]
    preflight = client.preflight(database, api.plan(ADD, cases, models="openai/m", temperatures=[0, 1]))
    assert not any("nothing will be scored" in doubt for doubt in preflight.doubts)
    assert preflight.reach is not None


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_results_hold_them_and_come_back(database: Database, form: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.{form}"
    save_run(database, own_run(database), path, "csv" if form == "csv" else "jsonl")
    rows = list(read_csv(path) if form == "csv" else read_jsonl(path))
    assert [row["checks"] for row in rows] == [OWN, None, OWN_OF_THE_THIRD]
    assert [row["score.two"] for row in rows] == [1, None, 0]


def test_every_other_form_holds_them_too(database: Database, tmp_path: Path) -> None:
    run_id = own_run(database)
    for form in ("csv-for-excel", "csv-wide", "xlsx", "parquet", "html", "markdown"):
        assert save_run(database, run_id, tmp_path / form, form)


def test_gates_and_test_reports_know_them(database: Database) -> None:
    run_id = own_run(database)
    plan = runs.plan_of(database, run_id)
    report = ask(database, run_id, gates_for(database, plan, min_scores=["two=0.5"]), report=True)
    assert [result.held for result in report.results] == [True, True]
    assert [(v.case_id, v.check) for v in report.verdicts] == [
        ("1", "number"), ("1", "two"), ("1", "short"), ("2", "number"), ("3", "number"), ("3", "two"),
    ]  # fmt: skip
    assert b"case 2 \xc2\xb7 two" not in junit("run", report.results, report.verdicts)


def test_a_table_brings_them_and_gives_them_back(tmp_path: Path) -> None:
    table = read_cases(b'a,Checks\r\n1,"[""two=contains:text=2"", ""short=length:max=2""]"\r\n2,length:max=9\r\n3,\r\n')
    checks = [[*map(str, case.checks)] for case in table.cases]
    assert checks == [OWN, ["length:max=9.0"], []]
    assert table.columns == ("a", "checks")
    assert [case.inputs for case in table.cases] == [{"a": "1"}, {"a": "2"}, {"a": "3"}]
    for again in (cases_csv(table.cases, table.columns), cases_jsonl(table.cases)):
        assert [[*map(str, case.checks)] for case in read_cases(again.encode()).cases] == checks


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("contians:text=2", r"row 3: No check is called 'contians'. Did you mean contains\?"),
        ('["label"', "row 3: the checks are no JSON"),
        ('[{"kind": "label"}]', "row 3: the checks are no list of texts"),
        ('["label", "label"]', "row 3: two checks are called 'label'"),
        ("python:file=own.py", r"row 3: the check 'python' runs Python.*--check 'python:file=own.py'"),
        ("kind=judge:model=openai/m", r"row 3: the check 'kind' calls a model.*--check 'kind=judge:model=openai/m'"),
        ("similarity:method=embedding,model=openai/m", "row 3: the check 'similarity' calls a model"),
        ("usual", "row 3: the check 'usual' stands for the usual checks"),
    ],
)
def test_a_check_that_cannot_come_with_a_case_is_refused_with_its_row(cell: str, message: str) -> None:
    quoted = cell.replace('"', '""')
    with pytest.raises(CasesError, match=message):
        read_cases(f'a,checks\r\n1,\r\n2,"{quoted}"\r\n'.encode(), name="t.csv")


def test_a_check_of_python_that_a_case_brings_never_runs(database: Database) -> None:
    Path("own.py").write_text("open('ran', 'w')\ndef score(output): return 1\n", "utf-8")
    with pytest.raises(CasesError, match="case 1: the check 'python' runs Python"):
        own_run_of([{"a": "1", "checks": ["python:file=own.py"]}], database)
    assert not Path("ran").exists()


def own_run_of(cases: list[dict[str, Any]], database: Database) -> str:
    return a_run(database, api.plan(ADD, cases, models="openai/m"))
