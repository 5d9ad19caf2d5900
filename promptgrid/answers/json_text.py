"""Finds JSON in running text: in a fence, or at a bracket. Text inside a bracket that does not parse is no answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_LONGEST = 20_000  # characters that are searched for the end of a bracket that does not parse
MAX_TRIES = 100  # brackets tried before giving up: "[[[[…" must not take quadratic time
_EXACT = 2**53  # integers up to here are exact as a float
_LONE = frozenset(("boolean", "integer", "number", "string", "null"))
_FENCE = re.compile(r"```[ ]*(?:json5?|jsonc|javascript|js|text)?[ ]*\n\s*(?=[\[{])", re.IGNORECASE)
_JSON_START = re.compile(r"\{\s*(?:[\"'}]|/[/*]|\w+\s*:|$)|\[\s*(?:[\[{\"'\]]|[-\d]|true|false|null|/[/*]|$)")
_OPENING = re.compile(r"[\[{]")
_UNENDED = re.compile(r'"(?!(?:[^"\\]|\\.)*+")', re.DOTALL)
_SIGNS = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*+"|"', re.DOTALL)


class JsonReading(NamedTuple):
    """The JSON that was read out of a text: `text` is its canonical form (see `canonical_json`). If none could be read,
    `text` is None and `note` says why."""

    text: str | None
    note: str = ""


def read_json(text: str, schema: Mapping[str, Any]) -> JsonReading:
    """Returns the only JSON value in the text that is of a type which the JSON schema allows. A list of numbers, which
    may be footnotes, counts only if the text has no other such value."""
    types = _types(schema)
    lone = _lone_value(text, types, schema)
    if lone is not None:
        return JsonReading(lone)
    if types and types <= _LONE:
        return JsonReading(None, f"no {' or '.join(sorted(types))} alone, as the schema asks for")
    values, note = _candidates(text)
    wanted = {"object": dict, "array": list}
    allowed = tuple(wanted[name] for name in types if name in wanted) or (dict, list)
    fitting = _preferred([value for value in values if isinstance(value, allowed)])
    spelled = list(dict.fromkeys(filter(None, map(canonical_json, fitting))))
    if len(spelled) == 1:
        return JsonReading(spelled[0])
    if spelled:
        return JsonReading(None, f"holds {len(spelled)} different JSON values")
    return JsonReading(
        None, note or (f"the JSON is no {' or '.join(sorted(types))}" if values else "no JSON in the reply")
    )


def find_json(text: str, *, only: type[dict[str, Any]] | type[list[Any]] | None = None) -> str | None:
    """Returns the only JSON object or array in the text, in canonical form; None if there is none, or if there are
    several different ones. `only` (dict or list) restricts the search to objects or to arrays."""
    return read_json(text, {} if only is None else {"type": "object" if only is dict else "array"}).text


def canonical_json(value: Any) -> str | None:
    """Returns compact JSON with sorted keys and 8.00 as 8, so that equal values are equal texts; None for a value that
    JSON cannot hold."""
    try:
        text = json.dumps(_by_value(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: only its escape can be stored
        return json.dumps(_by_value(value), sort_keys=True, separators=(",", ":"))
    return text


def _by_value(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, dict):
        return {key: _by_value(item) for key, item in value.items()}
    return [_by_value(item) for item in value] if isinstance(value, (list, tuple)) else value


def _types(schema: Mapping[str, Any]) -> set[str]:
    named = schema.get("type")
    if named is None:
        values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
        if values and not any(
            isinstance(value, (Mapping, Sequence)) and not isinstance(value, str) for value in values
        ):
            return set(_LONE)
    return {named} if isinstance(named, str) else set(map(str, named or ()))


def _lone_value(text: str, types: set[str], schema: Mapping[str, Any]) -> str | None:
    """Returns the JSON of a text that is nothing but a string, number, bool or null, if `types` (those the schema
    allows) include it; else None."""
    if not types & _LONE:
        return None
    bare = re.sub(r"\A```\w*\s*\n|\n\s*```\Z", "", text.strip()).strip()
    try:
        value = json.loads(bare)
    except (ValueError, RecursionError):
        return None
    return None if isinstance(value, (dict, list)) else canonical_json(value)


def _preferred(values: Sequence[Any]) -> Sequence[Any]:
    """Returns the values without lists of bare numbers, which may be footnotes; all values if there are no others."""
    return [value for value in values if not _bare_numbers(value)] or values


def _bare_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, (int, float)) for item in value)


def _candidates(text: str) -> tuple[list[Any], str]:
    """Returns (the JSON values in the text, "" or why there is none): those in code fences or, without a fence, those
    at brackets."""
    fenced, broken = _fenced(text)
    if fenced or broken:
        return fenced, broken
    values, problem = [], ""
    for value, wrong in _brackets(text):
        if wrong:
            problem = problem or wrong
        else:
            values.append(value)
    if problem and all(map(_bare_numbers, values)):
        return [], problem  # [1] beside JSON that is broken
    return values, problem


def _fenced(text: str) -> tuple[list[Any], str]:
    """Returns (the JSON values at the start of each code fence, what is wrong with the first fence that does not parse;
    "" if all parse)."""
    values: list[Any] = []
    broken, at = "", 0
    for _ in range(MAX_TRIES):
        fence = _FENCE.search(text, at)
        if fence is None:
            break
        value, end, problem = _parsed(text, fence.end())
        if problem:
            broken = broken or problem
        else:
            values.append(value)
        closing = text.find("```", end)
        if closing < 0:
            break
        at = closing + 3
    return values, broken


def _brackets(text: str) -> Iterator[tuple[Any, str]]:
    """Yields (value, "") for each bracket in the text at which a JSON value begins, and (None, problem) for one at
    which faulty JSON begins. Brackets inside these, and brackets of ordinary text, are skipped."""
    if _UNENDED.match(text.lstrip()):
        yield None, "the text within the quotes does not end"
        return
    at = 0
    for _ in range(MAX_TRIES):
        opening = _OPENING.search(text, at)
        if opening is None:
            return
        at = opening.start()
        value, end, problem = _parsed(text, at)
        if not problem:
            yield value, ""
            at = end
            continue
        looks_like_json = bool(_JSON_START.match(text, at))
        if looks_like_json:
            yield None, problem
            if end == at:
                return
        at = max(end, at + 1)


_DECODER = json.JSONDecoder()


def _parsed(text: str, at: int) -> tuple[Any, int, str]:
    """Parses the JSON that begins at the bracket with the index `at`. Returns (its value, the index behind it, ""). If
    it does not parse, returns (None, the index behind the closing bracket, the problem); if the bracket is never
    closed, (None, `at`, the problem)."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError) as error:
        closing = _closing(text, at)
        return None, closing or at, f"JSON that does not parse: {_reason(error)}" if closing else "the JSON is cut"
    return value, end, ""


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__


def _closing(text: str, at: int) -> int | None:
    """Returns the index behind the bracket that closes the bracket at the index `at`; None if it is never closed."""
    depth = 0
    for sign in _SIGNS.finditer(text, at, at + _LONGEST):
        if sign[0] in ("[", "{"):
            depth += 1
        elif sign[0] in ("]", "}"):
            depth -= 1
            if not depth:
                return sign.end()
    return None
