"""Replies side by side: a matrix of cases × variants, and a summary per variant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from promptgrid.answers import Vote, vote
from promptgrid.store import Database
from promptgrid.store.results import result_rows

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Variant:
    """What a column stands for: everything of a cell but its case and sample."""

    prompt: str
    version: str
    technique: str
    model: str
    temperature: float | None

    @property
    def id(self) -> str:
        """Stable over page loads; fit for a URL."""
        return "|".join(map(str, (self.prompt, self.version, self.technique, self.model, self.temperature)))


@dataclass(frozen=True)
class MatrixEntry:
    """All samples of one case under one variant, with the vote over their answers."""

    case_id: str
    variant: Variant
    samples: Sequence[Row]
    vote: Vote

    @property
    def status(self) -> str:
        """`answered` if any sample is, else the status of the first."""
        statuses = [row["status"] for row in self.samples]
        return "answered" if "answered" in statuses else str(statuses[0])

    @property
    def score(self) -> float | None:
        """Mean of the samples' scores; for self-consistency the score of the voted answer. None: not scored."""
        rows: Iterable[Row] = self.samples
        if self.variant.technique == "self-consistency":
            rows = [row for row in self.samples if row["answer"] == self.vote.answer][:1]
        scored = [score for row in rows if (score := row_score(row)) is not None]
        return fmean(scored) if scored else None

    @property
    def shown(self) -> Row:
        """The sample to show: the first that gave the voted answer."""
        answered = (row for row in self.samples if row["answer"] == self.vote.answer and row["status"] == "answered")
        return next(answered, self.samples[0])


@dataclass(frozen=True)
class MatrixCase:
    """One row: a case and its entries by variant id."""

    case_id: str
    inputs: Mapping[str, str]
    expected: str | None
    entries: Mapping[str, MatrixEntry]

    @property
    def differs(self) -> bool:
        """The variants do not all give the same answer."""
        return len({_answer_of(entry) for entry in self.entries.values()}) > 1

    @property
    def wrong(self) -> bool:
        return any(entry.score is not None and entry.score < 1 for entry in self.entries.values())

    @property
    def failed(self) -> bool:
        ok = ("answered", "pending")
        return any(row["status"] not in ok for entry in self.entries.values() for row in entry.samples)


@dataclass(frozen=True)
class Matrix:
    """Cases in their order, variants in the order of the grid, with the label that tells each variant apart."""

    variants: Sequence[Variant]
    labels: Mapping[str, Sequence[str]]
    cases: Sequence[MatrixCase]

    def label(self, variant: Variant) -> str:
        """The variant in one line."""
        return " · ".join(self.labels[variant.id])


@dataclass(frozen=True, slots=True)
class VariantSummary:
    """One variant over all its cells. `score` is the mean over the `scored` ones; tokens and cost are sums, latency is
    the median in ms; `cost_usd` None: some price is not known. `agreement`: mean share of samples that say the voted
    answer, None with a single sample."""

    variant: Variant
    label: str
    cells: int
    answered: int
    score: float | None
    scored: int
    distinct: int
    agreement: float | None
    tokens: int | None
    cost_usd: float | None
    latency_ms: float | None


def row_score(row: Row) -> float | None:
    """Mean over the checks of one reply; None when nothing could be scored, which is not zero."""
    values = [v for name, v in row.items() if name.startswith("score.") and v is not None]
    return fmean(values) if values else None


def matrix(database: Database, run_id: str) -> Matrix:
    """The whole run as a matrix, from the database."""
    return matrix_of(result_rows(database, run_id))


def matrix_of(rows: Iterable[Row]) -> Matrix:
    """The matrix of result rows, whatever run they come from."""
    grouped: dict[str, dict[Variant, list[Row]]] = {}
    variants: dict[Variant, None] = {}
    for row in rows:
        variant = variant_of(row)
        variants.setdefault(variant)
        grouped.setdefault(row["case_id"], {}).setdefault(variant, []).append(row)
    ordered = sorted(variants, key=_grid_order(list(variants)))
    return Matrix(ordered, labels(ordered), [_case(case_id, found) for case_id, found in grouped.items()])


