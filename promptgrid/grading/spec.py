"""The names and options of checks: `label`, `number:tolerance=0.01`, `polite=contains:text=please`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from promptgrid.answers import units
from promptgrid.errors import PlanError
from promptgrid.suggestions import closest, did_you_mean

OptionType = type | tuple[str, ...]

USUAL = "usual"
"""Stands in a list of checks for the usual checks of each prompt's answer rule."""

# kind -> option -> its type, or the words allowed
OPTIONS: Final[Mapping[str, Mapping[str, OptionType]]] = {
    "exact": {"ignore_case": bool, "ignore_space": bool},
    "label": {},
    "contains": {"text": str, "ignore_case": bool, "words": bool},
    "regex": {"pattern": str, "ignore_case": bool},
    "number": {"tolerance": float, "relative": float, "unit": str},
    "json-schema": {},
    "json-equal": {},
    "similarity": {"method": ("edit", "token", "embedding"), "min": float, "ignore_case": bool, "model": str},
    "length": {"unit": ("words", "chars", "tokens"), "min": float, "max": float},
    "language": {"is": str},
    "python": {"file": str, "function": str, "min": float, "seconds": float, "sha": str},
    "judge": {"model": str, "rubric": str, "scale": str, "min": float, "prompt": str},
    "tool-called": {"name": str, "column": str},
    "tool-not-called": {"name": str, "column": str},
    "tool-args": {"extra": bool, "loose": bool, "column": str},
    "tool-sequence": {"order": ("exact", "in-order", "any"), "extra": bool, "loose": bool, "column": str},
    "tool-schema": {},
    "held": {"aim": ("canary", "label", "system", "tool", "format"), "text": str},
    USUAL: {},
}
MAX_SECONDS = 600.0
_NAME = re.compile(r"[\w][\w .-]{0,39}", re.UNICODE)
_SCALE = re.compile(r"(-?\d{1,4})\s*-\s*(\d{1,4})")


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """One check of a run: `name` heads its column (score.NAME), `kind` is a key of OPTIONS, and `options` maps names of
    options that OPTIONS allows this kind to their values.

    `str(spec)` is the text that `parse_check` reads.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Tells whether `grade` can score the check at once; others need a process or an endpoint and are
        scored later."""
        return self.kind not in ("python", "judge", USUAL) and self.options.get("method") != "embedding"

    @property
    def model(self) -> str:
        """Returns ENDPOINT/MODEL of the model that scores; "" if no model does."""
        return str(self.options.get("model", "")) if not self.plain else ""

    @property
    def scale(self) -> tuple[int, int] | None:
        """Returns (the lowest mark, the highest mark) that a judge may give; None for a judge that says pass
        or fail."""
        text = self.options.get("scale", "1-5")
        match = _SCALE.fullmatch(text)
        return (int(match[1]), int(match[2])) if match else None

    def __str__(self) -> str:
        head = self.kind if self.name == self.kind else f"{self.name}={self.kind}"
        options = ",".join(f"{key}={_written(value)}" for key, value in self.options.items())
        return f"{head}:{options}" if options else head


def parse_check(text: str) -> CheckSpec:
    """Parses a check written as `[NAME=]KIND[:OPTION=VALUE,…]`. A value that contains `,OPTION=` is written as a JSON
    string. Raises PlanError.

    >>> parse_check("close=number:tolerance=0.5").options["tolerance"]
    0.5
    """
    head, _, rest = text.strip().partition(":")
    name, named, kind = head.rpartition("=")
    name, kind = name.strip() if named else kind.strip(), kind.strip()
    if kind not in OPTIONS:
        raise PlanError(f"No check is called {kind!r}.", hint=did_you_mean(kind, OPTIONS))
    if not _NAME.fullmatch(name):
        raise PlanError(
            f"{name!r} cannot name a check.", hint="Use up to 40 letters, digits, spaces, dots, dashes, underscores."
        )
    options = dict(_options(kind, rest, text))
    _require(kind, options, name, text)
    return CheckSpec(name, kind, options)


