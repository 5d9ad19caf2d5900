"""Computes score, variety, length and cost over the values of one parameter in a run.

A value is a point of a line only where it was sent as planned. A value that was refused, not sent or merged with
others is on no line; a sentence names it (`left_out`).
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
from promptgrid.compare.axes import PARAMETER_AXES, Axis, AxisValue, heads
from promptgrid.compare.facts import STATUSES
from promptgrid.curves.prices import AnswerPrices, CurvePoint, with_front
from promptgrid.curves.retrieval import CHUNK_SIZE, COLUMNS, RetrievalMeans, axis_spec, axis_values, chunk_axes
from promptgrid.prompt.parameters import ParameterSpec
from promptgrid.stats.intervals import Floats
from promptgrid.stats.samples import COMPARED
from promptgrid.store import Database
from promptgrid.store.attempts import lost_by_cell
from promptgrid.store.cell_columns import cell_texts

if TYPE_CHECKING:
    import pandas as pd

READ = 4_000  # texts of a run read for the similarity
PAIRS = 30  # pairs of texts compared per case


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of a run over the parameter `axis`, line by line; a line has the points that differ in it alone.

    `left_out` has a sentence for each reason why values are on no line. `price` names the cost by which a point is
    `pareto` (no other is both better and cheaper): `cost_usd`, or `tokens` if all is free or a price unknown.
    """

    points: Sequence[CurvePoint]
    left_out: Sequence[str]
    price: str
    axis: Axis = "temperature"

    @property
    def lines(self) -> list[str]:
        """The names of the lines, in the order of the grid."""
        return list(dict.fromkeys(point.line for point in self.points))

    @property
    def spec(self) -> ParameterSpec:
        return axis_spec(self.axis)

    @property
    def values(self) -> list[AxisValue]:
        """The distinct values of the points that are drawn, in the order of the axis."""
        return sorted({point.value for point in self.points if point.drawn}, key=self.spec.order)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row per point: the fields of CurvePoint, with the name of the axis in place of `value`, and the columns
        of its retrieval in place of `retrieval`, if any point retrieves."""
        rows = []
        for point in self.points:
            fields = {self.axis if name == "value" else name: value for name, value in asdict(point).items()}
            fields |= {name: point.retrieval.get(name) for name in COLUMNS}
            rows.append({name: fields[name] for name in self.columns})
        return rows

    @property
    def columns(self) -> list[str]:
        own = (name for name in CurvePoint.__slots__ if name != "retrieval")
        return [self.axis if name == "value" else name for name in own] + list(COLUMNS) * self.retrieves

    @property
    def retrieves(self) -> bool:
        """Whether any point shows something of documents."""
        return any(point.retrieval for point in self.points)

    def frame(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(self.rows, columns=self.columns)


def curve(database: Database, run_id: str, axis: Axis = "temperature", part: str = "") -> Curve:
    """Returns the curve of a run over the parameter `axis`, computed from the replies that it has now; with `part`,
    only from those to the cases of that part. Raises StoreError when the run no longer exists."""
    facts = compare.part_facts(database, run_id, part)
    groups = [_Replies.of(facts, code) for code in _line_by_line(facts.variants, axis)]
    texts, names = _texts(database, facts, groups), _names(facts.variants, axis)
    prices = AnswerPrices(facts, lost_by_cell(database, run_id))
    retrieved = RetrievalMeans(database, facts)
    points = [
        replace(_point(facts, axis, group, names[group.variant], texts, prices), retrieval=retrieved.of(group.variant))
        for group in groups
    ]
    costs = [point.cost_usd for point in points if point.cases]
    price = "cost_usd" if any(costs) and None not in costs else "tokens"
    return Curve(list(with_front(points, price)), list(_left_out(axis_spec(axis), points)), price, axis)


def drawable_axes(database: Database, run_id: str) -> list[Axis]:
    """Returns the parameters with two or more values in the run; if no parameter has, the first parameter."""
    facts = compare.facts(database, run_id)
    axes = [axis for axis in PARAMETER_AXES if len(facts.values[axis]) > 1]
    return chunk_axes(axes, list(facts.variants)) or list(PARAMETER_AXES)[:1]


def _line_of(variant: Variant, axis: Axis) -> dict[Axis, AxisValue]:
    """Returns the variant's values on all axes but `axis`; variants with equal ones are on one line."""
    return {other: value for other, value in axis_values(variant, axis).items() if other != axis}


def _line_by_line(variants: Sequence[Variant], axis: Axis) -> list[int]:
    """Returns the indices of the variants: those of a line follow each other, in the order of the axis."""
    lines, order = [_line_of(variant, axis) for variant in variants], axis_spec(axis).order
    values = [axis_values(variant, axis)[axis] for variant in variants]
    return sorted(range(len(lines)), key=lambda place: (lines.index(lines[place]), order(values[place])))


def _names(variants: Sequence[Variant], axis: Axis) -> list[str]:
    """Returns the name of each variant's line: the values that differ between lines, else technique and model."""
    lines = [_line_of(variant, axis) for variant in variants]
    if len({repr(line) for line in lines}) < 2:
        return [f"{variant.technique} · {variant.model}" for variant in variants]
    return [head.label for head in heads(lines)]


