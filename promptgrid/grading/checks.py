"""The plain checks. Each explains its result in a short sentence; a reply that cannot be scored gets None, not 0."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from promptgrid.answers import accepted, read_expected, search
from promptgrid.grading.held import held
from promptgrid.grading.measures import has_words, language, length
from promptgrid.grading.numbers import number
from promptgrid.grading.schema import schema_problem
from promptgrid.grading.similarity import json_equal, similarity
from promptgrid.grading.spec import CheckSpec
from promptgrid.grading.subject import Score, Subject, Verdict, compared, short
from promptgrid.grading.tool_checks import TOOL_CHECKS, expected_cell, judge_calls
from promptgrid.prompt import EMPTY, AnswerRule, Tool, ToolCall

_WITH_LISTS = frozenset(
    ("json-schema", "json-equal", "length", "language", "held", *TOOL_CHECKS)
)  # in these checks a list is one value, not several accepted answers
_BARE_LABEL = AnswerRule("label")


def grade(
    spec: CheckSpec,
    *,
    output: str,
    answer: str | None,
    expected: str | None,
    rule: AnswerRule,
    note: str = "",
    language: str = "en",
    calls: Sequence[ToolCall] = (),
    tools: Sequence[Tool] = (),
    inputs: Mapping[str, Any] = EMPTY,
) -> Score:
    """Scores one reply by one plain check (CheckSpec.plain). `answer` and its `note` are those that `read_answer`
    returns for the reply; `calls` are its calls of tools, in order; `rule`, `language` and `tools` are the prompt's,
    `inputs` the case's columns. Of the answers that the case's cell `expected` accepts, the one with the best result
    counts. Never raises on any text."""
    if spec.kind in TOOL_CHECKS:
        expected = expected_cell(spec, rule, expected, inputs)
    several = expected is not None and spec.kind not in _WITH_LISTS
    cells = accepted(rule, expected) if several and expected is not None else [expected]
    try:
        verdicts = [
            CHECKS[spec.kind](Subject(spec, output, answer, cell, rule, note, language, calls, tools)) for cell in cells
        ]
    except (RecursionError, MemoryError) as error:
        verdicts = [Verdict(None, f"not scored: too deeply nested ({type(error).__name__})")]
    return _best(verdicts).score(spec.name, answer)


def _best(verdicts: Sequence[Verdict]) -> Verdict:
    """Returns the best of the verdicts that a reply gets for each accepted answer: one that passed, else the highest
    value, else the first."""
    best = max(verdicts, key=lambda verdict: (verdict.passed is not None, bool(verdict.passed), verdict.value or 0.0))
    others = len(verdicts) - 1
    return best if not others or best.passed else best._replace(why=f"{best.why} (nor {others} other accepted)")


def default_checks(rule: AnswerRule, has_expected: bool, *, tools: bool = False) -> tuple[CheckSpec, ...]:
    """Returns the checks that suit an answer rule; without expected values (`has_expected` False), only checks that
    need none. With `tools`, the prompt has tools: their calls are checked by their schemas, and if the rule is `text`,
    the expected values are calls."""
    if tools:
        calls = CheckSpec("tool-sequence", "tool-sequence", {"order": "any"})
        answer = [calls] * has_expected if rule.kind == "text" else default_checks(rule, has_expected)
        return (*answer, CheckSpec("tool-schema", "tool-schema"))
    kinds: list[str] = []
    if rule.kind == "json":
        kinds = ["json-schema"] * bool(rule.schema) + ["exact"] * has_expected
    elif rule.kind == "regex":
        kinds = ["regex"]
    elif has_expected:
        kinds = [{"label": "label", "number": "number"}.get(rule.kind, "contains")]
    return tuple(CheckSpec(kind, kind) for kind in kinds)


def _exact(subject: Subject) -> Verdict:
    if subject.missing:
        return Verdict(None, subject.missing)
    answer, expected = (_tidied(subject, text) for text in subject.both)
    return compared(answer == expected, subject)


def _tidied(subject: Subject, text: str) -> str:
    """Returns the text in the form that the check `exact` compares: as the answer rule reads it if its kind is json,
    number or label, without blanks around it, and with the check's options `ignore_space` and `ignore_case` applied."""
    if subject.rule.kind in ("json", "number", "label"):
        text = read_expected(subject.rule, text, subject.language)[0].text
    text = text.strip()
    if subject.spec.options.get("ignore_space"):
        text = " ".join(text.split())
    return text.casefold() if subject.spec.options.get("ignore_case") else text


