"""Reads an expected cell by the same rule as a reply. A cell that holds more than the answer is not scored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from promptgrid.answers.cues import statements
from promptgrid.answers.json_text import canonical_json
from promptgrid.answers.numbers import Numeral, canonical, find_numerals
from promptgrid.answers.read_label import read_label
from promptgrid.prompt import AnswerRule

_NOUNS = {"number": "one number", "label": "one label", "json": "JSON"}


@dataclass(frozen=True, slots=True)
class Expected:
    """One accepted answer of an expected cell, in the spelling of the answer rule. `problem` says why the rule cannot
    read it; it is empty if the rule can. `numeral` is the number read by the rule `number`, None for other rules."""

    text: str
    problem: str = ""
    numeral: Numeral | None = None


def accepted(rule: AnswerRule, cell: str) -> list[str]:
    """Returns the accepted answers of an expected cell as written: the items of a JSON list, or the parts between the
    rule's separator, or the whole cell."""
    if rule.kind != "json" and cell.lstrip().startswith("[") and cell.rstrip().endswith("]"):
        try:
            values = json.loads(cell)
        except (ValueError, RecursionError):
            values = None
        if isinstance(values, list) and values and all(isinstance(value, (str, int, float)) for value in values):
            return [value if isinstance(value, str) else json.dumps(value) for value in values]
    if rule.separator and rule.separator in cell:
        return [part.strip() for part in cell.split(rule.separator) if part.strip()] or [cell]
    return [cell]


def read_expected(rule: AnswerRule, cell: str, language: str = "en") -> Sequence[Expected]:
    """Returns every accepted answer of an expected cell, as the answer rule reads it; `language` (the prompt's) decides
    how 1.234 is read."""
    return [_read(rule, part, language) for part in accepted(rule, cell)]


def expected_problem(rule: AnswerRule, cell: str, language: str = "en") -> str:
    """Returns the reason why replies cannot be scored against this expected cell: the answer rule cannot read it.
    Returns "" if one of its accepted answers can be read."""
    if rule.kind in ("text", "regex"):
        return ""
    problems = [part.problem for part in read_expected(rule, cell, language)]
    return next(filter(None, problems), "") if all(problems) else ""


def _read(rule: AnswerRule, cell: str, language: str) -> Expected:
    if rule.kind == "number":
        return read_number(cell, language)
    if rule.kind == "label":
        return _label(rule, cell, language)
    return _json(cell) if rule.kind == "json" else Expected(cell.strip())


@lru_cache(maxsize=4096)
def read_number(cell: str, language: str) -> Expected:
    r"""Reads the number in an expected cell, which must hold only one; in a worked solution, only the number behind
    #### or in \boxed{} counts. If there is none, or several, the result holds the cell's text and a `problem`.
    `language` decides how 1.234 is read."""
    if (plain := canonical(cell.strip())) is not None:
        return Expected(plain.text, numeral=plain)
    stated = next(iter(statements(cell, "")), None)
    numerals = find_numerals(stated.text if stated else cell, language)
    if len(numerals) == 1 and numerals[0].kind != "unclear":
        return Expected(numerals[0].text, numeral=numerals[0])
    why = f" ({numerals[0].why})" if len(numerals) == 1 else ""
    return Expected(cell, _problem("number", cell) + why)


def _label(rule: AnswerRule, cell: str, language: str) -> Expected:
    exact = next((label for label in rule.labels if label.strip().casefold() == cell.strip().casefold()), None)
    if exact is not None or not rule.labels:
        return Expected(exact if exact is not None else cell.strip())
    reading = read_label(rule, cell, language=language, stated=True)
    if reading.label is None:
        return Expected(cell, f"{_short(cell)} is none of the labels {', '.join(rule.labels)}")
    return Expected(reading.label)


def _json(cell: str) -> Expected:
    try:
        text = canonical_json(json.loads(cell))
    except (ValueError, RecursionError):
        text = None
    return Expected(cell, _problem("json", cell)) if text is None else Expected(text)


def _problem(kind: str, cell: str) -> str:
    return f"{_short(cell)} is not {_NOUNS[kind]}"


def _short(text: str) -> str:
    line = " ".join(text[:240].split())
    return line if len(line) <= 60 else f"{line[:59]}…"
