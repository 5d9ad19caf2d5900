"""The sampling parameters: one record that prompts, plans and requests share, and one table that says what each is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from promptgrid.errors import PlanError


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is asked of a model beside the messages. None: not set, the model's own default.

    max_tokens      room for the reply, in tokens
    seed            of the first sample; sample i is sent with seed + i
    stop            texts that end the reply
    extra_body      more fields of the JSON body, for endpoints that take them
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None
    reasoning_effort: str | None = None
    response_format: Mapping[str, Any] | None = None
    extra_body: Mapping[str, Any] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that are set, by name."""
        return {name: value for name in NAMES if (value := getattr(self, name)) is not None}

    def as_json(self) -> dict[str, Any]:
        """Those that are set, as JSON writes them."""
        return {name: dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
                for name, value in self.given.items()}  # fmt: skip

    def over(self, others: Parameters) -> Parameters:
        """These where they are set, the others elsewhere.

        >>> Parameters(seed=1).over(Parameters(seed=2, top_p=0.9)).given
        {'top_p': 0.9, 'seed': 1}
        """
        return replace(others, **self.given)


NAMES = tuple(item.name for item in fields(Parameters))


def parameters_from(values: Mapping[str, Any]) -> Parameters:
    """The parameters of these values by name, as JSON may have kept them; what is empty is not set."""
    values = {name: value for name, value in values.items() if value is not None and value not in ((), [], {})}
    if "stop" in values:
        values["stop"] = tuple(values["stop"])
    return Parameters(**values)


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """One line of the table: the field of Parameters, its `label` on a page, its `option` on the command line ("":
    none), and the range of a number."""

    name: str
    label: str
    kind: type = str
    low: float = -math.inf
    high: float = math.inf
    option: str = ""
    help: str = ""

    def check(self, value: Any) -> None:
        """Raises PlanError for a number outside of the range."""
        if value is not None and self.kind in (int, float) and not self.low <= value <= self.high:
            hint = f"It goes from {self.low:,} to {self.high:,}."
            raise PlanError(f"{self.name} {value:g} is out of range.", hint=hint)


SPECS = (
    ParameterSpec("temperature", "Temperature", float, 0, 2, "--temperature"),
    ParameterSpec("top_p", "top_p", float, 0, 1, "--top-p"),
    ParameterSpec("max_tokens", "Max tokens", int, 1, 10_000_000, "--max-tokens", "Room for a reply."),
    ParameterSpec("seed", "Seed", int, -(2**53), 2**53, "--seed", "Sample i is sent with seed + i."),
    ParameterSpec("stop", "Stop", tuple, option="--stop", help="A text that ends a reply; may be repeated."),
    ParameterSpec(
        "reasoning_effort",
        "Reasoning effort",
        option="--reasoning-effort",
        help="As the model takes it: none, low, high …",
    ),
    ParameterSpec("response_format", "Response format", dict),
    ParameterSpec("extra_body", "Extra body", dict),
)
