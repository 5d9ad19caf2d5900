r"""Parses expected calls written as text: `get_weather(city="Paris", days=3±1, unit?="C"|"F", note=anything, ...)`.

    calls      none, or one or more calls, separated by ; or , or a new line, perhaps within [ ]
    call       NAME for any arguments, or NAME(ARGUMENT=VALUE, …); `?` behind an argument's name says that it may be
               left out, `...` at the end that there may be others
    VALUE      "text", 'text', r"text", a number, NUMBER±NUMBER (or +-), true, false, null, [VALUE, …],
               {"name": VALUE, …} with `?` and `...` as above, regex("…"), anything, VALUE|VALUE

Names with other signs than letters, digits, _ . - stand in quotes.
"""

from __future__ import annotations

import json
import math
import re

from promptgrid.grading.argument_values import Anything, Equal, ExpectedValue, Items, Members, Near, OneOf, Pattern
from promptgrid.grading.expected_call import ExpectedCall
from promptgrid.text import one_line

_DEEPEST = 40  # brackets within brackets
_SHOWN = 30  # characters of the text behind an error
_NAME = re.compile(r"[^\W\d][\w.\-]*")
_STRING = re.compile(r"""(r?)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_OPENING = re.compile(r"[ \t]*\(")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_SIGNS = {"n": "\n", "t": "\t", "r": "\r", "\n": ""}
_WORDS: dict[str, ExpectedValue] = {
    "true": Equal(True), "True": Equal(True), "false": Equal(False), "False": Equal(False),
    "null": Equal(None), "None": Equal(None), "anything": Anything(),
}  # fmt: skip


def parse_calls(text: str) -> tuple[ExpectedCall, ...]:
    """Returns the calls in the text in order; () for `none`. Raises ValueError with a message that says what is wrong,
    and where."""
    return _Parser(text).calls()


class _Parser:
    """Reads the text from left to right; `_at` is the index of the next character."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth = text, 0, 0

    def calls(self) -> tuple[ExpectedCall, ...]:
        listed = self._takes("[")
        calls: list[ExpectedCall] = []
        while not (self._takes("]") if listed else self._ended and calls):
            calls.append(self._call())
            line_ends = "\n" in self._gap()
            if not (self._takes(";") or self._takes(",") or line_ends):
                if listed:
                    self._needs("]", "; or ]")
                break
        if not self._ended:
            raise self._wrong("the end" if listed else "; or a new line")
        return () if not listed and [str(call).casefold() for call in calls] == ["none"] else tuple(calls)

    def _call(self) -> ExpectedCall:
        name = self._name("the name of a tool")
        opening = _OPENING.match(self._text, self._at)  # on the same line: on the next one another call begins
        if opening is None:
            return ExpectedCall(name)
        self._at = opening.end()
        return ExpectedCall(name, self._members(")", "="))

    def _members(self, end: str, sign: str) -> Members:
        """Reads the arguments of a call or the members of an object, up to the bracket `end`; `sign` stands between
        a name and its value."""
        values: dict[str, ExpectedValue] = {}
        optional, more = set(), False
        while not self._takes(end):
            if more:
                raise self._wrong(f"{end} after ...")
            if self._takes("..."):
                more = True
            else:
                name = self._name("a name")
                if name in values:
                    raise self._wrong_at(f"{name} is there twice")
                if self._takes("?"):
                    optional.add(name)
                self._needs(sign, f"{sign} and a value")
                values[name] = self._value()
            if not self._takes(","):
                self._needs(end, f", or {end}")
                break
        return Members(values, frozenset(optional), more)

    def _value(self) -> ExpectedValue:
        options = [self._single()]
        while self._takes("|"):
            options.append(self._single())
        return options[0] if len(options) == 1 else OneOf(tuple(options))

    def _single(self) -> ExpectedValue:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong_at(f"more than {_DEEPEST} brackets within brackets")
        value = self._unbounded()
        self._depth -= 1
        return value

    def _unbounded(self) -> ExpectedValue:
        if (text := self._string()) is not None:
            return Equal(text)
        if (number := self._number()) is not None:
            return Near(number, self._tolerance()) if self._takes("±") or self._takes("+-") else Equal(number)
        if self._takes("["):
            return Items(tuple(self._items()))
        if self._takes("{"):
            return self._members("}", ":")
        return self._word()

    def _items(self) -> list[ExpectedValue]:
        items = []
        while not self._takes("]"):
            items.append(self._value())
            if not self._takes(","):
                self._needs("]", ", or ]")
                break
        return items

    def _word(self) -> ExpectedValue:
        word = self._matched(_NAME)
        if word is None:
            raise self._wrong("a value")
        if word[0] in _WORDS:
            return _WORDS[word[0]]
        if word[0] == "regex" and self._takes("("):
            pattern = self._string()
            if pattern is None:
                raise self._wrong("the pattern in quotes")
            self._needs(")", ")")
            return Pattern(pattern)
        raise self._wrong_at(f"the value {word[0]} is not known: write a text in quotes")

    def _tolerance(self) -> int | float:
        number = self._number()
        if number is None or number < 0:
            raise self._wrong("the tolerance, a number that is not negative,")
        return number

    def _number(self) -> int | float | None:
        match = self._matched(_NUMBER)
        if match is None:
            return None
        number: int | float = json.loads(match[0])
        if not math.isfinite(number):
            raise self._wrong_at(f"{match[0]} is too large a number")
        return number

    def _name(self, what: str) -> str:
        if (quoted := self._string()) is not None:
            return quoted
        match = self._matched(_NAME)
        if match is None:
            raise self._wrong(what)
        return match[0]

    def _string(self) -> str | None:
        match = self._matched(_STRING)
        if match is None:
            return None
        if match[1]:
            return match[2][1:-1]
        text = _ESCAPE.sub(_unescaped, match[2][1:-1])
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")  # joins \\ud83d\\ude00

    def _gap(self) -> str:
        """Skips white space and returns it."""
        start = self._at
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._text[start : self._at]

    @property
    def _ended(self) -> bool:
        self._gap()
        return self._at == len(self._text)

    def _takes(self, sign: str) -> bool:
        """Tells whether `sign` comes next, and skips it if so."""
        self._gap()
        there = self._text.startswith(sign, self._at)
        self._at += len(sign) * there
        return there

    def _needs(self, sign: str, what: str) -> None:
        if not self._takes(sign):
            raise self._wrong(what)

    def _matched(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Returns the match of the pattern at the next characters, and skips it; None if they do not match."""
        self._gap()
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def _wrong(self, what: str) -> ValueError:
        rest = "" if self._ended else one_line(self._text[self._at :], _SHOWN)
        return self._wrong_at(f"{what} is missing before {rest}" if rest else f"{what} is missing at the end")

    def _wrong_at(self, problem: str) -> ValueError:
        return ValueError(f"{problem} (character {self._at + 1})")


def _unescaped(match: re.Match[str]) -> str:
    """Returns what an escape in a quoted text stands for. An unknown one, such as the \\d of a pattern, stays."""
    code = match[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return _SIGNS.get(code, code if code in "\"'\\" else match[0])
