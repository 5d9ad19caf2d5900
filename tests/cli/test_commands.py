"""The command line as it is typed: exit codes, what is printed where, files written."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptgrid import builtin, plan
from promptgrid.cli import main
from promptgrid.export import COLUMNS
from promptgrid.models import learned
from promptgrid.store import Database, runs
from tests.command import LABEL, RUN, promptgrid, write_label

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


@pytest.fixture
def work(endpoint: HostileServer) -> Path:
    """Models find everything good, and so is one of two cases."""
    endpoint.answer = lambda body: "Reason.\nAnswer: good"
    write_label("lovely,good", "awful,bad")
    return Path.cwd()


def rows_of(path: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "lable.prompty"], "lable.prompty"),
        (["run", "label.prompty", "--model", "opnai/x"], "Did you mean openai"),
        (["run", "label.prompty", "--model", "gpt-4o"], "ENDPOINT/MODEL"),
        (["plan", "label.prompty", "--model", "builtin/nope"], "has no model 'nope'"),
        (["run", "label.prompty", "--technique", "cot", "--model", "openai/ok"], 'no technique "cot"'),
        (["run", "label.prompty", "--temperature", "3", "--model", "openai/ok"], "Temperature 3"),
        (["run", "label.prompty", "--temperature", "hot", "--model", "openai/ok"], "'hot' is no temperature"),
        (["run", "label.prompty", "--cases", "none.csv", "--model", "openai/ok"], "none.csv"),
        (["run", "label.prompty", "--check", "lable", "--model", "openai/ok"], "label"),
        (["run", "label.prompty", "--budget", "much", "--model", "openai/ok"], "is not a budget"),
        (["run", "label.prompty", "--csv", "no/such/folder/out.csv", "--model", "openai/ok"], "does not exist"),
        (["resume", "nothing"], "no run that starts"),
        (["export", "last", "--csv", "x.csv"], "no run that starts"),
        (["export", "last"], "Name at least one file"),
        (["delete"], "Missing argument"),
    ],
)
@pytest.mark.usefixtures("work")
def test_a_wrong_command_says_what_and_exits_with_2(arguments: list[str], said: str, hostile: HostileServer) -> None:
    result = promptgrid(*arguments)
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert "Traceback" not in result.output
    assert not [r for r in hostile.requests if "completions" in r.path]


@pytest.mark.usefixtures("work")
def test_missing_variables_are_all_named_and_nothing_is_sent(hostile: HostileServer) -> None:
    Path("cases.csv").write_text("word\nx\n", "utf-8")
    result = promptgrid(*RUN)
    assert result.exit_code == 2
    assert "text (line 2)" in result.output
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
def test_plan_says_what_is_merged_and_skipped() -> None:
    Path("plain.prompty").write_text("---\nname: plain\n---\nuser:\nHi\n", "utf-8")
    result = promptgrid("plan", "plain.prompty", "--model", "openai/o3", "--technique", "zero-shot,few-shot",
                        "--temperature", "0,1.2", "--max-tokens", "5")  # fmt: skip
    assert "skipped: plain as few-shot, the prompt has no examples" in result.stdout
    assert "merged" in result.stdout
    assert "1 cell: 1 call" in result.stdout


@pytest.mark.usefixtures("work")
def test_the_life_of_a_run() -> None:
    assert "No runs yet" in promptgrid("runs").stdout
    promptgrid(*RUN, "--name", "first")
    (run,) = json.loads(promptgrid("runs", "--json").stdout)
    assert (run["name"], run["status"], run["progress"]["total"]) == ("first", "finished", 2)
    assert promptgrid("rename", run["id"], "second").exit_code == 0
    assert "second" in promptgrid("runs").stdout
    assert promptgrid("export", run["id"][:4], "--csv", "a.csv", "--jsonl", "a.jsonl").exit_code == 0
    assert [json.loads(line)["output"] for line in Path("a.jsonl").read_text("utf-8").splitlines()] == [
        row["output"] for row in rows_of("a.csv")
    ]
    assert "undelete" in promptgrid("delete", run["id"]).stdout
    assert "No runs yet" in promptgrid("runs").stdout
    assert promptgrid("undelete", run["id"]).exit_code == 0
    assert "second" in promptgrid("runs").stdout


@pytest.mark.usefixtures("work")
def test_a_stopped_run_is_resumed(hostile: HostileServer) -> None:
    stopped = promptgrid(*RUN, "--budget", "1calls", "--concurrency", "1")
    assert stopped.exit_code == 1
    assert "budget of 1 calls" in stopped.stderr
    hostile.answer = lambda body: "good"
    assert promptgrid("resume", "last").exit_code == 1
    assert hostile.calls("ok") == 1  # the budget is the run's, not the attempt's
    assert promptgrid("resume", "last", "--budget", "2calls").exit_code == 0
    assert hostile.calls("ok") == 2


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


def rows_of_export() -> list[dict[str, str]]:
    promptgrid("export", "last", "--csv", "all.csv")
    return rows_of("all.csv")


def test_tokens_line_by_line_the_costliest_first() -> None:
    Path("text.txt").write_bytes("hi\n我喜欢香蕉\n\x1b[31m\n".encode())
    command = ["tokens", "text.txt", "--model", "cl100k_base", "--by-line"]
    told = json.loads(promptgrid(*command, "--json").stdout)
    assert [(line["line"], line["tokens"]) for line in told["lines"]] == [(1, 2), (2, 11), (3, 4)]
    assert told["tokens"] == sum(line["tokens"] for line in told["lines"])
    assert told["lines"][1]["text"] == "我喜欢香蕉"
    shown = promptgrid(*command).stdout.splitlines()
    assert [line.split()[1] for line in shown[2:]] == ["2", "3", "1"]
    assert "\x1b" not in "".join(shown)


def test_a_file_that_is_not_utf8_is_not_counted() -> None:
    Path("text.txt").write_bytes(b"ab\n\xff")
    refused = promptgrid("tokens", "text.txt")
    assert refused.exit_code == 2
    assert "byte 4 (line 2) is 0xFF" in refused.stderr


@pytest.mark.usefixtures("work")
def test_tokens_models_prompts() -> None:
    Path("text.txt").write_text("hello world", "utf-8")
    counted = json.loads(promptgrid("tokens", "text.txt", "--model", "openai/gpt-4o", "--json").stdout)
    assert counted["characters"] == 11
    assert counted["tokens"] == 2
    assert "openai/ok" in promptgrid("models").stdout
    listed = {entry["name"]: entry for entry in json.loads(promptgrid("prompts", "--json").stdout)}
    assert "sentiment" in listed
    Path("prompts").mkdir()
    Path("prompts/bad.prompty").write_text("---\nname: [\n---\nuser:\nx\n", "utf-8")
    Path("prompts/old.prompty").write_text(OLDER, "utf-8")
    listed_prompts = promptgrid("prompts")
    bad, old = listed_prompts.stdout.splitlines()
    assert bad.split()[:2] == ["bad", "broken"]
    assert old.endswith("  Two lines of it.")
    assert "old: model.parameters.tools is not taken over." in listed_prompts.stderr


OLDER = """---
description: |
  Two lines
  of it.
