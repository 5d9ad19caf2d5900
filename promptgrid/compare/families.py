"""Makes the comparisons whose verdicts are read together as one family, so that one correction covers all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from promptgrid import stats
from promptgrid.compare.aggregate import mean_known
from promptgrid.stats import Comparison
from promptgrid.stats.intervals import Floats


def of_columns(cases: Floats, columns: Sequence[int], *, look: int = 1) -> tuple[dict[int, Comparison], int | None]:
    """Compares the `columns` of an array of scores (cases, columns) with the first of them, the baseline. `look` is how
    often these were compared so far, this time included: later looks need stronger evidence.

    Returns (the comparison of each other column that has a case in common with the baseline; the column with the
    highest mean if it is significantly better than every other one, else None). One correction covers all of the
    comparisons.
    """
    baseline, *others = columns
    means = {column: float(np.nanmean(cases[:, column])) for column in columns if not np.isnan(cases[:, column]).all()}
    first = max(means, key=means.__getitem__, default=baseline)
    rivals = [column for column in means if column not in (first, baseline)] if first != baseline else []
    pairs = [*((column, baseline) for column in others), *((column, first) for column in rivals)]
    compared = stats.compared_pairs([(cases[:, a], cases[:, b]) for a, b in pairs], look=look)
    versus = {column: one for column, one in zip(others, compared, strict=False) if one.n}
    by_pair = dict(zip(pairs, compared, strict=True))
    wins = [
        by_pair[first, baseline].verdict == "better" if other == baseline else by_pair[other, first].verdict == "worse"
        for other in means
        if other != first
    ]
    return versus, first if wins and all(wins) else None


def of_two_runs(a: Floats, b: Floats, *, look: int = 1, families: int = 1) -> list[Comparison | None]:
    """Compares run B with run A, from arrays of scores (variants, cases). Returns the comparison of each variant, and
    last that of all variants together; None where no case is scored in both runs.

    For all variants together, the score of a case is the mean over the variants that are scored in both runs; if only
    one variant is, its comparison stands for all. `families` is the number of runs that B is compared with for one
    verdict: p-values are corrected for it, and for the number of comparisons here. `look` is how often the runs were
    compared so far, this time included.
    """
    both = ~np.isnan(a) & ~np.isnan(b)
    scored = [at for at, of_variant in enumerate(both) if of_variant.any()]
    pairs = [(b[at], a[at]) for at in scored]
    if len(scored) > 1:
        means = [mean_known(np.where(both, scores, np.nan).T) for scores in (b, a)]
        pairs.append((means[0], means[1]))
    compared = stats.compared_pairs(pairs, look=look, families=families)
    by_variant = dict(zip(scored, compared, strict=False))
    return [*(by_variant.get(at) for at in range(len(both))), compared[-1] if compared else None]
