"""The commands on runs that exist: list, rename, export, delete, resume and extend them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptgrid.store import Database, runs
from tests.command import RUN, promptgrid, rows_of, rows_of_export

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


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
    assert run["id"] in promptgrid("undelete", "last").stdout
    assert "No run is deleted" in promptgrid("undelete", "last").stderr
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
def test_runs_are_tagged_and_found_by_their_tags() -> None:
    promptgrid(*RUN, "--name", "first")
    promptgrid(*RUN, "--name", "second")
    assert "no tags" in promptgrid("tag", "last").stdout
    assert (
        "a favourite and has the tags production, slow"
        in promptgrid("tag", "last", "production", "slow", "--favourite").stdout
    )
    for option in (("--tag", "slow"), ("--favourites",)):
        assert [run["name"] for run in json.loads(promptgrid("runs", *option, "--json").stdout)] == ["second"]
    assert "production, slow" in promptgrid("runs").stdout
    promptgrid("tag", "last", "--remove", "slow", "--no-favourite")
    assert "No such runs" in promptgrid("runs", "--tag", "slow").stdout
