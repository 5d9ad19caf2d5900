"""The commands run and plan as they are typed: what is printed where, files written, exit codes."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptgrid import builtin, plan
from promptgrid.export import COLUMNS
from promptgrid.models import learned
from tests.command import LABEL, OLDER, RUN, promptgrid, rows_of, rows_of_export

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


@pytest.mark.usefixtures("work")
def test_a_run_writes_one_row_a_cell_with_every_column() -> None:
    result = promptgrid(*RUN, "--technique", "zero-shot,few-shot,chain-of-thought", "--temperature", "0,0.7,1.2",
                        "--samples", "2", "--max-tokens", "48", "--csv", "out.csv")  # fmt: skip
    assert result.exit_code == 0, result.output
    rows = rows_of("out.csv")
    assert len(rows) == 2 * 3 * 3 * 2
    expected = [c for name in COLUMNS for c in {"var.*": ["var.text"], "score.*": ["score.label"]}.get(name, [name])]
    assert list(rows[0]) == expected
    assert Counter(row["score.label"] for row in rows) == {"1.0": 18, "0.0": 18}
    assert {row["status"] for row in rows} == {"answered"}
    assert "Wrote out.csv" in result.stderr
    assert "chain-of-thought · t = 0.7" in result.stdout


@pytest.mark.usefixtures("work")
def test_a_cell_that_failed_makes_exit_code_1() -> None:
    result = promptgrid("run", "label.prompty", "--cases", "cases.csv", "--model", "openai/html")
    assert result.exit_code == 1
    assert "2 failed" in result.stderr
    assert "2 cells: " in result.stderr  # and why
    assert "promptgrid resume" in result.stderr


@pytest.mark.usefixtures("work")
def test_missing_variables_are_all_named_and_nothing_is_sent(hostile: HostileServer) -> None:
    Path("cases.csv").write_text("word\nx\n", "utf-8")
    result = promptgrid(*RUN)
    assert result.exit_code == 2
    assert "text (user message, line 1)" in result.output
    assert not hostile.calls("ok")


@pytest.mark.usefixtures("work")
def test_plan_shows_the_sheet_and_sends_nothing(hostile: HostileServer) -> None:
    result = promptgrid("plan", *RUN[1:], "--technique", "zero-shot,few-shot-cot,few-shot", "--samples", "3")
    assert result.exit_code == 0, result.output
    assert "18 cells: 18 calls to send, 0 already answered" in result.stdout
    assert "free" in result.stdout
    assert not hostile.calls("ok")
    sheet = json.loads(promptgrid("plan", *RUN[1:], "--json").stdout)
    assert (sheet["cells"], sheet["calls"], sheet["cost_ceiling"]) == (2, 2, 0.0)


@pytest.mark.usefixtures("work")
def test_plan_writes_prices_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL")
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    result = promptgrid("plan", *RUN[1:4], "--model", "openai/gpt-4o", "--max-tokens", "5", "--json")
    assert result.exit_code == 0, result.output
    assert 0 < json.loads(result.stdout)["cost_floor"] < json.loads(result.stdout)["cost_ceiling"]


@pytest.mark.skipif(os.name == "nt" or not Path("/proc").is_dir(), reason="/proc cannot be written to")
@pytest.mark.usefixtures("work")
def test_results_that_cannot_be_written_are_not_lost() -> None:
    result = promptgrid(*RUN, "--csv", "/proc/out.csv")
    assert result.exit_code == 1
    assert "promptgrid export" in result.stderr
    assert "zero-shot" in result.stdout


@pytest.mark.usefixtures("work")
def test_a_case_of_five_megabytes_is_named_and_the_others_run(hostile: HostileServer) -> None:
    Path("cases.csv").write_text("text,expected\nfine,good\n" + "word " * 1_000_000 + ",bad\nfair,good\n", "utf-8")
    plan_of_others = promptgrid("plan", *RUN[1:])
    assert "row 3 left out" in plan_of_others.stderr
    assert "2 cells: 2 calls to send" in plan_of_others.stdout
    assert promptgrid(*RUN).exit_code == 0
    assert hostile.calls("ok") == 2


@pytest.mark.usefixtures("work")
def test_without_right_answers_the_option_for_their_column_is_named() -> None:
    Path("cases.csv").write_text("text,label\nfine,good\n", "utf-8")
    result = promptgrid("plan", *RUN[1:])
    assert "nothing will be scored" in result.stdout
    assert "--expected label" in result.stdout
    assert "--expected" not in promptgrid("plan", *RUN[1:], "--expected", "label").stdout


@pytest.mark.usefixtures("work")
def test_plan_says_what_is_merged_and_skipped() -> None:
    Path("plain.prompty").write_text("---\nname: plain\n---\nuser:\nHi\n", "utf-8")
    result = promptgrid("plan", "plain.prompty", "--model", "openai/o3", "--technique", "zero-shot,few-shot",
                        "--temperature", "0,1.2", "--max-tokens", "5")  # fmt: skip
    assert "skipped: plain as few-shot, the prompt has no examples" in result.stdout
    assert "merged" in result.stdout
    assert "1 cell: 1 call" in result.stdout


@pytest.mark.usefixtures("work")
def test_an_old_version_runs_against_the_new_one() -> None:
    promptgrid(*RUN)
    version = rows_of_export()[0]["prompt_version"]
    folder = Path("prompts")
    folder.mkdir()
    (folder / "label.prompty").write_text(LABEL.replace("You label.", "You label well."), "utf-8")
    result = promptgrid("run", "label", f"label@{version[:6]}", "--cases", "cases.csv", "--model", "openai/ok")
    assert result.exit_code == 0, result.output
    assert len({row["prompt_version"] for row in rows_of_export()}) == 2


def test_without_cases_defaults_and_samples_are_sent_and_nothing_is_sent_empty() -> None:
    Path("old.prompty").write_text(OLDER, "utf-8")
    sheet = promptgrid("plan", "old.prompty")
    assert "old: model.parameters.tools is not taken over." in sheet.stderr
    [case] = plan("./old.prompty", show=print).cases
    assert case.inputs == {"style": "short"}
    Path("old.prompty").write_text(OLDER.replace("sample: {style: short}", ""), "utf-8")
    refused = promptgrid("plan", "old.prompty")
    assert (refused.exit_code, "style" in refused.stderr) == (2, True)


@pytest.mark.usefixtures("builtin_home")
def test_the_built_in_model_repeats_itself_at_temperature_0() -> None:
    Path("hi.prompty").write_text("---\nname: hi\n---\nuser:\nSay hello to {{ name }}.\n", "utf-8")
    Path("names.csv").write_text("name\nAda\nAlan\n", "utf-8")
    options = ("run", "hi.prompty", "--cases", "names.csv", "--temperature", "0", "--samples", "2", "--max-tokens", "8")
    assert promptgrid(*options, "--csv", "one.csv").exit_code == 0
    assert promptgrid(*options, "--fresh", "--csv", "two.csv").exit_code == 0
    one, two = rows_of("one.csv"), rows_of("two.csv")
    assert [row["output"] for row in one] == [row["output"] for row in two]
    assert one[0]["output"] == one[1]["output"]
    assert all(row["prompt_tokens_counted"] == row["prompt_tokens"] for row in one)
    assert {row["model"] for row in one} == {builtin.MODEL}


@pytest.mark.usefixtures("work")
def test_the_number_of_retries_is_chosen(hostile: HostileServer) -> None:
    result = promptgrid(*RUN[:4], "--model", "openai/server-error+ok", "--retries", "0")
    assert result.exit_code == 1
    assert "server errors: The endpoint had trouble of its own" in result.stderr
    assert hostile.calls("server-error+ok") == 2


@pytest.mark.usefixtures("work")
def test_plan_says_what_a_budget_will_do_and_which_cells_are_one_call() -> None:
    Path("cases.csv").write_text("text,expected\nlovely,good\nlovely,bad\n", "utf-8")
    result = promptgrid("plan", *RUN[1:], "--samples", "3", "--budget", "2calls")
    assert "3 cells identical on the wire to another" in result.stdout
    assert "over the budget of 2 calls" in result.stdout
    sheet = json.loads(promptgrid("plan", *RUN[1:], "--budget", "2calls", "--json").stdout)
    assert (sheet["shared"], sheet["calls"], sheet["within_budget"]) == (1, 1, True)
    assert sheet["budget"] == {"amount": 2.0, "unit": "calls"}
    both = promptgrid("plan", *RUN[1:], "--samples", "3", "--budget", "9usd", "--max-calls", "2")
    assert "The 3 calls of this plan are over the limit of 2" in both.stdout
    assert "over the limit" not in promptgrid("plan", *RUN[1:], "--samples", "3", "--max-calls", "3").stdout


@pytest.mark.usefixtures("work")
def test_a_limit_of_calls_stops_the_run_and_a_higher_one_goes_on(hostile: HostileServer) -> None:
    stopped = promptgrid(*RUN[:4], "--model", "openai/ok", "--max-calls", "1")
    assert stopped.exit_code == 1
    assert "The limit of 1 call is reached" in stopped.stderr
    assert hostile.calls("ok") == 1
    resumed = promptgrid("resume", "last", "--max-calls", "5")
    assert resumed.exit_code == 0, resumed.stderr
    assert hostile.calls("ok") == 2


@pytest.mark.usefixtures("work")
def test_plan_writes_what_was_learned_as_json(hostile: HostileServer) -> None:
    learned.remember(hostile.url, "ok", "temperature", 0.7, "Unsupported value.")
    result = promptgrid("plan", *RUN[1:], "--temperature", "0.7", "--json")
    assert result.exit_code == 0, result.output
    assert "refused temperature 0.7" in json.dumps(json.loads(result.stdout)["models"][0]["notes"])
