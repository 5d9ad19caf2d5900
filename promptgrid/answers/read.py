"""read_answer: reasoning apart from answer, and the answer by its rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from promptgrid.answers.json_text import find_json
from promptgrid.answers.labels import find_labels
from promptgrid.answers.numbers import Number, find_numbers, last_number
from promptgrid.answers.patterns import search
from promptgrid.prompt import AnswerRule

_DECORATION = " \t\r\n*_`#>\"'“”‘’「」([-•"
_COLONS = ":："


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read out of a reply. `answer` is None where none could be read, and `note` says why, or what was odd."""

    reasoning: str
    answer: str | None
    note: str = ""


def read_answer(rule: AnswerRule, text: str, *, marker: str = "") -> Answer:
    """The answer in a reply, by the prompt's rule; never raises, bounded in time.

    With a marker ("Answer:") the last line that starts with it holds the answer, and all before it is reasoning; where
    that line is missing, a label, number or JSON is still looked for in the whole text, and the note says so. A
    <think> block at the start is reasoning always.
    """
    thought, body, finished = _split_thought(text)
    if not finished:
        return Answer(thought, None, "the reasoning was cut before an answer came")
    if not body.strip():
        return Answer(thought, None, "the reply is empty")
    read = _with_marker(rule, body, marker) if marker else _whole(rule, body)
    return replace(read, reasoning="\n\n".join(part for part in (thought, read.reasoning) if part))


def _split_thought(text: str) -> tuple[str, str, bool]:
    """(thought, rest, whether the thought came to its end). Some servers swallow the opening tag."""
    opened = text.lstrip().startswith("<think>")
    head, closed, rest = text.partition("</think>")
    if closed and (opened or "<think>" not in head):
        return head.strip().removeprefix("<think>").strip(), rest, True
    if opened:
        return text.strip().removeprefix("<think>").strip(), "", False
    return "", text, True


def _with_marker(rule: AnswerRule, text: str, marker: str) -> Answer:
    before, line, after = _last_marked(text, marker)
    if line is None:
        return _without_line(rule, text, marker)
    first_line, rest = _bare(line), after.strip()
    if rule.kind == "text":
        answer = first_line or _bare(rest.split("\n\n", 1)[0])
        return Answer(before, answer or None, "" if answer else f"nothing after {marker!r}")
    if rule.kind == "number":
        number = _number_of_line(first_line) or _number_of_line(rest)
        return Answer(before, number.text if number else None, "" if number else f"no number after {marker!r}")
    read = _whole(rule, first_line)
    if read.answer is None:
        read = _whole(rule, f"{line}\n{after}")
    return replace(read, reasoning=before)


def _last_marked(text: str, marker: str) -> tuple[str, str | None, str]:
    """(all before, the rest of the last line that starts with the marker or None, all after)."""
    lines = text.splitlines()
    for at in range(len(lines) - 1, -1, -1):
        rest = _after_marker(lines[at], marker)
        if rest is not None:
            return "\n".join(lines[:at]).strip(), rest, "\n".join(lines[at + 1 :])
    return text.strip(), None, ""


def _after_marker(line: str, marker: str) -> str | None:
    """What follows the marker in a line that starts with it; `**answer**：` is "Answer:" too."""
    word = marker.strip().rstrip(_COLONS).rstrip()
    start = line.lstrip(_DECORATION)
    if not word or start[: len(word)].casefold() != word.casefold():
        return None
    rest = start[len(word) :]
    if marker.strip()[-1] not in _COLONS:
        return rest
    rest = rest.lstrip(" \t*_`")
    return rest[1:].lstrip(" \t*_") if rest[:1] in tuple(_COLONS) else None


def _without_line(rule: AnswerRule, text: str, marker: str) -> Answer:
    note = f"no {marker!r} line"
    found: str | None = None
    if rule.kind == "label":
        found = next(reversed(find_labels(rule.labels, text)), None)
    elif rule.kind == "number":
        number = last_number(text)
        found = number.text if number else None
    elif rule.kind == "json":
        found = find_json(text, only=_json_type(rule))
    if found is None:
        return Answer(text.strip(), None, note)
    return Answer(text.strip(), found, f"{note}; took the {_WHICH[rule.kind]} in the reply")


_WHICH = {"label": "last label", "number": "last number", "json": "first JSON"}


def _number_of_line(text: str) -> Number | None:
    """After the last "="; else the first number where the text begins with it, else the last."""
    numbers = find_numbers(text.rpartition("=")[2]) or find_numbers(text)
    if not numbers:
        return None
    begins = text.lstrip(_DECORATION + "$€£¥₹￥≈~\\(")[:1].isdecimal() and "=" not in text
    return numbers[0] if begins else numbers[-1]


def _whole(rule: AnswerRule, text: str) -> Answer:
    """The rule applied to all of the text."""
    if rule.kind == "label":
        return _label(rule, text)
    if rule.kind == "number":
        number = last_number(text)
        return Answer("", number.text) if number else Answer("", None, "no number in the reply")
    if rule.kind == "json":
        found = find_json(text, only=_json_type(rule))
        return Answer("", found, "" if found is not None else "no JSON in the reply")
    if rule.kind == "regex":
        match = search(rule.pattern, text)
        missed = "" if match.text is not None else f"no match of {rule.pattern!r}"
        return Answer("", match.text, match.problem or missed)
    return Answer("", text.strip())


def _label(rule: AnswerRule, text: str) -> Answer:
    named = list(dict.fromkeys(find_labels(rule.labels, text)))
    if not named:
        return Answer("", None, "names no label")
    if len(named) == 1:
        return Answer("", named[0])
    note = f"names {len(named)} labels: {', '.join(named)}"
    start = text.lstrip(_DECORATION)
    if start[: len(named[0])].casefold() == named[0].casefold():
        return Answer("", named[0], f"{note}; took the one it starts with")
    return Answer("", None, note)


def _json_type(rule: AnswerRule) -> type[dict[str, Any]] | type[list[Any]] | None:
    wanted = rule.schema.get("type")
    if wanted == "object":
        return dict
    return list if wanted == "array" else None


def _bare(text: str) -> str:
    """The text without the blanks and Markdown emphasis around it."""
    stripped = text.strip()
    for mark in ("**", "__", "`"):
        if stripped.endswith(mark) and stripped.count(mark) % 2:  # the marker's own: **Answer: x**
            stripped = stripped.removesuffix(mark).rstrip()
        if len(stripped) > 2 * len(mark) and stripped.startswith(mark) and stripped.endswith(mark):
            stripped = stripped[len(mark) : -len(mark)].strip()
    return stripped
