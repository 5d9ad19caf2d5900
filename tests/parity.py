"""A prompt that a rule makes better, its cases, and a scripted model that follows it and writes it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

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


def write_parity(endpoint: HostileServer, patch: pytest.MonkeyPatch) -> None:
    """Writes the prompt "parity" and 100 cases into a library. The model is right on all cases only if the prompt has
    the rule. As the writer it takes the rule up from a failure; one rewrite quotes a case, others change nothing."""
    folder = Path("prompts")
    folder.mkdir()
    patch.setenv("PROMPTGRID_PROMPTS", str(folder.absolute()))
    (folder / "parity.prompty").write_text(PROMPT, "utf-8")
    rows = [f"the note on subject number {n} of today,{('good', 'bad')[n % 2]}" for n in range(100)]
    table = "\n".join(["text,expected", *rows])
    (folder / "cases").mkdir()
    for path in (Path("cases.csv"), folder / "cases" / "parity.csv"):
        path.write_text(table, "utf-8")

    def answer(body: dict[str, Any]) -> str:
        text = body["messages"][-1]["content"]
        if "does this task" in text:
            assert "one of: bad, good" in text
            return "<prompt>Sort the notes.</prompt>"
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
