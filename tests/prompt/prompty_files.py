"""Texts of .prompty files."""

from __future__ import annotations

from pathlib import Path

import prompty

from promptgrid.prompt import Prompt, render

FILE = """---
name: sentiment
# a person's note
description: Label a review   # short
authors: [someone]
metadata:
  tags: [classification]
  language: zh
  cases: cases/sentiment.csv
  mine: {kept: true}   # not ours
  answer: {kind: label, labels: [positive, no, 1.0]}
  wording: {answer_line: "Antwort:"}
  examples:
    - {text: Arrived broken., answer: no, reasoning: It names a defect.}
    # the odd one
    - {text: 12:30, answer: 007}
    - {text: null, answer: ~}
inputs:
  - {name: text, kind: string, example: 1.0, default: yes, description: The review}
model:
  id: gpt-4o
  options:
    temperature: 0.70
    topP: 0.9
    maxOutputTokens: 64   # enough
    seed: 3
    stopSequences: ["\\n\\n", no]
    reasoningEffort: low
    topK: 40
    additionalProperties:
      response_format: {type: json_object}
      extra_body: {min_p: 0.05}
      other: 1
template: {format: {kind: jinja2}, parser: {kind: prompty}}
---
You label product reviews.

  # User :
Review: {{ text }}

assistant[name="x"]:
ok
"""


def front(yaml: str) -> str:
    return f"---\n{yaml}\n---\nuser:\nHi\n"


def prepared(text: str, folder: Path, values: dict[str, str]) -> list[tuple[str, str]]:
    """What prompty makes of the file."""
    path = folder / "x.prompty"
    path.write_text(text, encoding="utf-8", newline="")
    messages = prompty.prepare(prompty.load(path), values)
    return [(message.role, "".join(part.value for part in message.parts)) for message in messages]


def ours(prompt: Prompt, values: dict[str, str]) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in render(prompt.messages, values, prompt.inputs)]
