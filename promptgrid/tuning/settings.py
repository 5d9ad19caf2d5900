"""The settings of a tuning, and what follows from them alone: the order of the examples and the learning rates."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptgrid.errors import TuningError
from promptgrid.prompt import AnswerRule
from promptgrid.tuning.dialects import Method

RATES: Mapping[Method, float] = {"sft": 2e-4, "dpo": 1e-4}  # of learning, by default
_WARM_UP = 0.05  # of all steps
_RANGES = {
    "epochs": (1, 100), "rate": (1e-7, 1e-1), "rank": (1, 256), "alpha": (1, 1024), "batch": (1, 256),
    "longest": (16, 8192), "beta": (1e-3, 10.0), "imitate": (0.0, 10.0), "held_out": (0.05, 0.5),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """How a model is tuned: `epochs` passes over the data in steps of `batch` examples, with the learning rate `rate`
    at its highest; an adapter of this `rank` whose changes are scaled by `alpha` / `rank`.

    held_out  the share of the data to judge by, where no held-out file is given
    longest   examples with more tokens are left out
    beta      dpo: how strongly the tuned model is held near the base
    imitate   dpo: the weight of imitating the preferred reply; with 0 the model may learn to say neither
    bf16      compute in 16 bit where the CPU has instructions for it
    rule      how the answer is read out of a reply, to count right ones; None: no answers are read
    """

    method: Method = "sft"
    epochs: int = 2
    rate: float = 2e-4
    rank: int = 8
    alpha: int = 16
    batch: int = 8
    seed: int = 1
    held_out: float = 0.2
    longest: int = 1024
    beta: float = 0.1
    imitate: float = 1.0
    bf16: bool = True
    rule: AnswerRule | None = field(default=None)

    def check(self) -> None:
        """Raises TuningError if a value is out of its range."""
        for name, (least, most) in _RANGES.items():
            if not least <= (value := getattr(self, name)) <= most:
                raise TuningError(f"{name} is {value:g}.", hint=f"It has to be from {least:g} to {most:g}.")
        if self.method not in RATES:
            raise TuningError(f"The built-in model is not tuned by {self.method}.", hint="sft and dpo are possible.")

    def to_json(self) -> dict[str, Any]:
        """Returns the settings as JSON values."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "rule"}
        rule = self.rule
        values["rule"] = rule and {
            "kind": rule.kind,
            "labels": list(rule.labels),
            "pattern": rule.pattern,
            "synonyms": {label: list(words) for label, words in rule.synonyms.items()},
        }
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TuningSettings:
        """Returns the settings that `to_json` has written."""
        rule = values.get("rule")
        if rule:
            synonyms = {label: tuple(words) for label, words in rule["synonyms"].items()}
            rule = AnswerRule(rule["kind"], tuple(rule["labels"]), pattern=rule["pattern"], synonyms=synonyms)
        return cls(**{**values, "rule": rule})


def batches(count: int, settings: TuningSettings, epoch: int) -> list[list[int]]:
    """Returns the indices of `count` examples in the order of this epoch (from 1), cut into batches. The same settings
    give the same order, so that a tuning can go on in the middle of an epoch."""
    order = list(range(count))
    random.Random(f"{settings.seed} {epoch}").shuffle(order)
    return [order[start : start + settings.batch] for start in range(0, count, settings.batch)]


def rate_at(step: int, steps: int, highest: float) -> float:
    """Returns the learning rate of a step (from 0) of all `steps`: it rises during the first twentieth and then falls
    evenly to almost 0."""
    warm = max(1, round(steps * _WARM_UP))
    return highest * min((step + 1) / warm, (steps - step) / max(1, steps - warm + 1))


def best_epoch(curve: Sequence[Mapping[str, Any]]) -> int:
    """Returns the number of the epoch to keep: the highest held-out `accuracy`, and among equal ones the lowest
    held-out loss. Without accuracies the loss alone decides."""
    best = min(curve, key=lambda epoch: (-(epoch["accuracy"] or 0.0), epoch["held_out_loss"]))
    return int(best["epoch"])
