"""One line a variant: how many answered, how well, how much alike, and what it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TypeVar

from promptgrid.compare.matrix import Matrix
from promptgrid.compare.samples import Sample
from promptgrid.compare.variants import Variant

N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class VariantSummary:
    """One variant over all cases of the matrix. What is missing is None and is left out of every mean: it is not zero.

    cells              all samples, whatever became of them; `answered` are those that brought a reply
    unread             replies in which no answer could be read
    score, scored      mean over the `scored` cases of their score (see Entry.score); `by_check` the same for each check
    distinct           different answers among all replies, "no answer" not counted
    agreement          mean over cases of the share of replies that gave the voted answer; None: no case has two replies
    samples            the most replies that a case has
    tokens             sum of prompt and reply tokens; None where a reply did not report them
    prompt_tokens, completion_tokens    means over the replies that report them; samples that were asked for together
                       each count the prompt
    cost_usd           sum of the replies' prices, also of those that were reused; None: nothing answered, or a price
                       is not known
    latency_ms         median over the replies
    """

    variant: Variant
    label: str
    cells: int
    answered: int
    unread: int
    score: float | None
    scored: int
    by_check: Mapping[str, tuple[float | None, int]]
    distinct: int
    agreement: float | None
    samples: int
    tokens: int | None
    prompt_tokens: float | None
    completion_tokens: float | None
    cost_usd: float | None
    latency_ms: float | None


def summarise(found: Matrix) -> list[VariantSummary]:
    """The summaries of a matrix, or of a part of one."""
    checks = found.checks
    return [_summary(found, variant, checks) for variant in found.variants]


def _summary(found: Matrix, variant: Variant, checks: Sequence[str]) -> VariantSummary:
    entries = [case.entries[variant.id] for case in found.cases if variant.id in case.entries]
    replies = [sample for entry in entries for sample in entry.answered]
    ballots = [sample.ballot for sample in replies]
    latencies = [sample.latency_ms for sample in replies if sample.latency_ms is not None]
    score, scored = _mean_and_count([entry.score for entry in entries])
    return VariantSummary(
        variant=variant,
        label=found.label(variant),
        cells=sum(len(entry.samples) for entry in entries),
        answered=len(replies),
        unread=ballots.count(None),
        score=score,
        scored=scored,
        by_check={check: _mean_and_count([entry.score_of(check) for entry in entries]) for check in checks},
        distinct=len(set(ballots) - {None}),
        agreement=_mean_and_count([entry.agreement for entry in entries])[0],
        samples=max((len(entry.answered) for entry in entries), default=0),
        tokens=_sum([_tokens(sample) for sample in replies]),
        prompt_tokens=_mean_and_count([sample.prompt_tokens for sample in replies])[0],
        completion_tokens=_mean_and_count([sample.completion_tokens for sample in replies])[0],
        cost_usd=_sum([sample.cost_usd for sample in replies]),
        latency_ms=median(latencies) if latencies else None,
    )


def _mean_and_count(values: Sequence[float | None]) -> tuple[float | None, int]:
    known = [value for value in values if value is not None]
    return (fmean(known) if known else None), len(known)


def _tokens(sample: Sample) -> int | None:
    if sample.prompt_tokens is None or sample.completion_tokens is None:
        return None
    return sample.prompt_tokens + sample.completion_tokens


def _sum(values: Sequence[N | None]) -> N | None:
    """None when one is missing, and of nothing."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(values) else None
