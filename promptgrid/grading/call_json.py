"""Reads the calls that a case expects from its cell: JSON, or text as in `call_syntax`.

In JSON, a call is `{"name": …, "arguments": {…}}` (also as an endpoint writes it, within `"function"`, with the
arguments as a text), or the name alone for any arguments. Inside the arguments an object whose names begin with $ is no
plain value: {"$one_of": […]}, {"$number": 3, "$tolerance": 1}, {"$regex": "…"}, {"$anything": true},
{"$optional": …} for one that may be left out, {"$equal": …} for a value as it stands; `"$more": true` in an object
allows other names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from promptgrid.answers import search
from promptgrid.grading.argument_values import Anything, Equal, ExpectedValue, Items, Members, Near, OneOf, Pattern
from promptgrid.grading.call_syntax import parse_calls
from promptgrid.grading.expected_call import ExpectedCall
from promptgrid.grading.subject import short
from promptgrid.prompt.tools.arguments import read_arguments, strict_json
from promptgrid.suggestions import did_you_mean

_MATCHERS = ("$one_of", "$number", "$regex", "$anything", "$optional", "$equal", "$more", "$tolerance")
_DEEPEST = 40


@lru_cache(maxsize=4096)
def expected_calls(cell: str) -> tuple[ExpectedCall, ...]:
    """Returns the calls that the cell expects, in order; () if it says that none is expected (`none` or `[]`). Raises
    ValueError with a message that says what cannot be read."""
    text = cell.strip()
    calls = parse_calls(text) if (value := _json(text)) is None else _calls(value)
    for call in calls:
        _check_patterns(call.arguments)
    return calls


def _json(text: str) -> Any:
    """Returns the JSON value of the text, an object, a list or a name; None if it is written as in `call_syntax`.
    Raises ValueError for a text that begins like an object, or a list of them, and is no JSON."""
    if text[:1] not in ("{", "[", '"'):
        return None
    try:
        return strict_json(text)
    except ValueError as error:
        if text.lstrip("[ \n").startswith("{"):
            raise ValueError(f"it is no JSON: {error}") from error
        return None


def _calls(value: Any) -> tuple[ExpectedCall, ...]:
    return tuple(map(_call, value if isinstance(value, list) else [value]))


def _call(value: Any) -> ExpectedCall:
    if isinstance(value, str):
        return ExpectedCall(value)
    fields = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(fields, dict) or not isinstance(fields.get("name"), str):
        raise ValueError(f'{_shown(value)} is no call: write {{"name": …, "arguments": {{…}}}}')
    if unknown := [name for name in fields if name not in ("name", "arguments")]:
        raise ValueError(f"a call has a name and arguments, no {short(unknown[0])}")
    arguments = fields.get("arguments")
    if arguments is None:
        return ExpectedCall(fields["name"])
    if isinstance(arguments, str):
        arguments, problem = read_arguments(arguments)
        if problem:
            raise ValueError(problem)
        return ExpectedCall(fields["name"], _members(arguments, _DEEPEST))
    if not isinstance(arguments, dict):
        raise ValueError(f"the arguments {_shown(arguments)} are no JSON object")
    return ExpectedCall(fields["name"], _members(arguments, _DEEPEST))


def _value(value: Any, depth: int) -> ExpectedValue:
    if not depth:
        raise ValueError(f"it has more than {_DEEPEST} brackets within brackets")
    if isinstance(value, list):
        return Items(tuple(_value(item, depth - 1) for item in value))
    if not isinstance(value, dict):
        return Equal(value)
    if any(name.startswith("$") and name != "$more" for name in value):
        return _matcher(value, depth)
    return _members(value, depth)


def _members(value: Mapping[str, Any], depth: int) -> Members:
    if strange := [name for name in value if name.startswith("$") and name != "$more"]:
        raise ValueError(f"{strange[0]} stands for one value, not for arguments")
    named = {name: item for name, item in value.items() if name != "$more"}
    optional = frozenset(name for name, item in named.items() if isinstance(item, dict) and set(item) == {"$optional"})
    values = {name: _value(item["$optional"] if name in optional else item, depth - 1) for name, item in named.items()}
    return Members(values, optional, bool(value.get("$more")))


def _matcher(value: dict[str, Any], depth: int) -> ExpectedValue:
    match value:
        case {"$one_of": [_, *_] as options, **rest} if not rest:
            return OneOf(tuple(_value(option, depth - 1) for option in options))
        case {"$number": number, "$tolerance": tolerance, **rest} if not rest and _numbers(number, tolerance):
            return Near(number, tolerance)
        case {"$regex": str() as pattern, **rest} if not rest:
            return Pattern(pattern)
        case {"$anything": True, **rest} if not rest:
            return Anything()
        case {"$equal": literal, **rest} if not rest:
            return _literal(literal, depth)
    unknown = next((name for name in value if name not in _MATCHERS), "")
    hint = f" {did_you_mean(unknown, _MATCHERS)}" if unknown else ""
    raise ValueError(f"{_shown(value)} is no value that can be compared.{hint}")


def _numbers(number: Any, tolerance: Any) -> bool:
    return all(type(one) in (int, float) for one in (number, tolerance)) and tolerance >= 0


def _literal(value: Any, depth: int) -> ExpectedValue:
    """Returns the JSON value as an expected value in which names with $ have no meaning."""
    if not depth:
        raise ValueError(f"it has more than {_DEEPEST} brackets within brackets")
    if isinstance(value, dict):
        return Members({name: _literal(item, depth - 1) for name, item in value.items()})
    return Items(tuple(_literal(item, depth - 1) for item in value)) if isinstance(value, list) else Equal(value)


def _check_patterns(value: Any) -> None:
    """Raises ValueError for a pattern inside the value that is wrong."""
    if isinstance(value, Pattern) and (problem := search(value.pattern, "").problem):
        raise ValueError(problem)
    parts = {Members: lambda: value.values.values(), Items: lambda: value.items, OneOf: lambda: value.options}
    for part in parts.get(type(value), tuple)():
        _check_patterns(part)


def _shown(value: Any) -> str:
    return short(json.dumps(value, ensure_ascii=False))
