"""What an argument of a tool call must be: a value, a number ± a tolerance, one of several, a pattern, anything.

`str(value)` is the notation that `call_syntax` reads. The depth of a comparison is that of the expected value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

from promptgrid.answers import search
from promptgrid.grading.subject import short

_NAME = re.compile(r"[^\W\d][\w.\-]*")
_NOT_JSON = re.compile(r"\\[\\bf]")
_CODES = {"\\b": "\\u0008", "\\f": "\\u000c"}
_LOOSE = re.compile(r"[ ,./\-_*^]")


class Mismatch(NamedTuple):
    """A difference between a call and the expected call. `status` names its kind in a few fixed words, such as "wrong
    value"; `text` says where it is, what came and what was expected."""

    status: str
    text: str

    def __str__(self) -> str:
        return f"{self.status}: {self.text}"


class Unscorable(Exception):
    """Raised by a comparison that cannot be carried out, such as by a pattern that takes too long."""


class Leniency(NamedTuple):
    """How exact arguments are compared: `loose` ignores case, blanks and , . / - _ * ^ in texts; `extra` allows
    arguments, and members of objects, that are not expected."""

    loose: bool = False
    extra: bool = False


STRICT = Leniency()


class ExpectedValue(Protocol):
    """An expected value of an argument, or of a part of one."""

    def mismatches(self, value: Any, path: str, leniency: Leniency = STRICT) -> Iterator[Mismatch]:
        """Yields each difference between the JSON `value` of a call and this value. `path` says where the value is,
        such as `address.city`. Raises Unscorable."""


@dataclass(frozen=True, slots=True)
class Equal:
    """A text, a number, true, false or null; 5 equals 5.0, and true is no number."""

    value: str | int | float | bool | None

    def mismatches(self, value: Any, path: str, leniency: Leniency = STRICT) -> Iterator[Mismatch]:
        if _type(value) != _type(self.value):
            yield _other_type(value, path, self)
        elif value != self.value and not (leniency.loose and _loosely(value) == _loosely(self.value)):
            yield _other_value(value, path, self)

    def __str__(self) -> str:
        return quoted(self.value) if isinstance(self.value, str) else json.dumps(self.value)


