"""Reads lists and numbers out of replies that were asked for one, however the model has written them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from promptgrid.answers import find_json, read_answer
from promptgrid.answers.reasoning import split_thought
from promptgrid.prompt import AnswerRule
from promptgrid.techniques.steps import StepReply, Task
from promptgrid.techniques.wording import wording
from promptgrid.text import cut

LONGEST_ITEM = 2_000
"""The most characters of an item that a further step is sent."""

_DIGITS = r"(?:[0-9０-９]{1,3}|[①-⑳]|[一二三四五六七八九十]{1,3}|[IVX]{1,5}|[A-Za-z])"
_WORD = r"(?:step|question|sub-?question|option|q|第|步骤|问题|子问题|选项|方案)"
_NUMBERED = re.compile(
    rf"[\s*_#>]{{0,20}}(?:{_WORD}\s{{0,5}}{_DIGITS}\s?[步个]?[*_]{{0,4}}\s?(?:[.):、．：）]|-\s)"
    rf"|[(（\[]{_DIGITS}[)）\]]|{_DIGITS}\s?(?:[.:](?!\d)|[)、．）：])|[①-⑳])[*_]{{0,4}}(?P<item>.*)",
    re.IGNORECASE,
)
_BULLET = re.compile(r"\s*[-*•–—·‣◦▪●+][ \t]+(?P<item>.*)")
_QUESTION = re.compile(r"[\s*_#>]{0,20}(?P<item>.*[?？])[\s*_]{0,20}$")


def items(reply: StepReply) -> list[str]:
    """Returns the items of the list in a reply: of a JSON array, else its numbered lines, else its lines with bullets,
    else the lines that end with a question mark. Lines below an item that begin no other belong to it. Empty if the
    reply has no list; an item is cut at `LONGEST_ITEM` characters."""
    text = split_thought(reply.text).text
    found = _json_items(text)
    for pattern in (_NUMBERED, _BULLET, _QUESTION):
        found = found or _lines(text, pattern)
    return [cut(item, LONGEST_ITEM) for item in found]


def _json_items(text: str) -> list[str]:
    """Returns the texts of the only JSON array in the text; empty if it holds anything else, such as footnotes [1]."""
    array = find_json(text, only=list) if "[" in text else None
    values = json.loads(array) if array else []
    return [value.strip() for value in values if value.strip()] if all(isinstance(v, str) for v in values) else []


def _lines(text: str, pattern: re.Pattern[str]) -> list[str]:
    parts: list[list[str]] = []
    within = False
    for line in text.splitlines():
        if match := pattern.match(line):
            parts.append([match["item"]])
        elif within and line.strip():
            parts[-1].append(line)
        within = bool(line.strip() and (match or within)) and pattern is not _QUESTION
    return [item for part in parts if (item := "\n".join(part).strip(" \t\n*_"))]


def numbered(texts: Sequence[str]) -> str:
    """Returns the texts as a numbered list, one after a blank line each."""
    return "\n\n".join(f"{number}. {text}" for number, text in enumerate(texts, 1))


def number_in(task: Task, reply: StepReply, most: int) -> int | None:
    """Returns the whole number from 1 to `most` that the reply gives as its answer; None if it gives none."""
    text = re.sub(r"/\s*10(?![0-9])", "", reply.text)  # "8/10" is a mark of 8
    text = re.sub(r"第\s*([一二三四五六七八九十0-9]+)\s*[个項项步]?", r"\1", text)
    marker, language = wording(task.prompt, "marker"), task.prompt.language
    answer = read_answer(AnswerRule("number"), text, marker=marker, language=language).answer
    return int(answer) if answer and answer.isascii() and answer.isdigit() and 1 <= float(answer) <= most else None
