"""Says why an answer rule or a check cannot work, before a reply is read or scored by it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from promptgrid.answers.patterns import search
from promptgrid.grading.checks import grade
from promptgrid.grading.measures import language_problem
from promptgrid.grading.schema import schema_problem
from promptgrid.grading.spec import CheckSpec
from promptgrid.grading.tool_checks import TOOL_CHECKS
from promptgrid.grading.tool_problems import tool_check_problem
from promptgrid.prompt import AnswerRule, Tool
from promptgrid.suggestions import did_you_mean, listed

_IN_JSON = '{}[]:,"'


def rule_problems(rule: AnswerRule, columns: Sequence[str] = ()) -> list[str]:
    """Returns one sentence for each fault of the rule. `columns` are those of the cases; without them, the column of
    options is not checked."""
    problems = [*_PROBLEMS[rule.kind](rule), *_separator_problems(rule)]
    if rule.kind == "label" and rule.options and columns and rule.options not in columns:
        hint = did_you_mean(rule.options, columns, listed("The columns are", columns))
        problems.append(f"The cases have no column {rule.options} with the options. {hint}")
    return problems


def _label_problems(rule: AnswerRule) -> Iterator[str]:
    if not rule.labels:
        yield "Without labels no answer can be read: name at least two."
    label_of: dict[str, str] = {}
    for label in rule.labels:
        if _key(label) in label_of:
            yield f"The label {label} is there twice."
        label_of.setdefault(_key(label), label)
    for label, words in rule.synonyms.items():
        if label not in rule.labels:
            yield f"There is no label {label}. {did_you_mean(label, rule.labels)}".strip()
            continue
        for word in words:
            other = label_of.setdefault(_key(word), label)
            if other != label:
                yield f"The word {word} stands for two labels, {other} and {label}."


def _pattern_problems(rule: AnswerRule) -> Iterator[str]:
    if not rule.pattern:
        yield "Without a pattern no answer can be read."
    elif problem := search(rule.pattern, "").problem:
        yield f"{problem[0].upper()}{problem[1:]}."


def _schema_problems(rule: AnswerRule) -> Iterator[str]:
    passed, why = schema_problem({}, rule.schema) if rule.schema else (True, "")
    if passed is None:
        yield f"No reply can be scored: {why.removeprefix('not scored: ')}."
        return
    for name, value in _members(rule.schema):
        if name == "$ref" and isinstance(value, str) and value.startswith("#/") and not _is_in(rule.schema, value):
            yield f"The schema refers to {value}, which is not in it."


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """Yields (name, value) for each member of each object in a JSON value."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield name, item
            yield from _members(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _members(item)


def _is_in(schema: Any, pointer: str) -> bool:
    """Returns whether the schema has a value at a JSON pointer such as `#/$defs/name`."""
    for part in pointer.removeprefix("#/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(schema, Mapping) and name in schema:
            schema = schema[name]
        elif isinstance(schema, (list, tuple)) and name.isdecimal() and int(name) < len(schema):
            schema = schema[int(name)]
        else:
            return False
    return True


def check_problem(spec: CheckSpec, rule: AnswerRule, tools: Sequence[Tool] = ()) -> str:
    """Returns a sentence on why the check can score no reply to a prompt with this answer rule and these tools; "" if
    it can."""
    why = tool_check_problem(spec, tools) if spec.kind in TOOL_CHECKS else ""
    if spec.kind == "regex" and (pattern := spec.options.get("pattern")) is not None:
        why = search(pattern, "").problem
    elif spec.kind == "regex" and rule.kind != "regex":
        why = "there is no pattern: write regex:pattern=…"
    elif spec.kind == "json-schema" and not rule.schema:
        why = "the answer rule has no schema"
    elif spec.kind == "language":
        why = language_problem(spec.options["is"])
    return f"The check {spec.name} scores nothing: {why}{'' if why.endswith('?') else '.'}" if why else ""


def needs_expected(spec: CheckSpec) -> bool:
    """Returns whether the check scores only replies to cases with an expected answer."""
    always = ("exact", "label", "number", "json-equal", "similarity", "tool-args", "tool-sequence")
    return spec.kind in always or (spec.kind == "contains" and "text" not in spec.options)


def expected_problem(spec: CheckSpec, rule: AnswerRule, expected: str, language: str) -> str:
    """Returns why the check `number` or `json-equal` cannot read this expected answer; "" if it can, and for all other
    checks. It is compared with itself; `language` is the prompt's."""
    if spec.kind not in ("number", "json-equal"):
        return ""
    score = grade(spec, output=expected, answer=expected, expected=expected, rule=rule, language=language)
    return score.explanation.removeprefix("not scored: ") if score.value is None else ""


def _no_problems(rule: AnswerRule) -> Iterator[str]:
    yield from ()


_PROBLEMS = {
    "text": _no_problems,
    "label": _label_problems,
    "number": _no_problems,
    "json": _schema_problems,
    "regex": _pattern_problems,
}


def _separator_problems(rule: AnswerRule) -> Iterator[str]:
    """Yields a sentence if the separator also stands inside an accepted answer, which it would cut in two."""
    separator = rule.separator
    if not separator:
        return
    names = [*rule.labels, *(word for words in rule.synonyms.values() for word in words)]
    if rule.kind == "label" and (whole := next((name for name in names if separator in name), None)):
        yield f"The separator {separator!r} would cut {whole!r} in two."
    if rule.kind == "number" and separator.strip() and all(c.isdigit() or c in ".,-+/' " for c in separator):
        yield f"The separator {separator!r} can be part of a number, which it would cut in two."
    if rule.kind == "json" and all(c in _IN_JSON for c in separator.strip()):
        yield f"The separator {separator!r} is part of JSON, which it would cut."


def _key(name: str) -> str:
    return " ".join(name.casefold().split())
