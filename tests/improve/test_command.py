"""A search by the command line: what it claims, what it pays, and what it saves."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from promptgrid.cli import main
from promptgrid.library.folder import Library
from promptgrid.store import Database
from promptgrid.store.across.parts import openings_of

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

RULE = "Odd numbers are bad."
PROMPT = """\
---
name: parity
metadata: {answer: {kind: label, labels: [good, bad]}}
inputs: [{name: text}]
model: {options: {temperature: 0, maxOutputTokens: 8}}
---
system:
Label the note.
user:
{{ text }}
"""


def improve(*arguments: str) -> Result:
    command = ["improve", "parity", "--cases", "cases.csv", "--model", "openai/ok", "--budget", "1500calls"]
    return CliRunner().invoke(main, [*command, "--candidates", "4", *arguments])


@pytest.fixture
def asked(endpoint: HostileServer, monkeypatch: pytest.MonkeyPatch) -> HostileServer:
    """100 cases, a model that is right on all only if the prompt has the rule, and a writer that takes it up from a
    failure; one rewrite quotes a case, one loses nothing and gains nothing."""
    folder = Path("prompts")
    folder.mkdir()
    monkeypatch.setenv("PROMPTGRID_PROMPTS", str(folder.absolute()))
    (folder / "parity.prompty").write_text(PROMPT, "utf-8")
    rows = [f"the note on subject number {n} of today,{('good', 'bad')[n % 2]}" for n in range(100)]
    Path("cases.csv").write_text("\n".join(["text,expected", *rows]), "utf-8")

    def answer(body: dict[str, Any]) -> str:
        text = body["messages"][-1]["content"]
        if "Write the whole instruction anew" not in text:
            number = int(re.findall(r"number (\d+) of", text)[-1])
            known = RULE in body["messages"][0]["content"] or number % 4 == 1
            return ("good", "bad")[number % 2] if known else "good"
        if "attempt 1:" in text:
            assert "right: bad" in text
            return f"<prompt>Label the note. {RULE}</prompt>"
        return (
            f"<prompt>Label the note. As in: {re.findall(r'- text: (.*)', text)[0]}</prompt>"
            if "- text:" in text
            else "ok"
        )

    endpoint.answer = answer
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
