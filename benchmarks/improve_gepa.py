"""Measures what `gepa` claims on the scripted models of `benchmarks/improve.py`, beside what is true.

    PYTHON benchmarks/improve_gepa.py 200

Runs in an environment with gepa, which is no dependency of promptgrid. Its claim is the best score on its validation
set, less that of the seed: the score on the cases that chose the winner.
"""

import contextlib
import io
import random
import sys
from typing import Any

import gepa
from gepa.core.adapter import EvaluationBatch

CASES, CALLS = 150, 1800
SEED_TEXT = "Read the total of an invoice."
PLANTED = "Name the unit in the answer."
_TAKEN_UP = 0.25


class Adapter:
    """A model with a chance of its own to be right for each case, in the form that gepa asks for."""

    propose_new_texts = None

    def __init__(self, seed: int, gain: float) -> None:
        self._draw, self._gain = random.Random(seed), gain
        self._right = [min(1 - gain, self._draw.betavariate(1.4, 0.6) * (1 - gain)) for _ in range(CASES)]

    def chance(self, text: str, case: int) -> float:
        return self._right[case] + (self._gain if PLANTED in text else 0.0)

    def evaluate(self, batch: list[int], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        scores = [float(self._draw.random() < self.chance(candidate["prompt"], case)) for case in batch]
        traces = list(zip(batch, scores, strict=True)) if capture_traces else None
        return EvaluationBatch(outputs=["12"] * len(batch), scores=scores, trajectories=traces)

    def make_reflective_dataset(self, candidate: dict[str, str], evaluated: Any, parts: list[str]) -> Any:
        told = [
            {"Inputs": str(case), "Generated Outputs": "12", "Feedback": "right" if score else f"Wrong. {PLANTED}"}
            for case, score in evaluated.trajectories
        ]
        return {"prompt": told}


def searched(seed: int, gain: float) -> tuple[float, float]:
    """Returns (the gain that one search claims, the true gain), as shares."""
    adapter, draw = Adapter(seed, gain), random.Random(seed + 10**6)

    def write(request: Any) -> str:
        more = f" {PLANTED}" if gain and draw.random() < _TAKEN_UP else ""
        return f"```\n{SEED_TEXT} Variant {draw.randrange(10**6)}.{more}\n```"

    cases = list(range(CASES))
    draw.shuffle(cases)
    half = CASES // 2
    with contextlib.redirect_stdout(io.StringIO()):
        found = gepa.optimize(
            seed_candidate={"prompt": SEED_TEXT}, trainset=cases[:half], valset=cases[half:], adapter=adapter,
            reflection_lm=write, max_metric_calls=CALLS, seed=seed, display_progress_bar=False,
        )  # fmt: skip
    best = found.best_candidate["prompt"]
    true = sum(adapter.chance(best, case) - adapter.chance(SEED_TEXT, case) for case in cases) / CASES
    return max(found.val_aggregate_scores) - found.val_aggregate_scores[0], true


def main() -> None:
    for name, gain in (("null", 0.0), ("planted", 0.25)):
        pairs = [searched(seed, gain) for seed in range(int(sys.argv[1]))]
        claimed, true = (100 * sum(column) / len(pairs) for column in zip(*pairs, strict=True))
        print(f"{name}: {len(pairs)} searches, claimed {claimed:+.1f} points, true {true:+.1f}")
        print(f"  a gain is claimed in {100 * sum(pair[0] > 0 for pair in pairs) / len(pairs):.1f} %")


if __name__ == "__main__":
    main()
