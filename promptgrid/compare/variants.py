"""The variants of a run, which are the columns of a comparison: their order and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promptgrid.compare.axes import IN_ORDER, PARAMETER_AXES, VARIANT, Axis, AxisValue, head_id, heads, in_axis_order
from promptgrid.store.results import ResultRow


@dataclass(frozen=True, slots=True)
class Variant:
    """All properties of a cell except its case and sample.

    `model` is ENDPOINT/MODEL; `parameters` are the requested values, in the order of PARAMETER_AXES.
    """

    prompt: str
    version: str
    technique: str
    model: str
    parameters: tuple[AxisValue, ...]

    @property
    def values(self) -> dict[Axis, AxisValue]:
        """The variant's value on each axis."""
        fixed = (self.prompt, self.version, self.technique, self.model, *self.parameters)
        return dict(zip(VARIANT, fixed, strict=True))

    @property
    def id(self) -> str:
        """Eight hex digits that name the variant: the same on every page load and safe in a URL."""
        return head_id(self.values)


def variant_of(row: ResultRow) -> Variant:
    """Returns the variant of a result row."""
    parameters = tuple(row.parameters[axis] for axis in PARAMETER_AXES)
    return Variant(row.prompt, row.prompt_version, row.technique, f"{row.endpoint}/{row.model}", parameters)


def in_grid_order(variants: Sequence[Variant]) -> list[Variant]:
    """Returns the variants sorted by model, prompt and technique, each in order of first appearance, and then by the
    values of the parameters (the default first)."""
    values = [variant.values for variant in variants]
    axes = [axis for axis in IN_ORDER if axis != "case"]
    places = {axis: {v: i for i, v in enumerate(in_axis_order(axis, (one[axis] for one in values)))} for axis in axes}
    order = sorted(range(len(variants)), key=lambda i: [places[axis][values[i][axis]] for axis in axes])
    return [variants[i] for i in order]


def labels(variants: Sequence[Variant]) -> dict[str, Sequence[str]]:
    """Returns the texts that label each variant, by its id: the values that differ from other variants, the most
    important first.

    A single variant is labelled by its technique and parameters.
    """
    return {head.id: head.lines for head in heads([variant.values for variant in variants])}
