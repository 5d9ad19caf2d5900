"""Gives one verdict per case and check, over all samples; gates and test reports are made from these verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Literal

from promptgrid.compare.facts import facts
from promptgrid.compare.variants import Variant, in_grid_order, labels, variant_of
from promptgrid.grading import Score
from promptgrid.store import Database, runs
from promptgrid.store.results import ResultRow, result_rows
from promptgrid.techniques import votes
from promptgrid.text import cut, value_text

CheckOutcome = Literal["failed", "no reply", "broken", "not scored", "passed"]

_KEPT = 2000  # characters of a text that are kept


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """The verdict of one check on one case under one variant. Texts are cut to 2,000 characters.

    label              the variant in one line
    check              "" where neither the prompt nor the case has checks
    outcome            the worst outcome of the samples, from worst to best: `failed` (wrong), `no reply`, `broken` (the
                       check itself failed), `not scored`, `passed`; with self-consistency that of the voted answer
    value              mean over the scored samples, 0 to 1; None when none was scored, which is not zero
    at_worst           as `value`, but if the case has an expected answer, replies without a score count as 0; None:
                       no reply enters this mean
    answer, explanation    of the first sample with that outcome; a sample without a reply has its error as explanation
    samples, such      number of samples, and number of samples with that outcome
    latency_ms         sum over the replies
    copy               the case is the same as an earlier one (see Facts.firsts): means and intervals leave it out
    """

    variant: Variant
    label: str
    case_id: str
    check: str
    outcome: CheckOutcome
    value: float | None
    at_worst: float | None
    inputs: Mapping[str, Any]
    expected: str | None
    answer: str | None
    explanation: str
    samples: int
    such: int
    latency_ms: float
    copy: bool = False


@dataclass(frozen=True, slots=True)
class _Sample:
    """The values of one cell from which its verdicts are made; `scores` maps each check to (value, outcome,
    explanation)."""

    position: int
    replied: bool
    answer: str | None
    error: str
    latency_ms: float
    scores: Mapping[str, tuple[float | None, CheckOutcome, str]]


def verdicts(database: Database, run_id: str, positions: Sequence[int] | None = None) -> list[CheckVerdict]:
    """Returns the verdicts of a run, one per case, variant and check: by variant in the grid's order, then by case.

    `positions` restricts them to these cells; it should include all samples of their cases. Long texts are read one by
    one and not kept in memory.
    """
    plan = runs.plan_of(database, run_id)
    checks = {(p.name, p.version): [check.name for check in plan.checks_for(p)] for p in plan.prompts}
    cases = {case.id: case for case in plan.cases}
    columns = facts(database, run_id)
    counted = frozenset(columns.position[columns.counted].tolist()) if any(map(votes, plan.techniques)) else ()
    copies = {case_id for at, case_id in enumerate(columns.case_ids) if columns.firsts[at] != at}
    own = {case.id: [check.name for check in case.checks] for case in plan.cases if case.checks}
    grouped = _grouped(result_rows(database, run_id, positions), checks, own)
    ordered = in_grid_order(list(grouped))
    label = {variant: " · ".join(labels(ordered)[variant.id]) for variant in ordered}
    judged = []
    for variant in ordered:
        for case_id, samples in grouped[variant].items():
            case = cases[case_id]
            inputs = {name: cut(value_text(value), _KEPT) for name, value in case.inputs.items()}
            expected = None if case.expected is None else cut(case.expected, _KEPT)
            answers = [sample for sample in samples if sample.position in counted] or samples
            for check in answers[0].scores:
                verdict = _verdict(variant, label[variant], case_id, check, inputs, expected, answers)
                judged.append(replace(verdict, copy=case_id in copies))
    return judged


def _grouped(
    rows: Iterable[ResultRow], checks: Mapping[tuple[str, str], Sequence[str]], own: Mapping[str, Sequence[str]]
) -> dict[Variant, dict[str, list[_Sample]]]:
    grouped: dict[Variant, dict[str, list[_Sample]]] = {}
    for row in rows:
        names = [*checks[row.prompt, row.prompt_version], *own.get(row.case_id, ())]
        sample = _sample(row, names or [""])
        grouped.setdefault(variant_of(row), {}).setdefault(row.case_id, []).append(sample)
    return grouped


def _sample(row: ResultRow, checks: Sequence[str]) -> _Sample:
    return _Sample(
        position=row.position,
        replied=row.status == "answered",
        answer=None if row.answer is None else cut(row.answer, _KEPT),
        error=cut(row.error or f"no reply: the cell is {row.status.replace('_', ' ')}", _KEPT),
        latency_ms=row.latency_ms or 0.0,
        scores={check: _outcome_of(row.scores.get(check)) if check else (None, "passed", "") for check in checks},
    )


def _outcome_of(score: Score | None) -> tuple[float | None, CheckOutcome, str]:
    explanation = cut((score and score.explanation) or "not scored", _KEPT)
    if score is None or score.value is None or score.failed:
        return None, "broken" if score and score.failed else "not scored", explanation
    return score.value, "failed" if score.passed is False else "passed", explanation


def _verdict(
    variant: Variant,
    label: str,
    case_id: str,
    check: str,
    inputs: Mapping[str, Any],
    expected: str | None,
    samples: Sequence[_Sample],
) -> CheckVerdict:
    replies = [sample for sample in samples if sample.replied]
    values = [value for sample in replies if (value := sample.scores[check][0]) is not None]
    # A case without an expected answer is not scored on purpose; with one, a missing score is the reply's fault.
    owed = 0 if expected is None else len(replies) - len(values)
    outcomes: list[CheckOutcome] = [sample.scores[check][1] if sample.replied else "no reply" for sample in samples]
    worst = min(outcomes, key=_WORST_FIRST.index)
    first = samples[outcomes.index(worst)]
    return CheckVerdict(
        variant=variant,
        label=label,
        case_id=case_id,
        check=check,
        outcome=worst,
        value=fmean(values) if values else None,
        at_worst=sum(values) / (len(values) + owed) if values or owed else None,
        inputs=inputs,
        expected=expected,
        answer=first.answer,
        explanation=first.scores[check][2] if first.replied else first.error,
        samples=len(samples),
        such=outcomes.count(worst),
        latency_ms=sum(sample.latency_ms for sample in replies),
    )


_WORST_FIRST: Sequence[CheckOutcome] = ("failed", "no reply", "broken", "not scored", "passed")
