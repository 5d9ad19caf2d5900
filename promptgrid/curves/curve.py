"""What the temperature does: score, variety and length over the temperatures of a run, and what each point costs.

A temperature is a point only where it went on the wire as it was asked for. One that was refused, not sent or merged
with others is told in words (`left_out`) and is never on a line.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from promptgrid import compare, stats
from promptgrid.compare import Facts, Variant
from promptgrid.compare.aggregate import Bools, Longs, mean_by
from promptgrid.compare.axes import Axis, AxisValue, heads
from promptgrid.compare.facts import STATUSES
from promptgrid.stats.intervals import Floats
from promptgrid.stats.samples import COMPARED
from promptgrid.store import Database
from promptgrid.store.cell_columns import cell_texts

if TYPE_CHECKING:
    import pandas as pd

READ = 4_000  # replies of a run whose texts are read for the similarity
PAIRS = 30  # pairs of one case that are compared
_SEED = 0


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One line (a prompt × technique × model) at one temperature; None is not known, which is not zero.

    temperature     None: the model's default, or not sent, which is on no line (`drawn` is False) but has its cost
    cases, samples  cases with a reply, and the most replies that one of them has
    score           mean over cases of their score, 0 to 1, with its 95 % interval `score_low` to `score_high`
    distinct, entropy_bits, similarity    means over the cases with two replies or more: different answers, their
                    entropy, and how much alike the replies' texts are, 0 to 1 (from `similarity_cases` cases)
    characters      mean length of a reply
    cost_usd, tokens    per answer: a reply's own, of self-consistency all samples of a case; None where one of them is
                    not known
    pareto          nothing in the run has a higher score for as little, or as high a score for less
    """

    line: str
    prompt: str
    prompt_version: str
    technique: str
    model: str
    temperature: float | None
    drawn: bool
    note: str
    cases: int
    samples: int
    score: float | None
    score_low: float | None
    score_high: float | None
    distinct: float | None
    entropy_bits: float | None
    similarity: float | None
    similarity_cases: int
    characters: float | None
    cost_usd: float | None
    tokens: float | None
    pareto: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """All points of a run, line by line by rising temperature, and sentences about those that are on no line.

    `price` is what the Pareto front is about: `cost_usd`, or `tokens` where every reply is free or a price is not
    known.
    """

    points: Sequence[CurvePoint]
    left_out: Sequence[str]
    price: str

    @property
    def lines(self) -> list[str]:
        """The names of the lines, in the order of the grid."""
        return list(dict.fromkeys(point.line for point in self.points))

    @property
    def temperatures(self) -> list[float]:
        """Those that are points of a line."""
        return sorted({p.temperature for p in self.points if p.drawn and p.temperature is not None})

    def frame(self) -> pd.DataFrame:
        """One row a point, one column a field of CurvePoint."""
        import pandas as pd

        return pd.DataFrame([asdict(point) for point in self.points], columns=list(CurvePoint.__slots__))


def curve(database: Database, run_id: str) -> Curve:
    """The curve of a run as it stands: cells without a reply are left out of every figure.

    Raises StoreError when the run no longer exists.
    """
    facts = compare.facts(database, run_id)
    groups = [_Replies.of(facts, code) for code in range(len(facts.variants))]
    texts = _texts(database, facts, groups)
    names = _names(facts.variants)
    points = [_point(facts, group, name, texts) for group, name in zip(groups, names, strict=True)]
    costs = [point.cost_usd for point in points if point.cases]
    price = "cost_usd" if any(costs) and None not in costs else "tokens"
    return Curve(list(with_front(points, price)), list(_left_out(points)), price)


def _names(variants: Sequence[Variant]) -> list[str]:
    """By variant, what tells its line apart from the others; a line alone is named by its technique and model."""
    axes = [axis for axis in compare.VARIANT if axis != "temperature"]
    lines: list[Mapping[Axis, AxisValue]] = [{axis: variant.values[axis] for axis in axes} for variant in variants]
    if len({repr(line) for line in lines}) < 2:
        return [f"{variant.technique} · {variant.model}" for variant in variants]
    return [head.label for head in heads(lines)]


@dataclass(frozen=True, eq=False)
class _Replies:
    """The replies of one variant, case by case. `cells` are places in Facts; `case` is the number of each reply's case
    among the cases with a reply, and `samples` how many replies each of these has."""

    variant: int
    cells: Longs
    case: Longs
    samples: Longs

    @classmethod
    def of(cls, facts: Facts, variant: int) -> _Replies:
        cells = np.flatnonzero((facts.variant == variant) & facts.answered)
        _, case, samples = np.unique(facts.case[cells], return_inverse=True, return_counts=True)
        return cls(variant, cells, case, samples)

    @property
    def cases(self) -> int:
        return len(self.samples)

    def by_case(self, values: NDArray[Any]) -> list[list[Any]]:
        """The values of the cells, one list a case."""
        return _split(values[self.cells[np.argsort(self.case, kind="stable")]], self.samples)


def _split(values: NDArray[Any], counts: Longs) -> list[list[Any]]:
    """The values as lists of these lengths."""
    ends = np.cumsum(counts).tolist()
    listed = values.tolist()
    return [listed[end - count : end] for end, count in zip(ends, counts.tolist(), strict=True)]