@dataclass(frozen=True, slots=True)
class Near:
    """A number that may be off by a tolerance, compared as decimals: 0.4 is within 0.3 ± 0.1."""

    value: int | float
    tolerance: int | float

    def mismatches(self, value: Any, path: str, leniency: Leniency = STRICT) -> Iterator[Mismatch]:
        if _type(value) != "number":
            yield _other_type(value, path, self)
        elif abs(_decimal(value) - _decimal(self.value)) > _decimal(self.tolerance):
            yield _other_value(value, path, self)

    def __str__(self) -> str:
        return f"{json.dumps(self.value)}±{json.dumps(self.tolerance)}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """Any one of several values."""

    options: tuple[ExpectedValue, ...]

    def mismatches(self, value: Any, path: str, leniency: Leniency = STRICT) -> Iterator[Mismatch]:
        firsts = [next(option.mismatches(value, path, leniency), None) for option in self.options]
        if None in firsts:
            return
        of_type = all(first is not None and first.status == WRONG_TYPE for first in firsts)
        yield (_other_type if of_type else _other_value)(value, path, self)

    def __str__(self) -> str:
        return "|".join(map(str, self.options))


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text in which a pattern matches."""

    pattern: str

    def mismatches(self, value: Any, path: str, leniency: Leniency = STRICT) -> Iterator[Mismatch]:
        if not isinstance(value, str):
            yield _other_type(value, path, self)
            return
        match = search(self.pattern, value)
        if match.problem:
            raise Unscorable(match.problem)
        if match.text is None:
            yield _other_value(value, path, self)

    def __str__(self) -> str:
        return f"regex({quoted(self.pattern)})"


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value at all."""

    def mismatches(self, value: Any, path: str, leniency: Leniency = STRICT) -> Iterator[Mismatch]:
        yield from ()

    def __str__(self) -> str:
        return "anything"


@dataclass(frozen=True, slots=True)
class Items:
    """A list, item by item in order."""

    items: tuple[ExpectedValue, ...]

    def mismatches(self, value: Any, path: str, leniency: Leniency = STRICT) -> Iterator[Mismatch]:
        if not isinstance(value, list):
            yield _other_type(value, path, self)
        elif len(value) != len(self.items):
            yield Mismatch(WRONG_VALUE, f"{path} has {len(value):,} items, expected {len(self.items):,}")
        else:
            for i, (expected, item) in enumerate(zip(self.items, value, strict=True)):
                yield from expected.mismatches(item, f"{path}[{i}]", leniency)

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.items))}]"


@dataclass(frozen=True, slots=True)
class Members:
    """An object, or the arguments of a call: a value for each name. Those in `optional` may be left out. With `more`,
    other names are allowed too."""

    values: Mapping[str, ExpectedValue]
    optional: frozenset[str] = frozenset()
    more: bool = False

    def mismatches(self, value: Any, path: str, leniency: Leniency = STRICT) -> Iterator[Mismatch]:
        if not isinstance(value, dict):
            yield _other_type(value, path, self)
            return
        for name, expected in self.values.items():
            at = f"{path}.{short(name)}" if path else short(name)
            if name in value:
                yield from expected.mismatches(value[name], at, leniency)
            elif name not in self.optional:
                yield Mismatch(MISSING_ARGUMENT, f"{at} is not given, expected {short(str(expected))}")
        if not (self.more or leniency.extra):
            for name in value:
                if name not in self.values:
                    at = f"{path}.{short(name)}" if path else short(name)
                    yield Mismatch(UNKNOWN_ARGUMENT, f"{at} is {_shown(value[name])}, and is not expected")

    def __str__(self) -> str:
        return f"{{{self.written(': ', quoted)}}}"

    def written(self, sign: str, name_text: Callable[[str], str]) -> str:
        """Returns the members in one line, with the `sign` between each name, as `name_text` writes it, and its
        value."""
        parts = [f"{name_text(name)}{'?' * (name in self.optional)}{sign}{v}" for name, v in self.values.items()]
        return ", ".join([*parts, "..."] if self.more else parts)


MISSING_ARGUMENT, UNKNOWN_ARGUMENT = "missing argument", "unknown argument"
WRONG_TYPE, WRONG_VALUE = "wrong type", "wrong value"


def written_name(name: str) -> str:
    """Returns the name of a tool or an argument in the notation of `call_syntax`, in quotes where it needs them."""
    return name if _NAME.fullmatch(name) else quoted(name)


def quoted(text: str) -> str:
    r"""Returns the text as JSON, but with \u0008 for \b and \u000c for \f, which stay as they are in the notation of
    `call_syntax`: patterns hold \b."""
    return _NOT_JSON.sub(lambda match: _CODES.get(match[0], match[0]), json.dumps(text, ensure_ascii=False))


def _type(value: Any) -> str:
    names = {bool: "true or false", str: "text", int: "number", float: "number", list: "list", dict: "object"}
    return names.get(type(value), "null")


def _other_type(value: Any, path: str, expected: ExpectedValue) -> Mismatch:
    typed = _shown(value) if value is None or isinstance(value, bool) else f"the {_type(value)} {_shown(value)}"
    return Mismatch(WRONG_TYPE, f"{path} is {typed}, expected {short(str(expected))}")


def _other_value(value: Any, path: str, expected: ExpectedValue) -> Mismatch:
    return Mismatch(WRONG_VALUE, f"{path} is {_shown(value)}, expected {short(str(expected))}")


def _shown(value: Any) -> str:
    return short(json.dumps(value, ensure_ascii=False))


def _loosely(value: Any) -> Any:
    return _LOOSE.sub("", value).casefold() if isinstance(value, str) else value


def _decimal(value: int | float) -> Fraction:
    """Returns the number as it is written in decimals: 0.1 is a tenth."""
    return Fraction(value) if isinstance(value, int) else Fraction(repr(value))
