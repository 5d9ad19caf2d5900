"""Variants: what a column of the comparison stands for, in which order they come, and what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promptgrid.compare.axes import IN_ORDER, VARIANT, Axis, AxisValue, head_id, heads
from promptgrid.store.results import ResultRow


@dataclass(frozen=True, slots=True)
class Variant:
    """Everything of a cell but its case and sample. `model` is ENDPOINT/MODEL, `temperature` the one asked for."""

    prompt: str
    version: str
    technique: str
    model: str
    temperature: float | None

    @property
    def values(self) -> dict[Axis, AxisValue]:
        """What it fixes, by axis."""
        return {axis: getattr(self, axis) for axis in VARIANT}

    @property
    def id(self) -> str:
        """Eight letters, the same on every page load: fit for an address."""
        return head_id(self.values)


def variant_of(row: ResultRow) -> Variant:
    """The variant that a row of results belongs to."""
    return Variant(row.prompt, row.prompt_version, row.technique, f"{row.endpoint}/{row.model}", row.temperature)


def in_grid_order(variants: Sequence[Variant]) -> list[Variant]:
    """Models, prompts and techniques as they first appear, temperatures by size (the model's default first)."""
    axes = [axis for axis in IN_ORDER if axis not in ("case", "temperature")]
    places = {
        axis: {value: i for i, value in enumerate(dict.fromkeys(getattr(v, axis) for v in variants))} for axis in axes
    }

    def place(v: Variant) -> tuple[float, ...]:
        return (*(at[getattr(v, axis)] for axis, at in places.items()), warmth(v.temperature))

    return sorted(variants, key=place)


def warmth(temperature: AxisValue) -> float:
    """What temperatures are sorted by: the model's default comes first."""
    return temperature if isinstance(temperature, float) else -1.0


def labels(variants: Sequence[Variant]) -> dict[str, Sequence[str]]:
    """For each variant id what tells it apart from the others, most telling first; what all share is left out.

    A variant that stands alone is told by technique and temperature.
    """
    return {head.id: head.lines for head in heads([variant.values for variant in variants])}
