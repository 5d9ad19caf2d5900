"""Whether the statistics keep their word: how often a difference is claimed where there is none, and how often a 95 %
interval holds the truth. Simulated, from seeds. (Not called statistics.py: Python has a module of that name.)"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats as scipy_stats

from promptgrid import stats
from promptgrid.compare.families import of_columns, of_two_runs
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
        comparisons = stats.compared_all(scores[0], list(scores[1:]))
        after += any(map(claims, comparisons))
        before += any((comparison.p or 0) < comparison.level for comparison in comparisons)
    return after / runs, before / runs


def family_claims(cases: int, variants: int, *, runs: int = RUNS, seed: int = 0) -> tuple[float, float]:
    """How often anything at all is claimed about variants that are all the same, in the two places that make several
    claims together: a run (each column against the baseline, and the best mark), and two runs (each variant, and all
    together)."""
    generator = np.random.default_rng(seed)
    of_run = of_two = 0
    for _ in range(runs):
        chance = generator.beta(2, 1, cases)
        a, b = (generator.binomial(1, chance, (variants, cases)).astype(float) for _ in range(2))
        versus, best = of_columns(a.T, range(variants))
        of_run += best is not None or any(claims(one) for one in versus.values())
        of_two += any(one is not None and claims(one) for one in of_two_runs(a, b))
    return of_run / runs, of_two / runs


def two_alike_pairs(cases: int, *, runs: int = RUNS, seed: int = 0) -> float:
    """How often anything false is claimed of four columns, two alike of which are far better than two others alike."""
    generator = np.random.default_rng(seed)
    false = 0
    for _ in range(runs):
        scores = generator.binomial(1, [0.3, 0.3, 0.9, 0.9], (cases, 4)).astype(float)
        versus, best = of_columns(scores, range(4))
        false += best is not None or claims(versus[1])
    return false / runs


def claims(comparison: stats.Comparison) -> bool:
    return comparison.verdict in ("better", "worse")


def claims_over_looks(cases: int, looks: int, *, runs: int = RUNS, seed: int = 0, honest: bool = True) -> float:
    """How often a difference between two equal variants is claimed at any of the looks, each with as many more cases as
    the sentence asks for (half as many more where it names none). With `honest` false each look is the first."""
    generator = np.random.default_rng(seed)
    claimed = 0
    for _ in range(runs):
        a, b = (np.empty(0) for _ in range(2))
        more = cases
        for look in range(1, looks + 1):
            chance = generator.beta(2, 1, more)
            a, b = (np.append(old, generator.binomial(1, chance).astype(float)) for old in (a, b))
            comparison = stats.compared(a, b, look=look if honest else 1)
            if claims(comparison):
                claimed += 1
                break
            more = min(comparison.cases_needed or len(a) // 2, 9 * len(a), 20_000 - len(a))
            if more <= 0:
                break
    return claimed / runs


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


def vote_coverage(
    variants: int, pairs: int, judges: int, *, agree: float = 0.7, runs: int = RUNS, seed: int = 0
) -> float:
    """How often the interval of a variant's share of wins holds it, where any two judges agree on a pair with the
    probability `agree`: one reply of each pair is the better one, and each judge sees that with the same chance."""
    generator = np.random.default_rng(seed)
    sees = (1 + np.sqrt(2 * agree - 1)) / 2
    strength = np.linspace(0.6, -0.6, variants)
    better = 1 / (1 + np.exp(strength[None, :] - strength[:, None]))
    wins = better * sees + (1 - better) * (1 - sees)
    truth = [share for share, _ in stats.bradley_terry((1_000 * wins).tolist()).shares]
    two = list(combinations(range(variants), 2))
    held = 0.0
    for _ in range(runs):
        votes = []
        for pair in range(pairs):
            a, b = two[pair % len(two)]
            first = generator.random() < better[a, b]
            votes += [stats.PairVote(pair, a, b, float(first == seen)) for seen in generator.random(judges) < sees]
        shares = stats.bradley_terry(stats.independent_wins(variants, votes)).shares
        held += sum(_holds(interval, true) for (_, interval), true in zip(shares, truth, strict=True)) / variants
    return held / runs


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
    for variants in (2, VARIANTS):
        claimed = [family_claims(size, variants, runs=runs) for size in SIZES]
        line(f"anything claimed of a run of {variants} equal variants", [percent(of_run) for of_run, _ in claimed])
        line(f"anything claimed of two equal runs of {variants} variants", [percent(of_two) for _, of_two in claimed])
    line("anything false claimed of two pairs alike", [percent(two_alike_pairs(size, runs=runs)) for size in SIZES])
    for judges in (1, 3, 5):
        for variants in (2, 4):
            held = [percent(vote_coverage(variants, pairs, judges, runs=runs)) for pairs in (20, 40, 100)]
            line(f"shares of wins of {variants} variants, {judges} judges; 20, 40, 100 pairs", held)
    for looks in (2, 5):
        spent = [percent(claims_over_looks(size, looks, runs=runs)) for size in SIZES]
        line(f"a difference claimed at any of {looks} looks where there is none", spent)
        unspent = [percent(claims_over_looks(size, looks, runs=runs, honest=False)) for size in SIZES]
        line("the same, each look taken for the first", unspent)
    print(f"\n20 variants of 1,000 cases: {1000 * min(summary_seconds(20, 1000) for _ in range(3)):.0f} ms")


def plain_bca(values: Any) -> Interval:
    """As scipy gives it, not widened."""
    if np.ptp(values) == 0:
        return Interval(values[0], values[0])
    with np.errstate(all="ignore"):
        result = scipy_stats.bootstrap((values,), np.mean, n_resamples=1999, method="BCa", rng=np.random.default_rng(0))
    return Interval(result.confidence_interval.low, result.confidence_interval.high)


if __name__ == "__main__":
    main()
