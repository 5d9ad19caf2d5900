"""A run against an earlier one, as the gate asks and the terminal tells; missing is neither zero nor a pass."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptgrid.compare import ChangeKind, Changes, against
from promptgrid.errors import GateError
from promptgrid.gate import NotWorse, not_worse
from promptgrid.store import Database, runs
from tests import command
from tests.command import promptgrid, write_label

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

RUN = (*command.RUN, "--fresh")


@pytest.fixture
def server(endpoint: HostileServer) -> HostileServer:
    """Models find everything good, and so are the twelve cases."""
    endpoint.answer = lambda body: "good"
    write_label(*(f"word{n},good" for n in range(12)))
    return endpoint


def a_run(*options: str) -> str:
    """The id of a run that has ended."""
    promptgrid(*RUN, *options)
    return runs.find_run(Database(), "last").id


def says(server: HostileServer, wrong: set[str], answer: str = "bad") -> None:
    """From now on it gives this answer to those cases, and "good" to the others."""
    server.answer = lambda body: answer if body["messages"][-1]["content"].split()[-1] in wrong else "good"


def changed(a: str, b: str) -> Changes:
    return against(Database(), a, b)


def listed(changes: Changes, kind: ChangeKind) -> list[str]:
    """The texts of the cases of that kind."""
    return [change.inputs["text"] for change in changes.listed(Database(), [kind])]


def counts(changes: Changes) -> dict[str, int]:
    return {kind: count for kind, count in changes.counts.items() if count}


def test_what_broke_and_what_improved_is_told_by_case(server: HostileServer) -> None:
    says(server, {"word1"})
    first = a_run()
    says(server, {"word2", "word3"})
    changes = changed(first, a_run())
    assert counts(changes) == {"broke": 2, "improved": 1, "same": 9}
    assert (listed(changes, "broke"), listed(changes, "improved")) == (["word2", "word3"], ["word1"])
    broke = changes.listed(Database(), ["broke"])[0]
    assert (broke.answer_a, broke.answer_b, broke.score_a, broke.score_b) == ("good", "bad", 1.0, 0.0)
    assert (broke.expected, broke.status_a, broke.status_b) == ("good", "answered", "answered")
    assert changes.versus is not None
    assert (changes.versus.better, changes.versus.worse, changes.versus.n) == (1, 2, 12)


def test_what_cannot_be_read_any_more_broke_though_it_is_not_zero(server: HostileServer) -> None:
    first = a_run()
    says(server, {"word1"}, "?")
    changes = changed(first, a_run())
    assert counts(changes) == {"broke": 1, "same": 11}
    (broke,) = changes.listed(Database(), ["broke"])
    assert (broke.score_b, broke.answer_b) == (None, None)
    assert changes.versus is not None
    assert (changes.versus.n, changes.versus.missing) == (11, 1)


def test_a_cell_that_failed_broke_and_one_that_waits_is_not_there(server: HostileServer) -> None:
    first = a_run()
    failed = a_run("--retries", "0", "--budget", "5calls")
    changes = changed(first, failed)
    assert counts(changes)["same"] == 5
    assert counts(changes)["gone"] == 7


def test_only_the_checks_that_both_runs_have_are_compared(server: HostileServer) -> None:
    first = a_run("--check", "label")
    changes = changed(first, a_run("--check", "label", "--check", "never=contains:text=xyz"))
    assert counts(changes) == {"same": 12}
    other = changed(first, a_run("--check", "exact"))
    assert (counts(other), other.versus) == ({"same": 12}, None)


def test_what_only_one_run_has_is_no_part_of_the_whole(server: HostileServer) -> None:
    first = a_run("--temperature", "0")
    server.answer = lambda body: "bad" if body["temperature"] else "good"
    changes = changed(first, a_run("--temperature", "0,0.7"))
    assert counts(changes) == {"same": 12, "new": 12}
    assert changes.versus is not None
    assert (changes.versus.a, changes.versus.b, changes.versus.n) == (1.0, 1.0, 12)


def worse(first: str, second: str, *, strict: bool = False) -> list[bool]:
    gate = NotWorse(first, frozenset(["label"]), strict)
    return [result.held for result in not_worse(Database(), second, gate)]


def test_worse_is_what_the_statistics_call_worse(server: HostileServer) -> None:
    first = a_run()
    says(server, {"word1"})
    slightly = a_run()
    says(server, {f"word{n}" for n in range(8)})
    clearly = a_run()
    assert worse(first, slightly) == [True]  # one of twelve may be luck
    assert worse(first, slightly, strict=True) == [False]
    assert worse(first, clearly) == [False]
    assert worse(clearly, first) == worse(clearly, first, strict=True) == [True]


def test_nothing_to_compare_with_is_a_miss(server: HostileServer) -> None:
    first = a_run("--temperature", "0")
    assert worse(first, a_run("--temperature", "0,0.7")) == [True, False]
    write_label("word0,", "word1,")
    assert worse(first, a_run("--temperature", "0")) == [False]


def test_a_run_is_not_compared_with_itself(server: HostileServer) -> None:
    first = a_run()
    with pytest.raises(GateError, match="itself"):
        worse(first, first)
    assert promptgrid("gate", "last", "--no-worse-than", "last").exit_code == 2
    assert promptgrid("compare", "last", "last").exit_code == 2


def test_the_gate_exits_with_1_and_lists_what_broke(server: HostileServer) -> None:
    first = a_run()
    says(server, {f"word{n}" for n in range(8)})
    missed = promptgrid(*RUN, "--no-worse-than", first, "--junit", "out.xml")
    assert missed.exit_code == 1
    assert "missed: it is worse" in missed.stdout
    assert "is worse than" in missed.stdout
    assert missed.stdout.count("score 1 before, 0 now") == 8
    (failure,) = [f for f in ET.parse("out.xml").getroot().iter("failure") if f.get("type") == "gate"]
    assert (failure.text or "").count("score 1 before") == 8


def test_what_broke_is_listed_though_the_gate_holds(server: HostileServer) -> None:
    first = a_run()
    says(server, {"word1"})
    held = promptgrid(*RUN, "--no-worse-than", first)
    assert held.exit_code == 0, held.output
    assert "score 1 before, 0 now" in held.stdout
    strict = promptgrid("gate", "last", "--no-worse-than", first, "--strict")
    assert strict.exit_code == 1
    assert "1 case broke" in strict.stdout


def test_last_is_the_run_before_this_one(server: HostileServer) -> None:
    a_run()
    says(server, {f"word{n}" for n in range(8)})
    assert promptgrid(*RUN, "--no-worse-than", "last").exit_code == 1


def test_a_pinned_run_is_what_others_are_measured_by(server: HostileServer) -> None:
    nothing = promptgrid(*RUN, "--no-worse-than", "pinned")
    assert (nothing.exit_code, "promptgrid pin RUN" in nothing.output) == (2, True)
    assert not server.calls("ok")
    first = a_run()
    assert promptgrid("pin", first[:5]).stdout == f"Run {first} is the baseline of label.\n"
    assert "baseline of" in promptgrid("runs").stdout
    assert json.loads(promptgrid("runs", "--json").stdout)[0]["baseline_of"] == ["label"]
    says(server, {f"word{n}" for n in range(8)})
    assert promptgrid(*RUN, "--no-worse-than", "pinned").exit_code == 1
    promptgrid("delete", first)
    assert promptgrid(*RUN, "--no-worse-than", "pinned").exit_code == 2
    promptgrid("undelete", first)
    assert promptgrid("gate", "last", "--no-worse-than", "pinned").exit_code == 1
    assert promptgrid("unpin", "label").exit_code == 0
    assert promptgrid("unpin", "label").exit_code == 2
    assert "baseline of" not in promptgrid("runs").stdout


def test_compare_tells_the_two_runs_apart(server: HostileServer) -> None:
    says(server, {"word1"})
    first = a_run()
    says(server, {"word2"})
    second = a_run()
    result = promptgrid("compare", first[:6], "last")
    assert result.exit_code == 0, result.output
    table = result.stdout
    assert "broke" in table
    assert "word2" in table
    assert "word3" not in table  # the same in both
    assert f"in {second} and the one in {first} are not distinguishable over 12 cases" in table
    assert "word3" in promptgrid("compare", first, "last", "--all").stdout
    body = json.loads(promptgrid("compare", first, "last", "--json").stdout)
    assert (body["run_a"], body["run_b"], body["counts"]["broke"]) == (first, second, 1)
    assert len(body["changes"]) == 12
    assert body["variants"][0]["versus"]["n"] == 12


def test_hostile_answers_do_not_reach_the_terminal(server: HostileServer) -> None:
    write_label("word0,", "word1,")
    Path("label.prompty").write_text("---\nname: say\n---\nuser:\n{{ text }}\n", "utf-8")
    first = a_run()
    server.answer = lambda body: "\x1b[31mred\x07 [bold]x[/bold]\nsecond line"
    a_run()
    output = promptgrid("compare", first, "last").stdout
    assert "\x1b" not in output
    assert "red [bold]x[/bold] second line" in output


def test_exit_codes_of_the_real_process(server: HostileServer) -> None:
    first = a_run()
    says(server, {f"word{n}" for n in range(8)})
    command = [sys.executable, "-m", "promptgrid", *RUN, "--no-worse-than", first]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "is worse than" in done.stdout
    assert "Traceback" not in done.stderr