model: {parameters: {max_tokens: 7, tools: []}}
inputs: {place: {type: string, default: Paris}, style: {type: string}}
sample: {style: short}
---
user:
Where is {{ place }}? {{ style }}
"""


def test_without_cases_defaults_and_samples_are_sent_and_nothing_is_sent_empty() -> None:
    Path("old.prompty").write_text(OLDER, "utf-8")
    sheet = promptgrid("plan", "old.prompty")
    assert "old: model.parameters.tools is not taken over." in sheet.stderr
    [case] = plan("./old.prompty").cases
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


def test_help_shows_every_command() -> None:
    shown = promptgrid("--help").stdout
    for name in main.commands:
        assert f"  {name} " in shown
        assert promptgrid(name, "--help").exit_code == 0


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.usefixtures("work")
def test_ctrl_c_pauses_and_nothing_keeps_spending(hostile: HostileServer) -> None:
    rows = "".join(f"word{n},good\n" for n in range(50))
    Path("cases.csv").write_text(f"text,expected\n{rows}", "utf-8")
    command = [sys.executable, "-m", "promptgrid", *RUN[:4], "--model", "openai/slow", "--concurrency", "1"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while hostile.calls("slow") < 2:
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 1
    assert "paused" in said
    assert "promptgrid resume" in said
    assert "Traceback" not in said
    (run,) = json.loads(promptgrid("runs", "--json").stdout)
    assert run["status"] == "paused"
    assert hostile.calls("slow") < 50


def interrupted(hostile: HostileServer, model: str, times: int) -> subprocess.Popen[str]:
    """A run of two cells at once whose calls to `model` are in flight, after so many Ctrl+C."""
    command = [sys.executable, "-m", "promptgrid", *RUN[:4], "--model", f"openai/{model}", "--concurrency", "2"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while hostile.calls(model) < 2:
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert running.stderr is not None
    for sent in range(times):
        running.send_signal(signal.SIGINT)
        if sent + 1 < times:
            while "Ctrl+C again" not in running.stderr.readline():
                assert running.poll() is None
    return running


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.usefixtures("work")
def test_a_first_ctrl_c_lets_the_calls_in_flight_come_in(hostile: HostileServer) -> None:
    hostile.latency_s = 1.5
    _, said = interrupted(hostile, "ok", 1).communicate(timeout=60)
    assert "Pausing: waiting for the calls in flight. Press Ctrl+C again to abandon them." in said
    assert rows_of_export()[0]["status"] == "answered"
    assert hostile.calls("ok") == 2


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.usefixtures("work")
def test_a_second_ctrl_c_gives_the_calls_in_flight_up(hostile: HostileServer) -> None:
    running = interrupted(hostile, "hang", 2)
    _, said = running.communicate(timeout=40)  # the calls themselves would never end
    assert running.returncode == 1
    assert "may still cost money" in said
    assert "paused · 0 of 2" in said
    assert "Traceback" not in said
    (run,) = json.loads(promptgrid("runs", "--json").stdout)
    assert run["status"] == "paused"


@pytest.mark.usefixtures("work")
def test_a_run_is_extended_by_what_is_new(hostile: HostileServer) -> None:
    promptgrid(*RUN, "--temperature", "0.7")
    more = promptgrid("extend", "last", "--samples", "3", "--temperature", "1.2", "--csv", "more.csv")
    assert more.exit_code == 0, more.output
    assert "10 cells added" in more.stderr
    assert hostile.calls("ok") == 12
    assert Counter((row["temperature"], row["sample"]) for row in rows_of("more.csv")) == {
        (t, s): 2 for t in ("0.7", "1.2") for s in ("0", "1", "2")
    }
    nothing = promptgrid("extend", "last", "--samples", "2")
    assert (nothing.exit_code, hostile.calls("ok")) == (2, 12)
    assert "has all of these cells" in nothing.output


@pytest.mark.usefixtures("work")
def test_samples_are_added_to_a_run_at_the_models_own_temperature(hostile: HostileServer) -> None:
    promptgrid(*RUN)
    more = promptgrid("extend", "last", "--samples", "2")
    assert more.exit_code == 0, more.output
    assert hostile.calls("ok") == 4


@pytest.mark.usefixtures("work")
def test_what_the_run_has_already_may_be_named_again(hostile: HostileServer) -> None:
    promptgrid(*RUN, "--temperature", "0,0.7")
    more = promptgrid("extend", "last", "--temperature", "0,0.7,1.2", "--model", "openai/ok")
    assert more.exit_code == 0, more.output
    assert hostile.calls("ok") == 6
    assert {row["parameter_note"] for row in rows_of_export()} == {""}


@pytest.mark.usefixtures("work")
def test_what_is_named_again_stands_in_the_plan_once() -> None:
    promptgrid(*RUN, "--temperature", "0,0.7")
    promptgrid("extend", "last", "--temperature", "0,0.7,1.2", "--model", "openai/ok")
    plan = runs.plan_of(Database(), json.loads(promptgrid("runs", "--json").stdout)[0]["id"])
    assert (plan.axes["temperature"], plan.models) == ((0, 0.7, 1.2), ("openai/ok",))


@pytest.mark.usefixtures("work")
def test_extend_wants_to_know_what() -> None:
    promptgrid(*RUN)
    result = promptgrid("extend", "last")
    assert result.exit_code == 2
    assert "Say what to add" in result.output


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


@pytest.mark.usefixtures("work")
def test_plan_writes_what_was_learned_as_json(hostile: HostileServer) -> None:
    learned.remember(hostile.url, "ok", "temperature", 0.7, "Unsupported value.")
    result = promptgrid("plan", *RUN[1:], "--temperature", "0.7", "--json")
    assert result.exit_code == 0, result.output
    assert "refused temperature 0.7" in json.dumps(json.loads(result.stdout)["models"][0]["notes"])


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.usefixtures("work")
def test_a_terminal_shows_a_bar_with_the_same_words() -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "promptgrid", *RUN]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError), os.fdopen(ours, "rb", buffering=0) as terminal:  # an error is its end
        while data := terminal.read(4096):
            said += data
    assert running.wait(timeout=20) == 0
    for word in ("100 %", "2 of 2", "━"):
        assert word in said.decode("utf-8", "replace")
