"""Values of variables: any JSON, by the kind that an input declares, under the names of both generations of prompty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from promptgrid.errors import PromptError
from promptgrid.prompt.model import Input
from promptgrid.text import cut, value_text

MEDIA = frozenset({"image", "audio", "file"})
THREAD = "thread"
_ALIASES = {
    "str": "string", "text": "string", "int": "integer", "number": "float", "bool": "boolean",
    "list": "array", "dict": "object", "dictionary": "object",
}  # fmt: skip
_TYPES: Mapping[str, tuple[type, ...]] = {
    "integer": (int,), "float": (int, float), "boolean": (bool,), "array": (list,), "object": (dict,), THREAD: (list,),
}  # fmt: skip
_EXAMPLES = {
    "integer": "7", "float": "0.5", "boolean": "true", "array": '["a", "b"]', "object": '{"name": "Ann"}',
    THREAD: '[{"role": "user", "content": "Hi"}]',
}  # fmt: skip


def base_kind(kind: str) -> str:
    """Returns prompty 2's name for a kind of input: `array` for `list`, `boolean` for `bool`; other names unchanged."""
    return _ALIASES.get(kind, kind)


def holds_text(kind: str) -> bool:
    """Tells whether values of this kind are texts, which stay as typed (`007`)."""
    return base_kind(kind) not in _TYPES


def kind_of(value: Any) -> str:
    """Returns the kind of a value by its type: boolean, integer, float, array or object; string for all others."""
    if isinstance(value, bool):
        return "boolean"
    kinds = {int: "integer", float: "float", list: "array", dict: "object"}
    return next((kind for type_, kind in kinds.items() if isinstance(value, type_)), "string")


def is_plain(item: Input) -> bool:
    """Tells whether the input accepts every text unchanged: its kind is a text, and it has no list of allowed
    values."""
    return base_kind(item.kind) not in _TYPES and item.kind not in MEDIA and not item.allowed


def typed_value(item: Input, value: Any) -> Any:
    """Converts the value to the kind of the input; for kinds that are not texts, a text is parsed as JSON. Raises
    PromptError if it does not fit the kind or is not an allowed value."""
    kind = base_kind(item.kind)
    if kind in MEDIA:
        hint = "Take it out of the messages, or declare it as a string to send its text."
        raise PromptError(f"{item.name} is of the kind {item.kind}, which cannot be sent.", hint=hint)
    if kind in _TYPES:
        value = _of_kind(item, kind, value)
    if item.allowed and not any(type(value) is type(one) and value == one for one in item.allowed):
        listed = ", ".join(map(value_text, item.allowed))
        raise PromptError(f"{item.name} is {_short(value)}, which is not allowed.", hint=f"It may be {listed}.")
    return value


def _of_kind(item: Input, kind: str, value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        value = _json(text.lower() if kind == "boolean" else text, value)
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        hint = f"Give it as JSON, such as {_EXAMPLES[kind]}, or declare {item.name} as a string."
        raise PromptError(f"{item.name} is declared as {item.kind}, and {_short(value)} is none.", hint=hint)
    return value


def _json(text: str, otherwise: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return otherwise


def _short(value: Any) -> str:
    return repr(cut(value_text(value), 60))
