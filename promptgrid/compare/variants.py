"""Variants: what a column of the comparison stands for, in which order they come, and what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promptgrid.compare.axes import IN_ORDER, PARAMETER_AXES, VARIANT, Axis, AxisValue, head_id, heads, in_axis_order
from promptgrid.store.results import ResultRow


@dataclass(frozen=True, slots=True)
class Variant:
    """Everything of a cell but its case and sample. `model` is ENDPOINT/MODEL, `asked` the values that were asked for
    by the axes of PARAMETER_AXES."""

    prompt: str
    version: str
    technique: str
    model: str
    parameters: tuple[AxisValue, ...]

    @property
    def values(self) -> dict[Axis, AxisValue]:
        """What it fixes, by axis."""
        fixed = (self.prompt, self.version, self.technique, self.model, *self.parameters)
        return dict(zip(VARIANT, fixed, strict=True))

    @property
    def id(self) -> str:
        """Eight letters, the same on every page load: fit for an address."""
        return head_id(self.values)


def variant_of(row: ResultRow) -> Variant:
    """The variant that a row of results belongs to."""
    parameters = tuple(row.parameters[axis] for axis in PARAMETER_AXES)
    return Variant(row.prompt, row.prompt_version, row.technique, f"{row.endpoint}/{row.model}", parameters)


def in_grid_order(variants: Sequence[Variant]) -> list[Variant]:
    """Models, prompts and techniques as they first appear, parameters by size (the model's default first)."""
    values = [variant.values for variant in variants]
    axes = [axis for axis in IN_ORDER if axis != "case"]
    places = {axis: {v: i for i, v in enumerate(in_axis_order(axis, (one[axis] for one in values)))} for axis in axes}
    order = sorted(range(len(variants)), key=lambda i: [places[axis][values[i][axis]] for axis in axes])
    return [variants[i] for i in order]


def labels(variants: Sequence[Variant]) -> dict[str, Sequence[str]]:
    """For each variant id what tells it apart from the others, most telling first; what all share is left out.

    A variant that stands alone is told by technique and parameters.
    """
    return {head.id: head.lines for head in heads([variant.values for variant in variants])}
