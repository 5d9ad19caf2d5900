"""Measures the gates. A missing score is neither zero nor a pass: the gate fails and gives the reason. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from promptgrid import humanize
from promptgrid.compare.variants import Variant
from promptgrid.compare.verdicts import CheckVerdict
from promptgrid.gate.results import GateResult, MinScore, broke
from promptgrid.stats import mean_interval

_ROUNDING = 1e-9  # tolerance of a mean: nine right answers of ten must reach 0.9 despite rounding


def all_answered(by_status: Mapping[str, int], verdicts: Sequence[CheckVerdict]) -> GateResult:
    """Returns the result of the gate that every cell has a reply. `by_status` has the number of cells by status. The
    result names the cases whose outcome in `verdicts` is `no reply`."""
    total, answered = sum(by_status.values()), by_status.get("answered", 0)
    held = answered == total > 0
    reason = (
        "" if held else f"{humanize.many(total - answered, 'cell')} without a reply" if total else "the run is empty"
    )
    silent = {(v.variant, v.case_id): broke(v) for v in verdicts if v.outcome == "no reply"}
    return GateResult("every cell answered", "", held, f"{answered:,} of {total:,}", reason, tuple(silent.values()))


def min_score(gate: MinScore, verdicts: Sequence[CheckVerdict]) -> list[GateResult]:
    """Returns the result of a minimum-score gate for each variant that has its check.

    The gate fails if the check scored nothing or itself failed, if the mean score is too low, or if it would be too low
    with a 0 for each reply that should have a score and has none. With `gate.confident`, the gate also fails if the low
    end of the interval is too low. Cases that are copies of each other count once.
    """
    by_variant: dict[Variant, list[CheckVerdict]] = {}
    for verdict in verdicts:
        if verdict.check == gate.check:
            by_variant.setdefault(verdict.variant, []).append(verdict)
    return [_min_score(gate, mine) for mine in by_variant.values()]


def _min_score(gate: MinScore, verdicts: Sequence[CheckVerdict]) -> GateResult:
    distinct = [v for v in verdicts if not v.copy]
    values = [v.value for v in distinct if v.value is not None]
    reason = _missed(gate, verdicts, values)
    return GateResult(
        gate=f"{gate.check} at least {gate.least:g}" + (", surely" if gate.confident else ""),
        variant=verdicts[0].label,
        held=not reason,
        measured=_measured(values, len(distinct)),
        reason=reason,
        broke=tuple(broke(v) for v in verdicts if v.at_worst is not None and v.outcome != "passed"),
    )


def _missed(gate: MinScore, verdicts: Sequence[CheckVerdict], values: Sequence[float]) -> str:
    """Returns the reason why the gate fails for one variant; "" when it holds. `values` are the scores among its
    `verdicts`."""
    broken = [v for v in verdicts if v.outcome == "broken"]
    if broken:
        return f"the check itself failed in {humanize.many(len(broken), 'case')}: {_why(broken[0])}"
    if not values:
        return f"nothing was scored: {_why(verdicts[0])}"
    least = gate.least - _ROUNDING
    score, at_worst = fmean(values), fmean(v.at_worst for v in verdicts if v.at_worst is not None and not v.copy)
    if score < least:
        return f"{_rounded_down(score)} is below {gate.least:g}"
    if at_worst < least:
        return f"some replies could not be scored; were they wrong, it would be {_rounded_down(at_worst)}"
    if gate.confident and (low := _low(values)) < least:
        return f"it may be as low as {_rounded_down(low)}: more cases would decide"
    return ""


def _why(verdict: CheckVerdict) -> str:
    """Returns the verdict's explanation without its beginning "not scored:" or "the check failed:", which the sentence
    around it says already."""
    return verdict.explanation.removeprefix("not scored: ").removeprefix("the check failed: ")


def _measured(values: Sequence[float], cases: int) -> str:
    """Returns the mean of the scores with its interval, in words: `0.85 (0.64 to 0.95) over 20 cases`. `cases` is the
    number of all cases, scored or not."""
    if not values:
        return "not scored"
    of = f" of {cases:,}" if len(values) < cases else ""
    return f"{fmean(values):.3g}{_band(values)} over {len(values):,}{of} cases"


def _rounded_down(score: float) -> str:
    """Returns the score as text, rounded down to four decimals: a score just below 0.9 must not read 0.9."""
    return f"{math.floor(score * 1e4 + _ROUNDING) / 1e4:g}"


def _band(values: Sequence[float]) -> str:
    interval = mean_interval(values)
    return "" if interval is None else f" ({interval.low:.2f} to {interval.high:.2f})"


def _low(values: Sequence[float]) -> float:
    interval = mean_interval(values)
    return 0.0 if interval is None else interval.low
