"""What a check is called and how it is set: `label`, `number:tolerance=0.01`, `polite=contains:text=please`."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from promptgrid.errors import PlanError

# kind -> its options and the type of each
OPTIONS: Final[Mapping[str, Mapping[str, type]]] = {
    "exact": {"ignore_case": bool, "ignore_space": bool},
    "label": {},
    "contains": {"text": str, "ignore_case": bool},
    "regex": {"pattern": str, "ignore_case": bool},
    "number": {"tolerance": float, "relative": float},
    "json-schema": {},
}
_NAME = re.compile(r"[\w][\w .-]{0,39}", re.UNICODE)


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """One check of a run: `name` heads its column (score.NAME), `kind` is one of CHECKS, `options` as in OPTIONS.

    `str(spec)` is the text that `parse_check` reads.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        head = self.kind if self.name == self.kind else f"{self.name}={self.kind}"
        options = ",".join(f"{key}={_written(value)}" for key, value in self.options.items())
        return f"{head}:{options}" if options else head


def parse_check(text: str) -> CheckSpec:
    """`[NAME=]KIND[:OPTION=VALUE,…]`; a value that holds `,OPTION=` is written as a JSON string. Raises PlanError.

    >>> parse_check("close=number:tolerance=0.5").options["tolerance"]
    0.5
    """
    head, _, rest = text.strip().partition(":")
    name, named, kind = head.rpartition("=")
    name, kind = name.strip() if named else kind.strip(), kind.strip()
    if kind not in OPTIONS:
        raise PlanError(f"No check is called {kind!r}.", hint=_suggestion(kind, OPTIONS))
    if not _NAME.fullmatch(name):
        raise PlanError(
            f"{name!r} cannot name a check.", hint="Take up to 40 letters, digits, spaces, dots, dashes, underscores."
        )
    return CheckSpec(name, kind, dict(_options(kind, rest, text)))


def _options(kind: str, rest: str, text: str) -> Iterable[tuple[str, Any]]:
    allowed = OPTIONS[kind]
    while rest:
        key, equals, rest = rest.partition("=")
        key = key.strip()
        if not equals or key not in allowed:
            raise PlanError(f"The check {kind} has no option {key!r} (in {text!r}).", hint=_suggestion(key, allowed))
        value, rest = _cut_value(rest, allowed, text)
        yield key, _typed(key, value, allowed[key], text)


def _cut_value(rest: str, allowed: Iterable[str], text: str) -> tuple[str, str]:
    """(the value at the start, what follows its comma)."""
    if rest.startswith('"'):
        try:
            value, end = json.JSONDecoder().raw_decode(rest)
        except ValueError as error:
            raise PlanError(f"The quoted value in {text!r} does not end.", hint='Close it with ".') from error
        if rest[end : end + 1] not in ("", ","):
            raise PlanError(f"Something stands behind the quoted value in {text!r}: {rest[end:]!r}.")
        return str(value), rest[end + 1 :]
    comma = re.search(rf",(?=\s*(?:{'|'.join(allowed)})=)", rest)
    return (rest[: comma.start()], rest[comma.end() :]) if comma else (rest, "")


def _typed(key: str, value: str, wanted: type, text: str) -> Any:
    if wanted is str:
        return value
    if wanted is bool and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if wanted is float:
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if 0 <= number < float("inf"):
            return number
    example = "true or false" if wanted is bool else "a number from 0 up, e.g. 0.01"
    raise PlanError(f"{key}={value} in {text!r} cannot be used.", hint=f"{key} is {example}.")


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and (value.startswith('"') or "," in value or value != value.strip() or not value):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _suggestion(word: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    return f"There are: {', '.join(names)}." if names else "It has no options."
