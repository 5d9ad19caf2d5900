"""The command line as a whole: what a wrong command says, and the help of every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from promptgrid.cli import main
from tests.command import promptgrid

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


@pytest.mark.parametrize(
    ("arguments", "message"),
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
        (["export", "last", "--csv", "no/such/out.csv"], "no/such/out.csv does not exist. Create "),
        (["curve", "last", "--csv", "no/such/out.csv"], "no/such/out.csv does not exist. Create "),
        (["backup", "no/such/copy.sqlite3"], "no/such/copy.sqlite3 does not exist. Create "),
        (["resume", "nothing"], "no run that starts"),
        (["export", "last", "--csv", "x.csv"], "There are no runs yet"),
        (["export", "last"], "Name at least one file"),
        (["delete"], "Missing argument"),
    ],
)
@pytest.mark.usefixtures("work")
def test_a_wrong_command_says_what_and_exits_with_2(arguments: list[str], message: str, hostile: HostileServer) -> None:
    result = promptgrid(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    assert not [r for r in hostile.requests if "completions" in r.path]


def test_help_shows_every_command() -> None:
    text = promptgrid("--help").stdout
    for name in main.commands:
        assert f"  {name} " in text
        assert promptgrid(name, "--help").exit_code == 0
