"""The axes of a comparison, and the heads of its rows and columns: what each stands for and what tells it apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Axis = Literal["case", "prompt", "version", "technique", "model", "temperature"]
AXES: tuple[Axis, ...] = ("case", "prompt", "version", "technique", "model", "temperature")
VARIANT: tuple[Axis, ...] = AXES[1:]
"""Everything of a cell but its case and sample."""

IN_ORDER: tuple[Axis, ...] = ("case", "model", "prompt", "version", "technique", "temperature")
"""Rows and columns are sorted by the first of these axes first."""

DEFAULT = "default"  # the temperature of a model that was asked for none

AxisValue = str | float | None


def value_text(value: AxisValue) -> str:
    """A value of an axis as it stands in an address: `0.7`, `default`; texts as they are."""
    if value is None:
        return DEFAULT
    return f"{value:g}" if isinstance(value, float) else value


@dataclass(frozen=True)
class Head:
    """A row or a column. `values` holds what it fixes, `lines` what tells it apart from the others, most telling first.

    The `id` is the same on every page load and fit for an address.
    """

    id: str
    values: Mapping[Axis, AxisValue]
    lines: Sequence[str]

    @property
    def label(self) -> str:
        """The head in one line."""
        return " · ".join(self.lines)


def heads(found: Sequence[Mapping[Axis, AxisValue]]) -> list[Head]:
    """A head for each; all of them fix the same axes.

    >>> [h.label for h in heads([{"technique": "zero-shot", "temperature": 0.0}, {"technique": "few-shot",
    ...     "temperature": 0.0}])]
    ['zero-shot', 'few-shot']
    """
    varying = {axis for axis in AXES if len({values.get(axis) for values in found}) > 1}
    named = {(values.get("prompt"), values.get("version")) for values in found}
    names = [name for name, _ in named]
    several = {name for name in names if names.count(name) > 1}
    return [Head(head_id(values), values, list(_lines(values, varying, several)) or ["all"]) for values in found]


def head_id(values: Mapping[Axis, AxisValue]) -> str:
    """A single value is its own id; of several it is eight letters."""
    parts = tuple(values[axis] for axis in AXES if axis in values)
    if len(parts) == 1:
        return value_text(parts[0])
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _lines(values: Mapping[Axis, AxisValue], varying: set[Axis], several: set[AxisValue]) -> Iterator[str]:
    """What all share is left out; a head that stands alone is told by all that it fixes, a variant by technique and
    temperature. `several` are the prompts that are there in more than one version."""
    if not varying:
        varying = {axis for axis in values if axis in ("technique", "temperature")} or set(values)
    if varying & {"prompt", "version"}:
        yield _prompt_line(values, several)
    for axis in ("case", "technique", "temperature", "model"):
        if axis in varying:
            text = value_text(values[axis])
            yield f"t = {text}" if axis == "temperature" else text


def _prompt_line(values: Mapping[Axis, AxisValue], several: set[AxisValue]) -> str:
    name, version = values.get("prompt"), str(values.get("version", ""))[:6]
    if name is None:
        return version
    return f"{name}@{version}" if version and name in several else str(name)
