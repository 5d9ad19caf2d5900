"""The axes of a comparison, and the heads (values and labels) of its rows and columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from promptgrid.prompt.parameters import AXIS_SPECS, DEFAULT, ParameterSpec, Value

Axis = str
"""`case`, `prompt`, `version`, `technique`, `model`, or the column name of a parameter that plans vary."""

PARAMETER_AXES: Mapping[Axis, ParameterSpec] = {spec.column: spec for spec in AXIS_SPECS}
AXES: tuple[Axis, ...] = ("case", "prompt", "version", "technique", "model", *PARAMETER_AXES)
VARIANT: tuple[Axis, ...] = AXES[1:]
"""The axes of a variant: all properties of a cell except its case and sample."""

IN_ORDER: tuple[Axis, ...] = ("case", "model", "prompt", "version", "technique", *PARAMETER_AXES)
"""The axes in the order in which rows and columns are sorted by them."""

_LATER: tuple[Axis, ...] = tuple(PARAMETER_AXES)[1:]

AxisValue = Value


def value_text(value: AxisValue) -> str:
    """Returns the value of an axis as text for a URL: `0.7`; `default` for None. A string is returned unchanged."""
    return DEFAULT if value is None else value if isinstance(value, str) else f"{value:g}"


def value_label(axis: Axis, value: AxisValue) -> str:
    """Returns the label of an axis's value in the head of a row or a column: `t = 0.7` for a temperature."""
    return PARAMETER_AXES[axis].named(value) if axis in PARAMETER_AXES else value_text(value)


def in_axis_order(axis: Axis, values: Iterable[AxisValue]) -> list[AxisValue]:
    """Returns the distinct values of an axis: those of a parameter sorted by size, others in order of first
    appearance."""
    distinct = list(dict.fromkeys(values))
    return sorted(distinct, key=PARAMETER_AXES[axis].order) if axis in PARAMETER_AXES else distinct


@dataclass(frozen=True)
class Head:
    """The head of a row or a column.

    `values` are its values on the axes. `lines` are the texts of those values that differ from other heads, the most
    important first. The `id` is the same on every page load and safe in a URL.
    """

    id: str
    values: Mapping[Axis, AxisValue]
    lines: Sequence[str]

    @property
    def label(self) -> str:
        """The head's lines, joined in one line."""
        return " · ".join(self.lines)


def heads(fixed: Sequence[Mapping[Axis, AxisValue]]) -> list[Head]:
    """Returns the head of each row or column, given by its values on the axes; all must have the same axes. Their lines
    show only the axes on which they differ.

    >>> [h.label for h in heads([{"technique": "zero-shot", "temperature": 0.0}, {"technique": "few-shot",
    ...     "temperature": 0.0}])]
    ['zero-shot', 'few-shot']
    """
    varying = {axis for axis in AXES if len({values.get(axis) for values in fixed}) > 1}
    named = {(values.get("prompt"), values.get("version")) for values in fixed}
    names = [name for name, _ in named]
    several = {name for name in names if names.count(name) > 1}
    return [Head(head_id(values), values, list(_lines(values, varying, several)) or ["all"]) for values in fixed]


def head_id(values: Mapping[Axis, AxisValue]) -> str:
    """Returns the id of a head with these values: a single value as text, several values as eight hex digits of their
    hash.

    An axis that was added later (`_LATER`) enters the hash only if it has a value, so that older ids stay valid.
    """
    if len(values) == 1:
        return value_text(next(iter(values.values())))
    parts: tuple[object, ...] = tuple(values[axis] for axis in AXES if axis in values and axis not in _LATER)
    parts += tuple((axis, values[axis]) for axis in _LATER if values.get(axis) is not None)
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _lines(values: Mapping[Axis, AxisValue], varying: set[Axis], several: set[AxisValue]) -> Iterator[str]:
    """Yields the lines of a head: its values on the axes on which heads differ (`varying`). If none differ, these are
    its technique and parameters or, if it has neither, all of its values. `several` holds the prompts with more than
    one version."""
    if not varying:
        telling = {"technique", *PARAMETER_AXES} - {axis for axis in _LATER if values.get(axis) is None}
        varying = telling & set(values) or set(values)
    if varying & {"prompt", "version"}:
        yield _prompt_line(values, several)
    for axis in ("case", "technique", *PARAMETER_AXES, "model"):
        if axis in varying:
            yield value_label(axis, values[axis])


def _prompt_line(values: Mapping[Axis, AxisValue], several: set[AxisValue]) -> str:
    name, version = values.get("prompt"), str(values.get("version", ""))[:6]
    if name is None:
        return version
    return f"{name}@{version}" if version and name in several else str(name)
