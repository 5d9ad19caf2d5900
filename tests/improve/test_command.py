"""A search by the command line: what it claims, what it pays, and what it saves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from promptgrid.cli import main
from promptgrid.library.folder import Library
from promptgrid.store import Database
from promptgrid.store.across.parts import openings_of
from tests.parity import RULE, write_parity

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


def improve(*arguments: str) -> Result:
    command = ["improve", "parity", "--cases", "cases.csv", "--model", "openai/ok", "--budget", "1500calls"]
    return CliRunner().invoke(main, [*command, "--candidates", "4", *arguments])


@pytest.fixture
def asked(endpoint: HostileServer, monkeypatch: pytest.MonkeyPatch) -> HostileServer:
    write_parity(endpoint, monkeypatch)
    return endpoint


def test_a_rule_that_the_failures_name_is_proved_once_saved_and_sent_as_it_was(asked: HostileServer) -> None:
    first = improve("--json")
    assert first.exit_code == 0, first.output
    report = json.loads(first.stdout)
    assert report["verdict"] == "better"
    assert report["messages"][0]["text"] == f"Label the note. {RULE}"
    assert report["interval"][0] > 0
    assert any("copies words of a learn case" in one["reason"] for one in report["rejected"])
    assert openings_of(Database(), ["parity"]) == {"parity": 1}
    sent = len(asked.books.completions)
    assert report["spent"]["calls"] == sent

    again = improve("--save")  # the same command: nothing is asked, and prove is not opened again
    assert again.exit_code == 0
    assert len(asked.books.completions) == sent
    assert openings_of(Database(), ["parity"]) == {"parity": 1}
    saved, _ = Library(Path("prompts")).load("parity")
    assert saved.messages[0].text == f"Label the note. {RULE}"

    run = ["run", "parity", "--cases", "cases.csv", "--part", "choose", "--model", "openai/ok"]
    assert CliRunner().invoke(main, run).exit_code == 0
    assert len(asked.books.completions) == sent  # taken out of the search, the request is the same to the byte


def test_a_search_whose_run_was_left_goes_on_and_pays_nothing_twice(
    asked: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from promptgrid.improve import carry_out

    def killed(*_: object) -> None:
        raise SystemExit(9)

    with monkeypatch.context() as patch:
        patch.setattr(carry_out._Work, "written", killed)
        assert improve().exit_code == 9
    before = len(asked.books.completions)
    assert before > 0
    assert improve().exit_code == 0
    texts = [json.dumps(one.body, sort_keys=True) for one in asked.books.completions]
    assert len(texts) == len(set(texts))


def test_a_budget_that_buys_too_little_and_cases_that_prove_nothing_are_refused_before_a_call(
    asked: HostileServer,
) -> None:
    dear = improve("--budget", "150calls")
    assert dear.exit_code == 2
    assert "Give at least" in dear.output
    lines = Path("cases.csv").read_text("utf-8").splitlines()
    Path("cases.csv").write_text("\n".join(lines[:31]), "utf-8")
    few = improve()
    assert few.exit_code == 2
    assert "Under 40 cases nothing can be proved, and these are 30." in few.output
    assert not asked.books.completions


def test_a_prompt_is_drafted_from_a_description_and_is_the_original(asked: HostileServer) -> None:
    task = ["--draft", "Sort notes by whether their number is odd."]
    cases = ["--cases", "cases.csv", "--model", "openai/ok", "--budget", "1500calls"]
    command = ["improve", "sorting", *task, *cases, "--dry-run"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    made, _ = Library(Path("prompts")).load("sorting")
    assert [message.text for message in made.messages] == ["Sort the notes.", "{{ text }}"]
    assert made.answer.labels == ("bad", "good")
    sent = len(asked.books.completions)
    assert CliRunner().invoke(main, command).exit_code == 0
    assert len(asked.books.completions) == sent == 1
