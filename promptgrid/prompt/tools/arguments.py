"""Reads the arguments of a call of a tool, which a model writes as the text of a JSON object."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from promptgrid.text import one_line

_SHOWN = 60  # characters of a text in a problem


class Arguments(NamedTuple):
    """The arguments of a call by name. If their text is no JSON object, `values` is empty and `problem` says why."""

    values: dict[str, Any]
    problem: str = ""


def read_arguments(text: str) -> Arguments:
    """Returns the arguments of a call, a JSON object as `strict_json` reads it; a blank text means no arguments."""
    if not text.strip():
        return Arguments({})
    try:
        values = strict_json(text)
    except ValueError as error:
        return Arguments({}, f"the arguments {one_line(text, _SHOWN)} are not JSON ({one_line(str(error), _SHOWN)})")
    if not isinstance(values, dict):
        return Arguments({}, f"the arguments {one_line(text, _SHOWN)} are no JSON object")
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