def _require(kind: str, options: Mapping[str, Any], name: str, text: str) -> None:
    """Raises PlanError if a check of this kind lacks options, or if its `options` do not fit together. `name` is that
    of the check, `text` the check as the user wrote it; both are for the error."""
    least, most = options.get("min"), options.get("max")
    wrong = {
        "number": ("unit" in options and units.find_unit(options["unit"]) is None)
        and f"{options.get('unit')!r} is not a known unit. {units.suggestion(str(options.get('unit')))}",
        "similarity": (options.get("method") == "embedding") != ("model" in options)
        and "method=embedding and model=ENDPOINT/MODEL belong together.",
        "length": ((least is None and most is None) or (most is not None and most < (least or 0)))
        and "Give it a length: length:max=100, or length:unit=chars,min=10,max=80.",
        "language": "is" not in options and "Name the language: language:is=en.",
        "python": "file" not in options and "Name the file: python:file=checks.py,function=score.",
        "judge": _judge_problem(options),
        "held": "aim" not in options and "Name what the attack aims at: held:aim=canary,text=…",
        USUAL: name != USUAL and "It stands for several checks and takes no name.",
    }.get(kind)
    if not wrong and kind != "length" and (least or 0) > 1:
        wrong = "min is the lowest score that passes, from 0 to 1."
    if wrong:
        raise PlanError(f"The check {text!r} cannot be used.", hint=str(wrong))


def _judge_problem(options: Mapping[str, Any]) -> str:
    if "model" not in options:
        return "Name the model that judges: judge:model=ENDPOINT/MODEL,rubric=…"
    scale = options.get("scale", "1-5")
    match = _SCALE.fullmatch(scale)
    if scale != "pass/fail" and (match is None or int(match[1]) >= int(match[2])):
        return "scale is pass/fail, or two whole numbers such as 1-5."
    return ""


def _options(kind: str, rest: str, text: str) -> Iterable[tuple[str, Any]]:
    allowed = OPTIONS[kind]
    while rest:
        key, equals, rest = rest.partition("=")
        key = key.strip()
        if not equals or key not in allowed:
            raise PlanError(
                f"The check {kind} has no option {key!r} (in {text!r}).",
                hint=did_you_mean(key, allowed) or "It has no options.",
            )
        value, rest = _cut_value(rest, allowed, text)
        yield key, _typed(key, value, allowed[key], text)


def _cut_value(rest: str, allowed: Iterable[str], text: str) -> tuple[str, str]:
    """Splits the text behind `OPTION=` into (the option's value, the options that follow it). `allowed` are the
    options' names, `text` is the whole check, for errors."""
    if rest.startswith('"'):
        try:
            value, end = json.JSONDecoder().raw_decode(rest)
        except ValueError as error:
            raise PlanError(f"The quoted value in {text!r} is not closed.", hint='Close it with ".') from error
        if rest[end : end + 1] not in ("", ","):
            raise PlanError(f"There is text after the quoted value in {text!r}: {rest[end:]!r}.")
        return str(value), rest[end + 1 :]
    comma = re.search(rf",(?=\s*(?:{'|'.join(allowed)})=)", rest)
    value, rest = (rest[: comma.start()], rest[comma.end() :]) if comma else (rest, "")
    for word in re.findall(r",\s*(\w+)=", value):
        if near := closest(word, allowed, cutoff=0.8):
            hint = f"Did you mean {near}? Write a value that contains ,OPTION= in quotes."
            raise PlanError(f"There is no option {word!r} in {text!r}.", hint=hint)
    return value, rest


def _typed(key: str, value: str, type_: OptionType, text: str) -> Any:
    if type_ is str:
        return value
    word = value.strip().lower()
    if isinstance(type_, tuple):
        if word in type_:
            return word
        example = f"one of {', '.join(type_)}"
    elif type_ is bool:
        if word in ("true", "false"):
            return word == "true"
        example = "true or false"
    else:
        example = "0 or a number above it, such as 0.01"
        if key == "seconds":
            example = f"a number of seconds up to {MAX_SECONDS:.0f}"
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if 0 <= number < float("inf") and (key != "seconds" or 0 < number <= MAX_SECONDS):
            return number
    raise PlanError(f"{key}={value} in {text!r} cannot be used.", hint=f"{key} is {example}.")


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and (value.startswith('"') or "," in value or value != value.strip() or not value):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
