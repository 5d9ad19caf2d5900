"""JSON in running text: in a fenced block, or the first object or array that parses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MAX_TRIES = 100  # brackets tried before giving up: "[[[[…" must not take quadratic time


def find_json(text: str, *, only: type[dict[str, Any]] | type[list[Any]] | None = None) -> str | None:
    """The first JSON object or array in the text, in its canonical spelling; a ```json block goes first.

    `only` leaves out the other kind, so that "[1]" in a sentence is not taken for the object asked for.
    """
    for value in _values(text):
        if isinstance(value, only or (dict, list)):
            spelled = canonical_json(value)
            if spelled is not None:
                return spelled
    return None


def canonical_json(value: Any) -> str | None:
    """Compact, keys sorted, so that equal values are equal texts; None for what JSON cannot write."""
    try:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: only its escape can be stored
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return text


def _values(text: str) -> Iterator[Any]:
    for fenced in _fenced_blocks(text):
        yield from _brackets(fenced)
    yield from _brackets(text)


def _fenced_blocks(text: str) -> Iterator[str]:
    pieces = text.split("```", 2 * MAX_TRIES)
    for block in pieces[1::2]:
        language, newline, body = block.partition("\n")
        if newline and language.strip().lower() in ("json", "json5", "jsonc", ""):
            yield body


def _brackets(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    at = _next_bracket(text, 0)
    for _ in range(MAX_TRIES):
        if at < 0:
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = _next_bracket(text, end)


def _next_bracket(text: str, start: int) -> int:
    places = [at for at in (text.find("{", start), text.find("[", start)) if at >= 0]
    return min(places, default=-1)
