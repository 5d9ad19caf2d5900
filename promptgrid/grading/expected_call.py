"""A call of a tool as a case expects it, and the differences between it and a call of the model."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from promptgrid.grading.argument_values import STRICT, Leniency, Members, Mismatch, written_name
from promptgrid.grading.subject import short
from promptgrid.prompt import ToolCall

OTHER_TOOL, BAD_ARGUMENTS = "other tool", "bad arguments"


class Arguments(NamedTuple):
    """The arguments of a call by name. If their text is no JSON object, `values` is empty and `problem` says why."""

    values: dict[str, Any]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """A call that a case expects; `arguments` None allows any arguments."""

    name: str
    arguments: Members | None = None

    def mismatches(self, call: ToolCall, leniency: Leniency = STRICT) -> Iterator[Mismatch]:
        """Yields each difference between a call and this one; of another tool, only that. Raises Unscorable."""
        if call.name != self.name:
            yield Mismatch(OTHER_TOOL, f"{short(call.name)} is called, expected {short(str(self))}")
            return
        arguments = read_arguments(call.arguments)
        if arguments.problem:
            yield Mismatch(BAD_ARGUMENTS, f"{short(call.name)}: {arguments.problem}")
        elif self.arguments is not None:
            for status, text in self.arguments.mismatches(arguments.values, "", leniency):
                yield Mismatch(status, f"{short(call.name)}: {text}")

    def __str__(self) -> str:
        name = written_name(self.name)
        return name if self.arguments is None else f"{name}({self.arguments.written('=', written_name)})"


def read_arguments(text: str) -> Arguments:
    """Returns the arguments of a call, a JSON object as `strict_json` reads it; a blank text means no arguments."""
    if not text.strip():
        return Arguments({})
    try:
        values = strict_json(text)
    except ValueError as error:
        return Arguments({}, f"the arguments {short(text)} are not JSON ({short(str(error))})")
    if not isinstance(values, dict):
        return Arguments({}, f"the arguments {short(text)} are no JSON object")
    return Arguments(values)


def strict_json(text: str) -> Any:
    """Returns the value of a JSON text. Raises ValueError for text that is no JSON, is nested too deeply, or holds NaN,
    a number that is too large for a float, or a name twice in one object."""
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} is there twice")
    return values


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large a number")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_named_once, parse_constant=_refused, parse_float=_finite)
