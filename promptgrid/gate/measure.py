"""The gates themselves. What is missing is neither zero nor a pass: it is a miss with its reason. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from promptgrid import humanize
from promptgrid.compare.variants import Variant
from promptgrid.compare.verdicts import CheckVerdict
from promptgrid.gate.results import GateResult, MinScore, broke

_ROUNDING = 1e-9  # of a mean: 0.9 is reached by nine of ten, however it was summed up


def all_answered(by_status: Mapping[str, int], verdicts: Sequence[CheckVerdict]) -> GateResult:
    """Held when every cell of the run, which `by_status` counts, brought a reply; the other gates look at replies."""
    total, answered = sum(by_status.values()), by_status.get("answered", 0)
    held = answered == total > 0
    reason = (
        "" if held else f"{humanize.many(total - answered, 'cell')} without a reply" if total else "the run is empty"
    )
    silent = {(v.variant, v.case_id): broke(v) for v in verdicts if v.outcome == "no reply"}
    return GateResult("every cell answered", "", held, f"{answered:,} of {total:,}", reason, tuple(silent.values()))


def min_score(gate: MinScore, verdicts: Sequence[CheckVerdict]) -> list[GateResult]:
    """One result a variant that has the gate's check.

    A check that scored nothing, or that itself failed, is a miss; so is a score that would not be reached if the
    replies that should have been scored and could not be were wrong.
    """
    by_variant: dict[Variant, list[CheckVerdict]] = {}
    for verdict in verdicts:
        if verdict.check == gate.check:
            by_variant.setdefault(verdict.variant, []).append(verdict)
    return [_min_score(gate, mine) for mine in by_variant.values()]


def _min_score(gate: MinScore, verdicts: Sequence[CheckVerdict]) -> GateResult:
    values = [v.value for v in verdicts if v.value is not None]
    reason = _missed(gate, verdicts, values)
    return GateResult(
        gate=f"{gate.check} at least {gate.least:g}" + (", surely" if gate.confident else ""),
        variant=verdicts[0].label,
        held=not reason,
        found=_found(values, len(verdicts)),
        reason=reason,
        broke=tuple(broke(v) for v in verdicts if v.at_worst is not None and v.outcome != "passed"),
    )


def _missed(gate: MinScore, verdicts: Sequence[CheckVerdict], values: Sequence[float]) -> str:
    """Why the gate is missed; "" when it holds."""
    broken = [v for v in verdicts if v.outcome == "broken"]
    if broken:
        return f"the check itself failed in {humanize.many(len(broken), 'case')}: {_why(broken[0])}"
    if not values:
        return f"nothing was scored: {_why(verdicts[0])}"
    least = gate.least - _ROUNDING
    score, at_worst = fmean(values), fmean(v.at_worst for v in verdicts if v.at_worst is not None)
    if score < least:
        return f"{_down(score)} is below {gate.least:g}"
    if at_worst < least:
        return f"some replies could not be scored; were they wrong, it would be {_down(at_worst)}"
    if gate.confident and (low := _low_end(values)) < least:
        return f"it may be as low as {_down(low)}: more cases would tell"
    return ""


def _why(verdict: CheckVerdict) -> str:
    """Its explanation, where what became of it is said already."""
    return verdict.explanation.removeprefix("not scored: ").removeprefix("the check failed: ")


def _found(values: Sequence[float], cases: int) -> str:
    """`0.85 (0.64 to 0.95) over 20 cases`."""
    if not values:
        return "not scored"
    of = f" of {cases:,}" if len(values) < cases else ""
    return f"{fmean(values):.3g}{_band(values)} over {len(values):,}{of} cases"


def _down(score: float) -> str:
    """Rounded down, so that what is below 0.9 does not read 0.9."""
    return f"{math.floor(score * 1e4 + _ROUNDING) / 1e4:g}"


def _band(values: Sequence[float]) -> str:
    from promptgrid.stats import mean_interval

    interval = mean_interval(values)
    return "" if interval is None else f" ({interval.low:.2f} to {interval.high:.2f})"


def _low_end(values: Sequence[float]) -> float:
    from promptgrid.stats import mean_interval

    interval = mean_interval(values)
    return 0.0 if interval is None else interval.low
