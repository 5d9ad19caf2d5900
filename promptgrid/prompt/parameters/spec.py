"""Describes one parameter: its range, its names in the command line, on pages and in files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from promptgrid.errors import PlanError

DEFAULT = "default"
"""The text for the value of a parameter that is not set: the model uses its own default."""

Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """One row of the table of parameters, which describes a field of Parameters.

    label       name on a page
    low, high   range of a number
    option      command-line option; "": none
    column      column of the value in cells and in the results file; "": none
    plural      the keyword that passes the values of an axis to a plan; "": no axis, a plan has one value
    sign        text before the value in the name of a variant
    offered     values on the Run page; texts are sorted in this order
    first       offered values that are selected on the first visit
    closed      whether the offered values are the only ones
    local       whether it is never sent to a model, as those of retrieval and of examples
    listed      whether a value may hold a list of options with commas: `recursive:size=60,overlap=10`
    """

    name: str
    label: str
    kind: type = str
    low: float = -math.inf
    high: float = math.inf
    option: str = ""
    help: str = ""
    column: str = ""
    plural: str = ""
    sign: str = ""
    offered: tuple[Value, ...] = ()
    first: tuple[Value, ...] = ()
    closed: bool = False
    local: bool = False
    listed: bool = False

    @property
    def axis(self) -> str:
        """Returns the name of the axis as it is displayed: `temperatures`, `tool choices`."""
        return self.plural.replace("_", " ")

    @property
    def sent_column(self) -> str:
        """Returns the name of the CSV column of the value that was sent; that of the planned value is `column`, also
        of a parameter that is `local`."""
        return self.column if self.local else f"{self.column}_sent"

    @property
    def columns(self) -> tuple[str, ...]:
        """Returns the names of the parameter's CSV columns: those of the planned and of the sent value if a plan can
        vary a parameter that is sent, else the one that there is; empty if it has no column."""
        both = self.plural and not self.local
        return (self.column, self.sent_column) if both else (self.column,) if self.column else ()

    def values(self, values: Iterable[Any]) -> tuple[Value, ...]:
        """Returns the values of an axis, each once. An integer 0 becomes 0.0: the two spellings would make two cells of
        one temperature."""
        return tuple(dict.fromkeys(float(value) if self.kind is float else value for value in values))

    def check(self, value: Any) -> None:
        """Raises PlanError if the value is a number outside the parameter's range, or a word that it cannot be."""
        if value is not None and self.kind in (int, float) and not self.low <= value <= self.high:
            hint = f"It goes from {self.low:,} to {self.high:,}."
            raise PlanError(f"{self.label} {value:g} is out of range.", hint=hint)
        if value is not None and self.closed and value not in self.offered:
            raise PlanError(f"{value!r} is no value of {self.label.lower()}.", hint=f"{self.rule.capitalize()}.")

    def parse(self, text: str) -> Value:
        """Converts a typed text to a value; the decimal mark may be a comma. Raises PlanError if the text is not a
        valid value."""
        text = text.strip()
        if self.kind is str and text:
            self.check(text)
            return text
        try:
            value: Value = round(float(text.replace(",", ".")), 4) if self.kind is float else int(text)
        except ValueError:
            raise PlanError(f"{text!r} is no {self.label.lower()}.", hint=f"{self.rule.capitalize()}.") from None
        self.check(value)
        return value

    @property
    def rule(self) -> str:
        """Returns in words which values the parameter takes."""
        number = f"number from {self.low:,} to {self.high:,}"
        word = " or ".join(map(str, self.offered)) if self.closed else "a word"
        return f"a {self.label.lower()} is {f'a {number}' if self.kind in (int, float) else word}"

    def text(self, value: Value) -> str:
        """Returns the value as it is displayed and as it is written in a URL: `0.7`, `default`."""
        return DEFAULT if value is None else value if isinstance(value, str) else f"{value:g}"

    def named(self, value: Value) -> str:
        """Returns the value as it is written in the name of a variant: `t = 0.7`."""
        return f"{self.sign}{self.text(value)}"

    def order(self, value: Value) -> tuple[float, str]:
        """Returns the key that sorts values: None (the model's default) first, then numbers by size, texts in the order
        of `offered`."""
        if isinstance(value, str):
            return (self.offered.index(value) if value in self.offered else len(self.offered), value)
        return (-math.inf if value is None else value, "")