def _label(subject: Subject) -> Verdict:
    if subject.missing:
        return Verdict(None, subject.missing)
    expected = read_expected(subject.rule if subject.rule.kind == "label" else _BARE_LABEL, str(subject.expected))[0]
    if expected.problem:
        return Verdict(None, f"not scored: {expected.problem}")
    return compared(str(subject.answer).strip().casefold() == expected.text.casefold(), subject)


def _contains(subject: Subject) -> Verdict:
    """Tells whether the output contains the check's option `text`. Without that option, tells whether the answer
    contains the expected value as whole words (`art` is not in `start`). The option `words` switches whole words on or
    off."""
    wanted, where, text = subject.spec.options.get("text"), "output", subject.output
    words = subject.spec.options.get("words", wanted is None)
    if wanted is None:
        if subject.missing:
            return Verdict(None, subject.missing)
        wanted, where, text = str(subject.expected).strip(), "answer", str(subject.answer)
    if not subject.output.strip():
        return Verdict(None, "not scored: the reply is empty")
    fold = str.casefold if subject.spec.options.get("ignore_case", True) else str
    contained = fold(wanted) in fold(text)
    if contained and words and not has_words(fold(text), fold(wanted)):
        return Verdict(False, f"{short(wanted)} is only a part of a word or number in the {where}")
    return Verdict(contained, f"{short(wanted)} {'is' if contained else 'is not'} in the {where}")


def _regex(subject: Subject) -> Verdict:
    """Tells whether the check's option `pattern` matches in the output. Without that option, tells
    whether the answer equals the expected value; if one of them is missing, tells whether the pattern of the prompt's
    answer rule matches in the answer, or else in the output."""
    pattern = subject.spec.options.get("pattern")
    own = pattern is not None
    pattern = pattern if own else subject.rule.pattern
    if not pattern:
        return Verdict(None, "not scored: no pattern (write regex:pattern=…)")
    if not subject.output.strip():
        return Verdict(None, "not scored: the reply is empty")
    if not own and subject.expected is not None and subject.answer is not None:
        return compared(subject.answer.strip() == subject.expected.strip(), subject)
    text = subject.output if own or subject.answer is None else subject.answer
    match = search(pattern, text, ignore_case=bool(subject.spec.options.get("ignore_case")))
    if match.problem:
        return Verdict(None, f"not scored: {match.problem}")
    if match.text is None:
        return Verdict(False, f"no match of {short(pattern)}")
    return Verdict(True, f"{short(pattern)} matched {short(match.text)}")


def _json_schema(subject: Subject) -> Verdict:
    if not subject.rule.schema:
        return Verdict(None, "not scored: the prompt's answer rule has no schema")
    if not subject.output.strip():
        return Verdict(None, "not scored: the reply is empty")
    if subject.answer is None:
        return Verdict(False, subject.note or "no JSON in the reply")
    try:
        value = json.loads(subject.answer)
    except ValueError as error:
        return Verdict(False, f"not JSON: {error}")
    return Verdict(*schema_problem(value, subject.rule.schema))


CHECKS: Final[Mapping[str, Callable[[Subject], Verdict]]] = MappingProxyType(
    {
        "exact": _exact,
        "label": _label,
        "contains": _contains,
        "regex": _regex,
        "number": number,
        "json-schema": _json_schema,
        "json-equal": json_equal,
        "similarity": similarity,
        "length": length,
        "language": language,
        "held": held,
        **dict.fromkeys(TOOL_CHECKS, judge_calls),
    }
)
