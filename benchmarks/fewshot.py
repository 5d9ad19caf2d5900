"""Whether what `promptgrid examples` says holds: simulated from seeds, no model is asked.

python -m benchmarks.fewshot               # 1,000 runs each
python -m benchmarks.fewshot --runs 100
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import machine
from promptgrid.stats.examples import example_worths, order_spread


def by_order(rng: np.random.Generator, sd: float, cases: int = 60, orders: int = 8) -> NDArray[np.float64]:
    """Right (1) or wrong (0) of the shape (cases, orders): each order moves every case's chance, by this deviation."""
    chance = rng.uniform(0.3, 0.7, cases)[:, None] + rng.normal(0, sd, orders)[None, :]
    return (rng.random((cases, orders)) < chance).astype(float)


def by_subset(
    rng: np.random.Generator, worth: list[float], cases: int = 60, sets: int = 20, k: int = 4
) -> tuple[list[float], list[int], list[list[int]]]:
    """Scores, cases and shown examples of cells: each shown example adds its worth to the chance to be right. Half
    of the sets have `k` examples, the others half as many."""
    subsets = [sorted(rng.permutation(len(worth))[: k // 2 if number % 2 else k].tolist()) for number in range(sets)]
    ease = rng.uniform(0.1, 0.4, cases)
    rows = [(case, subset) for case in range(cases) for subset in subsets]
    chance = np.array([ease[case] + sum(worth[one] for one in subset) for case, subset in rows])
    scores = (rng.random(len(rows)) < chance).astype(float)
    return scores.tolist(), [case for case, _ in rows], [subset for _, subset in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    rng = np.random.default_rng(1)
    print(machine())
    for sd in (0.0, 0.05, 0.1, 0.15):
        spreads = [spread for _ in range(runs) if (spread := order_spread(by_order(rng, sd)))]
        held = np.mean([one.low <= sd <= one.high for one in spreads])
        print(f"order moves the mean by {100 * sd:.0f} points, 60 cases × 8 orders: interval holds it in {held:.1%}")
    alike = [example_worths(*by_subset(rng, [0.02] * 8)) for _ in range(runs)]
    print(
        f"8 examples alike, 60 cases × 10 sets of 4 and 10 of 2: any called harmful in"
        f" {np.mean([any(one.harmful for one in run) for run in alike]):.1%}; an interval holds the 2 points in"
        f" {np.mean([one.low <= 0.02 <= one.high for run in alike for one in run]):.1%}"
    )
    for others, worth, what in ((0.15, 0.0, "useless"), (0.05, 0.0, "useless"), (0.05, -0.2, "harmful")):
        found = [example_worths(*by_subset(rng, [others] * 7 + [worth])) for _ in range(runs)]
        last = np.mean([run[-1].example == 7 for run in found])
        flagged = np.mean([any(one.harmful for one in run if one.example == 7) for run in found])
        print(
            f"one {what} example among 7 that add {100 * others:.0f} points each: last in {last:.1%}, called harmful in"
            f" {flagged:.1%}"
        )


if __name__ == "__main__":
    main()
