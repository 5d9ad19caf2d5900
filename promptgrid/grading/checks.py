"""The checks. Each says in a short sentence why it passed or not; what cannot be scored is None, which is not zero."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from promptgrid.answers import canonical_json, find_labels, last_number, search
from promptgrid.answers.numbers import Number
from promptgrid.grading.schema import schema_problem
from promptgrid.grading.spec import CheckSpec
from promptgrid.prompt import AnswerRule

_SHOWN = 60  # characters of a text within an explanation


@dataclass(frozen=True, slots=True)
class Score:
    """What a check says of one reply: `value` 0 to 1, `passed`, the `answer` it judged, and why.

    `value` and `passed` are None where nothing could be scored (no expected, no answer, a broken pattern), `failed`
    where that is the check's own fault: it raised, or it took too long.
    """

    check: str
    value: float | None
    passed: bool | None
    answer: str
    explanation: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a check looks at."""

    spec: CheckSpec
    output: str
    answer: str | None
    expected: str | None
    rule: AnswerRule


_Verdict = tuple[bool | None, str]


def grade(spec: CheckSpec, *, output: str, answer: str | None, expected: str | None, rule: AnswerRule) -> Score:
    """One check on one reply. `answer` is what `read_answer` found, `expected` the case's; never raises on any text."""
    subject = _Subject(spec, output, answer, expected, rule)
    try:
        passed, explanation = CHECKS[spec.kind](subject)
    except (RecursionError, MemoryError) as error:
        passed, explanation = None, f"not scored: too deeply nested ({type(error).__name__})"
    value = None if passed is None else float(passed)
    return Score(spec.name, value, passed, "" if answer is None else answer, explanation)


def default_checks(rule: AnswerRule, has_expected: bool) -> tuple[CheckSpec, ...]:
    """The usual checks of an answer rule; without expected values only those that need none."""
    kinds: list[str] = []
    if rule.kind == "json":
        kinds = ["json-schema"] * bool(rule.schema) + ["exact"] * has_expected
    elif rule.kind == "regex":
        kinds = ["regex"]
    elif has_expected:
        kinds = [{"label": "label", "number": "number"}.get(rule.kind, "contains")]
    return tuple(CheckSpec(kind, kind) for kind in kinds)


def _exact(subject: _Subject) -> _Verdict:
    missing = _missing(subject)
    if missing:
        return None, missing
    answer, expected = _compared(subject, str(subject.answer)), _compared(subject, str(subject.expected))
    return _verdict(answer == expected, subject)


def _compared(subject: _Subject, text: str) -> str:
    """The text as `exact` compares it: JSON by its values, other text without the blanks around it."""
    if subject.rule.kind == "json":
        text = _json_spelling(text)
    text = text.strip()
    if subject.spec.options.get("ignore_space"):
        text = " ".join(text.split())
    return text.casefold() if subject.spec.options.get("ignore_case") else text


def _json_spelling(text: str) -> str:
    try:
        return canonical_json(json.loads(text)) or text
    except ValueError:
        return text


def _label(subject: _Subject) -> _Verdict:
    missing = _missing(subject)
    if missing:
        return None, missing
    expected = str(subject.expected).strip()
    if subject.rule.labels and not find_labels(subject.rule.labels, expected):
        return None, f"not scored: expected {_short(expected)} is none of the labels {', '.join(subject.rule.labels)}"
    return _verdict(str(subject.answer).strip().casefold() == expected.casefold(), subject)


def _contains(subject: _Subject) -> _Verdict:
    """`text` anywhere in the output; without that option the expected value in the answer."""
    wanted, where, text = subject.spec.options.get("text"), "output", subject.output
    if wanted is None:
        missing = _missing(subject)
        if missing:
            return None, missing
        wanted, where, text = str(subject.expected).strip(), "answer", str(subject.answer)
    if not subject.output.strip():
        return None, "not scored: the reply is empty"
    fold = str.casefold if subject.spec.options.get("ignore_case", True) else str
    found = fold(wanted) in fold(text)
    return found, f"{_short(wanted)} {'is' if found else 'is not'} in the {where}"


