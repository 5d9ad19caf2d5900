"""The command line as it is typed, in a folder with a prompt and cases."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from promptgrid.cli import main

LABEL = """---
name: label
metadata:
  answer: {kind: label, labels: [good, bad]}
  examples:
    - {text: "I like it", answer: "good", reasoning: "Liking is good."}
inputs:
  - {name: text, kind: string, example: "fine"}
---
system:
You label.
user:
{{ text }}
"""
RUN = ("run", "label.prompty", "--cases", "cases.csv", "--model", "openai/ok")


def promptgrid(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def write_label(*cases: str) -> None:
    """Writes what RUN names into the working folder; a case is "text,expected"."""
    Path("label.prompty").write_text(LABEL, "utf-8")
    Path("cases.csv").write_text("\n".join(["text,expected", *cases, ""]), "utf-8")
