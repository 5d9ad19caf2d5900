"""Cases × variants: what each variant answered to each case; where answers differ, are wrong, or never came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from promptgrid.answers import Vote, vote
from promptgrid.compare.samples import ENDED_BADLY, Sample, sample_of
from promptgrid.compare.variants import Variant, in_grid_order, labels, variant_of
from promptgrid.store import Database
from promptgrid.store.results import result_rows


@dataclass(frozen=True)
class Entry:
    """All samples of one case under one variant: they are pooled, none is preferred."""

    case_id: str
    variant: Variant
    samples: Sequence[Sample]

    @cached_property
    def answered(self) -> Sequence[Sample]:
        """The samples that brought a reply; nothing else is voted on, scored or counted on."""
        return [sample for sample in self.samples if sample.answered]

    @cached_property
    def vote(self) -> Vote:
        """The vote over the answers that could be read; of equals the one seen first wins."""
        return vote([sample.ballot for sample in self.answered])

    @cached_property
    def shown(self) -> Sample:
        """The sample to show: the first that gave the voted answer, else the first reply, else the first sample."""
        agreeing = (s for s in self.answered if s.ballot == self.vote.answer)
        return next(agreeing, (self.answered or self.samples)[0])

    @property
    def agreement(self) -> float | None:
        """Share of the replies that gave the voted answer; None with fewer than two replies.

        A reply whose answer could not be read agrees with nothing: it counts below the line only.
        """
        return self.vote.votes / len(self.answered) if len(self.answered) > 1 else None

    @property
    def status(self) -> str:
        """`answered` if any sample is, else `pending` if any still waits, else what most samples ended with."""
        counts = Counter(sample.status for sample in self.samples)
        return next((s for s in ("answered", "pending") if counts[s]), counts.most_common(1)[0][0])

    @cached_property
    def score(self) -> float | None:
        """Mean over the replies' scores, 0 to 1; None when nothing was scored, which is not zero.

        Self-consistency is one answer made of many samples, so there the voted answer's score is the score.
        """
        return _mean(sample.score for sample in self._scored_samples)

    def score_of(self, check: str) -> float | None:
        """The same for one check."""
        return _mean(sample.scores.get(check) for sample in self._scored_samples)

    @property
    def _scored_samples(self) -> Sequence[Sample]:
        if self.variant.technique == "self-consistency":
            return [self.shown] if self.answered else []
        return self.answered

    def disagrees_with(self, other: Entry) -> bool:
        """The voted answers are not the same. What brought no reply says nothing, so it does not disagree; a reply
        without a readable answer is "no answer": equal to another such, different from every answer."""
        return bool(self.answered and other.answered) and self.vote.answer != other.vote.answer


@dataclass(frozen=True)
class MatrixCase:
    """One row: a case and its entries by variant id."""

    case_id: str
    inputs: Mapping[str, str]
    expected: str | None
    entries: Mapping[str, Entry]

    @cached_property
    def differs(self) -> bool:
        """Two variants voted for different answers. A variant that is alone is compared with itself: its replies
        differ when they are not all the same."""
        if len(self.entries) == 1:
            (entry,) = self.entries.values()
            return len({sample.ballot for sample in entry.answered}) > 1
        return len({entry.vote.answer for entry in self.entries.values() if entry.answered}) > 1

    @cached_property
    def wrong(self) -> bool:
        """Some variant's score is below 1: wrong, or right in some of its samples only. Not scored is not wrong."""
        return any(is_wrong(entry) for entry in self.entries.values())

    @cached_property
    def failed(self) -> bool:
        """Some sample failed, was refused or was too long. What waits or was cancelled has not failed."""
        return any(is_failed(entry) for entry in self.entries.values())

    @cached_property
    def haystack(self) -> str:
        """What a text filter looks in, case-folded: id, inputs, expected, and each sample's shown texts."""
        texts = [self.case_id, *self.inputs.values(), self.expected or ""]
        samples = (sample for entry in self.entries.values() for sample in entry.samples)
        texts += [text for s in samples for text in (s.answer, s.output, s.error) if text]
        return "\n".join(texts).casefold()


@dataclass(frozen=True)
class Matrix:
    """Cases in their order, variants in the order of the grid, with what tells each variant apart by its id."""

    variants: Sequence[Variant]
    labels: Mapping[str, Sequence[str]]
    cases: Sequence[MatrixCase]

    def label(self, variant: Variant) -> str:
        """The variant in one line."""
        return " · ".join(self.labels[variant.id])

    def only(self, variant_ids: Collection[str], *, first: str = "") -> Matrix:
        """The same cases with some of the variants, `first` before the others; labels stay what they are.

        All of them when none of the ids is known.
        """
        kept = [v for v in self.variants if v.id in variant_ids] or list(self.variants)
        kept.sort(key=lambda v: v.id != first)
        if kept == list(self.variants):
            return self
        ids = [v.id for v in kept]
        cases = [
            MatrixCase(c.case_id, c.inputs, c.expected, {i: c.entries[i] for i in ids if i in c.entries})
            for c in self.cases
        ]
        return Matrix(kept, self.labels, [case for case in cases if case.entries])

    @property
    def checks(self) -> list[str]:
        """The names of the checks that scored anything, in the order they are met."""
        samples = (s for case in self.cases for entry in case.entries.values() for s in entry.samples)
        return list(dict.fromkeys(name for sample in samples for name in sample.scores))


def is_wrong(entry: Entry) -> bool:
    """Scored, and below 1."""
    return entry.score is not None and entry.score < 1


def is_failed(entry: Entry) -> bool:
    """Some sample ended without a reply, by whatever but our own cancelling."""
    return any(sample.status in ENDED_BADLY for sample in entry.samples)


def matrix(database: Database, run_id: str) -> Matrix:
    """The whole run as a matrix, from the database. Keeps what a comparison needs, not the long texts."""
    return matrix_of(result_rows(database, run_id))


def matrix_of(rows: Iterable[Mapping[str, Any]]) -> Matrix:
    """The matrix of result rows; they are read once and not kept."""
    facts: dict[str, tuple[dict[str, str], str | None]] = {}
    grouped: dict[str, dict[Variant, list[Sample]]] = {}
    variants: dict[Variant, Variant] = {}
    for row in rows:
        case_id = row["case_id"]
        if case_id not in facts:
            inputs = {name[4:]: value for name, value in row.items() if name.startswith("var.")}
            facts[case_id] = (inputs, row["expected"])
        variant = variant_of(row)
        variant = variants.setdefault(variant, variant)
        grouped.setdefault(case_id, {}).setdefault(variant, []).append(sample_of(row))
    ordered = in_grid_order(list(variants))
    ids = {variant: variant.id for variant in ordered}
    cases = [
        MatrixCase(case_id, *facts[case_id], {ids[v]: Entry(case_id, v, found[v]) for v in ordered if v in found})
        for case_id, found in grouped.items()
    ]
    return Matrix(ordered, labels(ordered), cases)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
