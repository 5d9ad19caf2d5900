"""Texts of .prompty files."""

from __future__ import annotations

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