def _point(facts: Facts, group: _Replies, name: str, texts: Mapping[int, str]) -> CurvePoint:
    variant = facts.variants[group.variant]
    scores = facts.entry_scores(group.cells, group.case, group.cases, facts.score)
    scores = scores[~np.isnan(scores)]
    interval = stats.mean_interval(scores)
    tallies = _tallies(facts, group)
    alike = [s for case in group.by_case(facts.position) if (s := _similarity(case, texts)) is not None]
    refused = facts.status[facts.variant == group.variant] == STATUSES.index("refused")
    sent = variant.temperature is not None and all(
        one.temperature == variant.temperature for one in facts.sent[group.variant]
    )
    return CurvePoint(
        line=name,
        prompt=variant.prompt,
        prompt_version=variant.version,
        technique=variant.technique,
        model=variant.model,
        temperature=variant.temperature,
        drawn=sent and not refused.any() and group.cases > 0,
        note=_note(facts, group.variant, refused, sent),
        cases=group.cases,
        samples=int(group.samples.max(initial=0)),
        score=_mean(scores),
        score_low=interval.low if interval else None,
        score_high=interval.high if interval else None,
        distinct=_mean([len(counts) for counts in tallies]),
        entropy_bits=_mean([entropy for counts in tallies if (entropy := stats.entropy(counts)) is not None]),
        similarity=_mean(alike),
        similarity_cases=len(alike),
        characters=_mean(mean_by(facts.chars[group.cells], group.case, group.cases)),
        cost_usd=_per_answer(facts, group, facts.cost_usd),
        tokens=_per_answer(facts, group, facts.tokens),
    )


def _tallies(facts: Facts, group: _Replies) -> list[list[int]]:
    """For each case with two replies or more, how often each answer was given; an unread reply gives none."""
    answer = facts.answer[group.cells]
    tallied = (answer >= 0) & (group.samples[group.case] > 1)
    width = int(answer.max(initial=0)) + 1
    pairs, counts = np.unique(group.case[tallied] * width + answer[tallied], return_counts=True)
    return _split(counts, np.unique(pairs // width, return_counts=True)[1])


def _similarity(case: Sequence[int], texts: Mapping[int, str]) -> float | None:
    """Of the replies at these positions; None where not all of them were read."""
    read = [texts[position] for position in case if position in texts]
    return stats.mean_similarity(read, seed=_SEED, most=PAIRS) if len(read) == len(case) else None


def _per_answer(facts: Facts, group: _Replies, paid: Floats) -> float | None:
    """Mean over the cases of what was paid for their replies, for each answer that counts; None: not known."""
    sums, answers = (
        np.bincount(group.case, weights=values[group.cells], minlength=group.cases) for values in (paid, facts.counted)
    )
    return None if np.isnan(sums).any() else _mean(sums / answers)


def _texts(database: Database, facts: Facts, groups: Sequence[_Replies]) -> dict[int, str]:
    """By position, the texts of whole cases: an equal share of READ for each variant, drawn by seed."""
    positions: list[int] = []
    draw = random.Random(_SEED)
    for group in groups:
        several = [case for case in group.by_case(facts.position) if len(case) > 1]
        draw.shuffle(several)
        room = READ // len(groups)
        for case in several:
            room -= len(case)
            if room < 0 and positions:
                break
            positions += case
    texts = cell_texts(database, facts.run_id, positions, COMPARED)
    return {position: text.output for position, text in texts.items() if text.output is not None}


def _note(facts: Facts, variant: int, refused: Bools, sent: bool) -> str:
    """Why this temperature is on no line; "" where it is, or has only not been answered yet."""
    note = next((one.note for one in facts.sent[variant] if one.note), "")
    if refused.any():
        return "refused by the model" if refused.all() else "refused by the model in some cells"
    if facts.variants[variant].temperature is None:
        return note or "it is not known which one the model took"
    return "" if sent else note or "not sent"


def _left_out(points: Iterable[CurvePoint]) -> Iterator[str]:
    """One sentence for each model and reason."""
    asked: dict[tuple[str, str], dict[float | None, None]] = defaultdict(dict)
    for point in points:
        if point.note:
            asked[point.model, point.note][point.temperature] = None
    for (model, note), temperatures in asked.items():
        known = [f"{t:g}" for t in temperatures if t is not None]
        what = f"temperature{'s' if len(known) > 1 else ''} {', '.join(known)}" if known else "its default temperature"
        yield f"{model} at {what}: {note}."


def with_front(points: Sequence[CurvePoint], price: str) -> Iterator[CurvePoint]:
    """The points, marked where no other has as high a score for less or a higher one for as little."""
    priced = [(getattr(p, price), p.score) for p in points if p.score is not None and getattr(p, price) is not None]
    for point in points:
        paid, score = getattr(point, price), point.score
        if paid is None or score is None:
            yield point
            continue
        beaten = any(p <= paid and s >= score and (p < paid or s > score) for p, s in priced)
        yield replace(point, pareto=not beaten)


def _mean(values: Sequence[float] | Floats) -> float | None:
    return float(np.mean(values)) if len(values) else None
