"""Says why an answer rule cannot work, before a reply is read by it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from promptgrid.answers.patterns import search
from promptgrid.grading.schema import schema_problem
from promptgrid.prompt import AnswerRule
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