def _grid_order(variants: Sequence[Variant]) -> Any:
    """Prompts, techniques and models as they first appear, temperatures by size."""
    places = [
        {value: i for i, value in enumerate(dict.fromkeys(getattr(v, name) for v in variants))}
        for name in ("model", "prompt", "version", "technique")
    ]

    def key(v: Variant) -> tuple[Any, ...]:
        named = (v.model, v.prompt, v.version, v.technique)
        return (*(place[name] for place, name in zip(places, named, strict=True)), v.temperature or 0.0)

    return key


def variant_of(row: Row) -> Variant:
    """The variant that a result row belongs to."""
    model = f"{row['endpoint']}/{row['model']}"
    return Variant(row["prompt"], row["prompt_version"], row["technique"], model, row["temperature"])


def labels(variants: Sequence[Variant]) -> dict[str, list[str]]:
    """For each variant id what tells it apart from the others, most telling first; what all share is left out."""

    def varies(name: str) -> bool:
        return len({getattr(v, name) for v in variants}) > 1

    def parts(v: Variant) -> Iterator[str]:
        if varies("prompt") or varies("version"):
            yield v.prompt + (f"@{v.version[:6]}" if varies("version") and not varies("prompt") else "")
        if varies("technique") or len(variants) == 1:
            yield v.technique
        if varies("temperature") or len(variants) == 1:
            yield "t = default" if v.temperature is None else f"t = {v.temperature:g}"
        if varies("model"):
            yield v.model

    return {v.id: list(parts(v)) for v in variants}


def _case(case_id: str, found: Mapping[Variant, Sequence[Row]]) -> MatrixCase:
    any_row = next(iter(found.values()))[0]
    inputs = {name[4:]: value for name, value in any_row.items() if name.startswith("var.")}
    entries = {
        v.id: MatrixEntry(case_id, v, rows, vote([row["answer"] for row in rows if row["status"] == "answered"]))
        for v, rows in found.items()
    }
    return MatrixCase(case_id, inputs, any_row["expected"], entries)


def _answer_of(entry: MatrixEntry) -> str | None:
    """What is compared for "differ": the voted answer, else the first output."""
    if entry.vote.answer is not None:
        return entry.vote.answer
    return next((row["output"] for row in entry.samples if row["output"] is not None), None)


def summary(database: Database, run_id: str) -> list[VariantSummary]:
    """One summary a variant, in the order of the matrix's columns."""
    return summarise(matrix(database, run_id))


def summarise(found: Matrix) -> list[VariantSummary]:
    """The summaries of a matrix, or of a part of one."""
    return [_summary(found, variant) for variant in found.variants]


def _summary(found: Matrix, variant: Variant) -> VariantSummary:
    entries = [case.entries[variant.id] for case in found.cases if variant.id in case.entries]
    rows = [row for entry in entries for row in entry.samples]
    answered = [row for row in rows if row["status"] == "answered"]
    scores = [entry.score for entry in entries if entry.score is not None]
    shares = [entry.vote.votes / entry.vote.total for entry in entries if entry.vote.total > 1]
    return VariantSummary(
        variant=variant,
        label=found.label(variant),
        cells=len(rows),
        answered=len(answered),
        score=fmean(scores) if scores else None,
        scored=len(scores),
        distinct=len({row["answer"] if row["answer"] is not None else row["output"] for row in answered}),
        agreement=fmean(shares) if shares else None,
        tokens=_sum(answered, "prompt_tokens", "completion_tokens") if answered else None,
        cost_usd=None if any(r["cost_usd"] is None for r in answered) else sum(r["cost_usd"] for r in answered),
        latency_ms=median(r["latency_ms"] for r in answered) if answered else None,
    )


def _sum(rows: Sequence[Row], *names: str) -> int | None:
    values = [row[name] for row in rows for name in names]
    return None if None in values else sum(values)
