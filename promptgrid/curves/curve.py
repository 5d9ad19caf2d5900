"""What the temperature does: score, variety and length over the temperatures of a run, and what each point costs.

A temperature is a point only where it went on the wire as it was asked for. One that was refused, not sent or merged
with others is told in words (`left_out`) and is never on a line.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from promptgrid import stats
from promptgrid.stats.samples import COMPARED
from promptgrid.store import Database
from promptgrid.store.curves import beginnings, curve_cells

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
    """The curve of a run as it stands: cells without a reply are left out of every figure."""
    groups: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for cell in curve_cells(database, run_id):
        groups[*_line_key(cell), cell.temperature].append(cell)
    keys = sorted(groups, key=_grid_order(groups))
    names = _names([key[:-1] for key in keys])
    texts = _texts(database, groups.values())
    found = [_point(names[key[:-1]], key, groups[key], texts) for key in keys]
    costs = [point.cost_usd for point in found if point.cases]
    price = "cost_usd" if any(costs) and None not in costs else "tokens"
    return Curve(list(with_front(found, price)), list(_left_out(found)), price)


def _line_key(cell: Any) -> tuple[str, str, str, str]:
    return cell.prompt, cell.prompt_version, cell.technique, f"{cell.endpoint}/{cell.model}"


def _grid_order(keys: Iterable[tuple[Any, ...]]) -> Any:
    """Lines as they first appear; of each the default temperature first, then by size."""
    places = {line: i for i, line in enumerate(dict.fromkeys(key[:-1] for key in keys))}
    return lambda key: (places[key[:-1]], -1.0 if key[-1] is None else key[-1])


def _names(keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """What tells each line apart from the others; of one alone its technique and model."""
    prompts, versions, techniques, models = (len({key[i] for key in keys}) > 1 for i in range(4))
    several = Counter(name for name, _ in {key[:2] for key in keys})
    names = {}
    for key in dict.fromkeys(keys):
        prompt, version, technique, model = key
        full = f"{prompt}@{version[:6]}" if several[prompt] > 1 else prompt
        parts = [(full, prompts or versions), (technique, techniques), (model, models)]
        names[key] = " · ".join(name for name, telling in parts if telling) or f"{technique} · {model}"
    return names


def _point(name: str, key: tuple[Any, ...], cells: Sequence[Any], texts: Mapping[int, str]) -> CurvePoint:
    prompt, version, technique, model, temperature = key
    by_case: dict[int, list[Any]] = defaultdict(list)
    for cell in cells:
        if cell.status == "answered":
            by_case[cell.case_position].append(cell)
    cases = list(by_case.values())
    voted = technique == "self-consistency"
    scores = [score for case in cases if (score := _score(case, voted)) is not None]
    interval = stats.mean_interval(scores)
    several = [counts for case in cases if len(case) > 1 and (counts := _counts(case))]
    alike = [s for case in cases if (s := _similarity(case, texts)) is not None]
    refused = sum(cell.status == "refused" for cell in cells)
    sent = temperature is not None and all(cell.temperature_sent == temperature for cell in cells)
    return CurvePoint(
        line=name,
        prompt=prompt,
        prompt_version=version,
        technique=technique,
        model=model,
        temperature=temperature,
        drawn=sent and not refused and bool(cases),
        note=_note(cells, refused, sent),
        cases=len(cases),
        samples=max(map(len, cases), default=0),
        score=_mean(scores),
        score_low=interval.low if interval else None,
        score_high=interval.high if interval else None,
        distinct=_mean([len(counts) for counts in several]),
        entropy_bits=_mean([stats.entropy(list(counts.values())) for counts in several]),
        similarity=_mean(alike),
        similarity_cases=len(alike),
        characters=_mean([fmean([cell.chars for cell in case]) for case in cases]),
        cost_usd=_per_answer(cases, voted, "cost_usd"),
        tokens=_per_answer(cases, voted, "tokens"),
    )


def _score(case: Sequence[Any], voted: bool) -> float | None:
    """The mean of the samples' scores; where many samples make one answer, the score of the voted one."""
    if voted:
        (winner, _), *_ = [*_counts(case).most_common(1), (None, 0)]
        case = [next((cell for cell in case if cell.ballot == winner), case[0])]
    return _mean([cell.score for cell in case])


def _counts(case: Sequence[Any]) -> Counter[int]:
    """How often each answer was given; what could not be read is no answer."""
    return Counter(cell.ballot for cell in case if cell.ballot is not None)


def _similarity(case: Sequence[Any], texts: Mapping[int, str]) -> float | None:
    there = [texts[cell.reply_id] for cell in case if cell.reply_id in texts]
    return stats.mean_similarity(there, seed=_SEED, most=PAIRS) if len(there) == len(case) else None


def _per_answer(cases: Sequence[Sequence[Any]], voted: bool, name: str) -> float | None:
    known = [[getattr(cell, name) for cell in case] for case in cases]
    if not known or any(value is None for case in known for value in case):
        return None
    return fmean([sum(case) if voted else fmean(case) for case in known])


def _texts(database: Database, groups: Iterable[Sequence[Any]]) -> dict[int, str]:
    """The texts of whole cases, an equal share of READ for each point, drawn by seed."""
    wanted: list[int] = []
    points = list(groups)
    draw = random.Random(_SEED)
    for cells in points:
        by_case: dict[int, list[int]] = defaultdict(list)
        for cell in cells:
            if cell.status == "answered":
                by_case[cell.case_position].append(cell.reply_id)
        several = [ids for ids in by_case.values() if len(ids) > 1]
        draw.shuffle(several)
        room = READ // len(points)
        for ids in several:
            room -= len(ids)
            if room < 0 and wanted:
                break
            wanted += ids
    return beginnings(database, wanted, COMPARED)


def _note(cells: Sequence[Any], refused: int, sent: bool) -> str:
    """Why this temperature is on no line; "" where it is, or has only not been answered yet."""
    said = next((cell.parameter_note for cell in cells if cell.parameter_note), "")
    if refused:
        return "refused by the model" if refused == len(cells) else "refused by the model in some cells"
    if cells[0].temperature is None:
        return said or "nobody knows which one the model took"
    return "" if sent else said or "not sent"


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


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