def _regex(subject: _Subject) -> _Verdict:
    """The option `pattern` must match in the output; without it the rule's, whose match must be the expected value."""
    pattern = subject.spec.options.get("pattern")
    own = pattern is not None
    pattern = pattern if own else subject.rule.pattern
    if not pattern:
        return None, "not scored: no pattern (write regex:pattern=…)"
    if not subject.output.strip():
        return None, "not scored: the reply is empty"
    if not own and subject.expected is not None and subject.answer is not None:
        return _verdict(subject.answer.strip() == subject.expected.strip(), subject)
    text = subject.output if own or subject.answer is None else subject.answer
    found = search(pattern, text, ignore_case=bool(subject.spec.options.get("ignore_case")))
    if found.problem:
        return None, f"not scored: {found.problem}"
    if found.text is None:
        return False, f"no match of {_short(pattern)}"
    return True, f"{_short(pattern)} matched {_short(found.text)}"


def _number(subject: _Subject) -> _Verdict:
    missing = _missing(subject)
    if missing:
        return None, missing
    answer, expected = last_number(str(subject.answer)), last_number(str(subject.expected))
    if expected is None:
        return None, f"not scored: expected {_short(str(subject.expected))} holds no number"
    if answer is None:
        return False, f"answer {_short(str(subject.answer))} holds no number, expected {expected.text}"
    off = _distance(answer, expected)
    options = subject.spec.options
    allowed = max(Fraction(options.get("tolerance", 0.0)), Fraction(options.get("relative", 0.0)) * abs(expected.value))
    says = f"answer {_short(answer.text)}, expected {_short(expected.text)}"
    if off == 0:
        return True, f"{says}: equal"
    return off <= allowed, f"{says}, off by {_decimal(off)}" + (f" (allowed {_decimal(allowed)})" if allowed else "")


def _distance(answer: Number, expected: Number) -> Fraction:
    """How far apart; where only one side has a percent sign, it counts as written or as ignored, as it fits better."""
    apart = abs(answer.value - expected.value)
    if answer.percent == expected.percent:
        return apart
    as_written = [number.value * 100 if number.percent else number.value for number in (answer, expected)]
    return min(apart, abs(as_written[0] - as_written[1]))


def _json_schema(subject: _Subject) -> _Verdict:
    if not subject.rule.schema:
        return None, "not scored: the prompt's answer rule has no schema"
    if not subject.output.strip():
        return None, "not scored: the reply is empty"
    if subject.answer is None:
        return False, "no JSON in the reply"
    try:
        value = json.loads(subject.answer)
    except ValueError as error:
        return False, f"not JSON: {error}"
    return schema_problem(value, subject.rule.schema)


def _missing(subject: _Subject) -> str:
    """Why there is nothing to compare; empty when there is."""
    if subject.expected is None:
        return "not scored: the case has no expected value"
    if subject.answer is None:
        return "not scored: no answer could be read"
    return ""


def _verdict(passed: bool, subject: _Subject) -> _Verdict:
    answer, expected = _short(str(subject.answer)), _short(str(subject.expected))
    return passed, f"answer {answer}, as expected" if passed else f"answer {answer}, expected {expected}"


def _short(text: str) -> str:
    """One line, with its end left out when it is long."""
    line = " ".join(text[: 4 * _SHOWN].split())
    return line if len(text) <= _SHOWN and len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _decimal(value: Fraction) -> str:
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        return "more than 1e308"


CHECKS: Final[Mapping[str, Callable[[_Subject], _Verdict]]] = MappingProxyType(
    {
        "exact": _exact,
        "label": _label,
        "contains": _contains,
        "regex": _regex,
        "number": _number,
        "json-schema": _json_schema,
    }
)
