"""The command line as it is typed, in a folder with a prompt and cases; and the results files that it writes."""

from __future__ import annotations

import csv
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
"""A file of prompty 0.1."""

RUN = ("run", "label.prompty", "--cases", "cases.csv", "--model", "openai/ok")


def promptgrid(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def write_label(*cases: str) -> None:
    """Writes what RUN names into the working folder; a case is "text,expected"."""
    Path("label.prompty").write_text(LABEL, "utf-8")
    Path("cases.csv").write_text("\n".join(["text,expected", *cases, ""]), "utf-8")


def rows_of(path: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rows_of_export() -> list[dict[str, str]]:
    """The rows of the last run's results file."""
    promptgrid("export", "last", "--csv", "all.csv")
    return rows_of("all.csv")