@dataclass(frozen=True, eq=False)
class _Replies:
    """The replies of one variant (its index in Facts), except replies to copies of a case. `cells` are their indices in
    Facts; `case` has for each reply its case, numbered from 0; `samples` has the number of replies of each case."""

    variant: int
    cells: Longs
    case: Longs
    samples: Longs

    @classmethod
    def of(cls, facts: Facts, variant: int) -> _Replies:
        first = facts.firsts[facts.case] == facts.case
        cells = np.flatnonzero((facts.variant == variant) & facts.answered & first)
        _, case, samples = np.unique(facts.case[cells], return_inverse=True, return_counts=True)
        return cls(variant, cells, case, samples)

    @property
    def cases(self) -> int:
        return len(self.samples)

    def by_case(self, values: NDArray[Any]) -> list[list[Any]]:
        """Returns this variant's part of `values` (one for each cell of the run), one list per case."""
        return _split(values[self.cells[np.argsort(self.case, kind="stable")]], self.samples)


def _split(values: NDArray[Any], counts: Longs) -> list[list[Any]]:
    """Cuts the values into lists with these lengths, in order."""
    ends = np.cumsum(counts).tolist()
    listed = values.tolist()
    return [listed[end - count : end] for end, count in zip(ends, counts.tolist(), strict=True)]


def _point(
    facts: Facts, axis: Axis, group: _Replies, name: str, texts: Mapping[int, str], prices: AnswerPrices
) -> CurvePoint:
    variant, paid = facts.variants[group.variant], prices.per_answer(group.cells)
    of_cases = facts.entry_scores(group.cells, group.case, group.cases, facts.score)
    scores = of_cases[~np.isnan(of_cases)]
    interval = stats.mean_interval(scores)
    tallies = _tallies(facts, group)
    alike = [s for case in group.by_case(facts.position) if (s := _similarity(case, texts)) is not None]
    refused = facts.status[facts.variant == group.variant] == STATUSES.index("refused")
    value = axis_values(variant, axis)[axis]
    sent = value is not None and facts.was_sent(group.variant, "chunker" if axis == CHUNK_SIZE else axis)
    return CurvePoint(
        line=name,
        prompt=variant.prompt,
        prompt_version=variant.version,
        technique=variant.technique,
        model=variant.model,
        value=value,
        drawn=sent and not refused.any() and group.cases > 0,
        note=_note(facts, axis, group.variant, refused, sent),
        cases=group.cases,
        samples=int(group.samples.max(initial=0)),
        score=_mean(scores),
        score_low=interval.low if interval else None,
        score_high=interval.high if interval else None,
        scored_cases=len(scores),
        distinct=_mean([len(counts) for counts in tallies]),
        entropy_bits=_mean([entropy for counts in tallies if (entropy := stats.entropy(counts)) is not None]),
        varied_cases=len(tallies),
        similarity=_mean(alike),
        similarity_cases=len(alike),
        characters=_mean(mean_by(facts.chars[group.cells], group.case, group.cases)),
        cost_usd=paid["cost_usd"],
        tokens=paid["tokens"],
        reasoning_tokens=paid["reasoning_tokens"],
        calls=paid["calls"],
        seconds=paid["seconds"],
    )


def _tallies(facts: Facts, group: _Replies) -> list[list[int]]:
    """Returns the counts of a case's distinct answers, such as [3, 1], for each case with two or more replies."""
    answer = facts.answer[group.cells]
    tallied = (answer >= 0) & (group.samples[group.case] > 1)
    width = int(answer.max(initial=0)) + 1
    pairs, counts = np.unique(group.case[tallied] * width + answer[tallied], return_counts=True)
    return _split(counts, np.unique(pairs // width, return_counts=True)[1])


def _similarity(case: Sequence[int], texts: Mapping[int, str]) -> float | None:
    """Returns the mean similarity, 0 to 1, of the replies at these positions; None if `texts` lacks one of them."""
    case_texts = [texts[position] for position in case if position in texts]
    return stats.mean_similarity(case_texts, seed=0, most=PAIRS) if len(case_texts) == len(case) else None


def _texts(database: Database, facts: Facts, groups: Sequence[_Replies]) -> dict[int, str]:
    """Returns texts of replies by position. Cases with several replies are drawn at random (with a fixed seed), and all
    replies of a drawn case are read: about READ in all, an equal share for each variant."""
    positions: list[int] = []
    draw = random.Random(0)
    for group in groups:
        several = [case for case in group.by_case(facts.position) if len(case) > 1]
        draw.shuffle(several)
        room = READ // len(groups)
        for case in several:
            room -= len(case)
            if room < 0 and positions:
                break
            positions += case
    texts = cell_texts(database, facts.run_id, positions, COMPARED).items()
    return {position: text.output for position, text in texts if text.output is not None}


def _note(facts: Facts, axis: Axis, variant: int, refused: Bools, sent: bool) -> str:
    """Returns why a variant's value is no point of a line; "" if it is one or has no reply yet. `refused` marks those
    of its cells whose status is `refused`; `sent` is the result of Facts.was_sent."""
    note = next((one.note for one in facts.sent[variant] if one.note), "")
    if refused.any():
        return "refused by the model" + " in some cells" * (not refused.all())
    if axis_values(facts.variants[variant], axis)[axis] is None:
        return note or ("it changes nothing" if axis_spec(axis).local else "it is not known which one the model took")
    return "" if sent else note or "not sent"


def _left_out(spec: ParameterSpec, points: Iterable[CurvePoint]) -> Iterator[str]:
    """Yields a sentence for each model and `note` of points, with the values that have this note."""
    values_of: dict[tuple[str, str], dict[AxisValue, None]] = defaultdict(dict)
    for point in points:
        if point.note:
            values_of[point.model, point.note][point.value] = None
    for (model, note), values in values_of.items():
        texts = [spec.text(value) for value in values if value is not None]
        named = f"{spec.axis if len(texts) > 1 else spec.column} {', '.join(texts)}"
        yield f"{model} at {named if texts else f'its default {spec.column}'}: {note}."


def _mean(values: Sequence[float] | Floats) -> float | None:
    return float(np.mean(values)) if len(values) else None
