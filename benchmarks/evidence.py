"""Whether the statistics keep their word: how often a difference is claimed where there is none, and how often a 95 %
interval holds the truth. Simulated, from seeds. (Not called statistics.py: Python has a module of that name.)"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy import stats as scipy_stats

from promptgrid import stats
from promptgrid.stats import Interval

RUNS = 2_000
SIZES = (5, 10, 20, 50, 200)
SAMPLES = 5
VARIANTS = 6

Generator = np.random.Generator
Drawn = tuple[Any, float]
"""One value a case, and the mean of what they are drawn from."""

# How hard cases are: the chance to pass is drawn for each case from a Beta distribution.
HARD = {"even": (2.0, 2.0), "mostly right": (8.0, 2.0), "nearly all right": (9.0, 0.5), "all or nothing": (0.5, 0.1)}


def pass_rates(shape: tuple[float, float], generator: Generator, cases: int) -> Drawn:
    """The share of five samples that pass, case by case."""
    a, b = shape
    return generator.binomial(SAMPLES, generator.beta(a, b, cases)) / SAMPLES, a / (a + b)


def similarities(generator: Generator, cases: int) -> Drawn:
    return generator.beta(5, 2, cases), 5 / 7


def lengths(spread: float, generator: Generator, cases: int) -> Drawn:
    """Skewed, as lengths, tokens and times are: log-normal."""
    return generator.lognormal(5, spread, cases), float(np.exp(5 + spread**2 / 2))


def coverage(
    draw: Callable[[Generator, int], Drawn],
    cases: int,
    interval: Callable[[Any], Interval | None],
    *,
    runs: int = RUNS,
    seed: int = 0,
) -> float:
    """How often the interval holds the mean of what the values are drawn from."""
    generator = np.random.default_rng(seed)
    return float(np.mean([_holds(interval(values), mean) for values, mean in _times(runs, draw, generator, cases)]))


def _times(runs: int, draw: Callable[[Generator, int], Drawn], generator: Generator, cases: int) -> Iterable[Drawn]:
    return (draw(generator, cases) for _ in range(runs))


def _holds(interval: Interval | None, mean: float) -> bool:
    return interval is not None and interval.low <= mean <= interval.high


def wilson_coverage(cases: int) -> tuple[float, float]:
    """Of Wilson's interval, exactly, without drawing: mean and least over rates from 2 % to 98 %."""
    rates = np.linspace(0.02, 0.98, 193)
    intervals = [stats.wilson(k, cases) for k in range(cases + 1)]
    held = [
        sum(
            scipy_stats.binom.pmf(k, cases, rate)
            for k, interval in enumerate(intervals)
            if _holds(interval, float(rate))
        )
        for rate in rates
    ]
    return float(np.mean(held)), float(np.min(held))


def false_claims(cases: int, samples: int, *, runs: int = RUNS, seed: int = 0) -> tuple[float, float]:
    """Five variants against a baseline where all six are the same: the share of runs in which any of the five is called
    better or worse, after correction; and before it."""
    generator = np.random.default_rng(seed)
    after = before = 0
    for _ in range(runs):
        chance = generator.beta(2, 1, cases)
        scores = generator.binomial(samples, chance, (VARIANTS, cases)) / samples
        found = stats.compared_all(scores[0], list(scores[1:]))
        after += any(comparison.verdict in ("better", "worse") for comparison in found)
        before += any((comparison.p or 0) < 0.05 for comparison in found)
    return after / runs, before / runs


def difference_coverage(cases: int, samples: int, *, runs: int = RUNS, seed: int = 0) -> float:
    """How often the interval of a difference holds it: 0.1 in the chance to pass, the same in every case."""
    generator = np.random.default_rng(seed)
    held = 0
    for _ in range(runs):
        chance = generator.beta(3, 2, cases) * 0.9
        b = list(generator.binomial(samples, chance) / samples)
        a = list(generator.binomial(samples, chance + 0.1) / samples)
        held += _holds(stats.compared(a, b).interval, 0.1)
    return held / runs


def power(cases: int, samples: int, difference: float, *, runs: int = RUNS, seed: int = 0) -> float:
    """How often a variant that is better by `difference` is called better."""
    generator = np.random.default_rng(seed)
    better = 0
    for _ in range(runs):
        chance = generator.beta(3, 2, cases) * (1 - difference)
        b = list(generator.binomial(samples, chance) / samples)
        a = list(generator.binomial(samples, chance + difference) / samples)
        better += stats.compared(a, b).verdict == "better"
    return better / runs


def summary_seconds(variants: int, cases: int) -> float:
    """An interval for each variant, and each against the first."""
    generator = np.random.default_rng(0)
    scores = generator.binomial(SAMPLES, 0.7, (variants, cases)) / SAMPLES
    begun = time.perf_counter()
    for values in scores:
        stats.mean_interval(values)
    stats.compared_all(scores[0], list(scores[1:]))
    return time.perf_counter() - begun


def line(name: str, cells: Sequence[str]) -> None:
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    runs = parser.parse_args().runs
    line("what a 95 % interval holds, by cases", [str(size) for size in SIZES])
    line("---", ["---"] * len(SIZES))
    exact = [wilson_coverage(size) for size in SIZES]
    line("Wilson, mean over rates (exact)", [percent(mean) for mean, _ in exact])
    line("Wilson, the worst rate (exact)", [percent(least) for _, least in exact])
    shapes: dict[str, Callable[[Generator, int], Drawn]] = {
        f"pass rates of {SAMPLES} samples, {name}": partial(pass_rates, shape) for name, shape in HARD.items()
    }
    shapes["similarities"] = similarities
    for name, draw in shapes.items():
        line(name, [percent(coverage(draw, size, stats.mean_interval, runs=runs)) for size in SIZES])
    for name, spread in (("skewed", 0.5), ("very skewed", 0.8)):
        draw_lengths = partial(lengths, spread)
        held = [percent(coverage(draw_lengths, size, stats.mean_interval, runs=runs)) for size in SIZES]
        line(f"lengths, {name} (widened BCa, Student's t below 10)", held)
    for name, draw in shapes.items():
        line(f"not used: BCa of {name}", [percent(coverage(draw, size, plain_bca, runs=runs)) for size in SIZES])
    for samples in (1, SAMPLES):
        name = f"difference of {'pass or fail' if samples == 1 else 'pass rates'}"
        line(name, [percent(difference_coverage(size, samples, runs=runs)) for size in SIZES])
    for samples in (1, SAMPLES):
        kind = "pass or fail" if samples == 1 else f"{SAMPLES} samples a case"
        claims = [false_claims(size, samples, runs=runs) for size in SIZES]
        line(f"a difference claimed where there is none, {kind}, corrected", [percent(after) for after, _ in claims])
        line(f"the same, not corrected for {VARIANTS - 1} comparisons", [percent(before) for _, before in claims])
        line(
            f"a difference of 20 points found, {kind}",
            [percent(power(size, samples, 0.2, runs=runs)) for size in SIZES],
        )
    print(f"\n20 variants of 1,000 cases: {1000 * min(summary_seconds(20, 1000) for _ in range(3)):.0f} ms")


def plain_bca(values: Any) -> Interval:
    """As scipy gives it, not widened."""
    if np.ptp(values) == 0:
        return Interval(values[0], values[0])
    with np.errstate(all="ignore"):
        found = scipy_stats.bootstrap((values,), np.mean, n_resamples=1999, method="BCa", rng=np.random.default_rng(0))
    return Interval(found.confidence_interval.low, found.confidence_interval.high)


if __name__ == "__main__":
    main()
