"""Variants: what a column of the comparison stands for, in which order they come, and what tells them apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Variant:
    """Everything of a cell but its case and sample. `model` is ENDPOINT/MODEL, `temperature` the one asked for."""

    prompt: str
    version: str
    technique: str
    model: str
    temperature: float | None

    @property
    def id(self) -> str:
        """Eight letters, the same on every page load: fit for an address."""
        parts = (self.prompt, self.version, self.technique, self.model, self.temperature)
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def variant_of(row: Mapping[str, Any]) -> Variant:
    """The variant that a result row belongs to."""
    model = f"{row['endpoint']}/{row['model']}"
    return Variant(row["prompt"], row["prompt_version"], row["technique"], model, row["temperature"])


def in_grid_order(variants: Sequence[Variant]) -> list[Variant]:
    """Models, prompts and techniques as they first appear, temperatures by size (the model's default first)."""
    places = {
        name: {value: i for i, value in enumerate(dict.fromkeys(getattr(v, name) for v in variants))}
        for name in ("model", "prompt", "version", "technique")
    }

    def place(v: Variant) -> tuple[float, ...]:
        return (
            *(at[getattr(v, name)] for name, at in places.items()),
            -1.0 if v.temperature is None else v.temperature,
        )

    return sorted(variants, key=place)


def labels(variants: Sequence[Variant]) -> dict[str, list[str]]:
    """For each variant id what tells it apart from the others, most telling first; what all share is left out.

    A variant that stands alone is told by technique and temperature.
    """
    varying = {name for name in Variant.__slots__ if len({getattr(v, name) for v in variants}) > 1}
    names = [name for name, _ in {(v.prompt, v.version) for v in variants}]
    versions = {name for name in names if names.count(name) > 1}
    return {v.id: list(_parts(v, varying or {"technique", "temperature"}, versions)) for v in variants}


def _parts(v: Variant, varying: set[str], versions: set[str]) -> Iterator[str]:
    """`versions` are the prompts that are there in more than one."""
    if varying & {"prompt", "version"}:
        yield f"{v.prompt}@{v.version[:6]}" if v.prompt in versions else v.prompt
    if "technique" in varying:
        yield v.technique
    if "temperature" in varying:
        yield "t = default" if v.temperature is None else f"t = {v.temperature:g}"
    if "model" in varying:
        yield v.model
