"""The cells of a run as columns: every value that is counted, voted on, filtered or sorted by, without long texts.
100,000 cells take about 15 MB."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from promptgrid.compare.aggregate import Bools, Ints, Longs, mean_by, mean_known, most_gaps, voted
from promptgrid.compare.axes import AXES, PARAMETER_AXES, Axis, AxisValue, in_axis_order, value_text
from promptgrid.compare.copies import first_of_copies
from promptgrid.compare.variants import Variant, in_grid_order
from promptgrid.prompt.parameters import AXIS_SPECS
from promptgrid.stats.intervals import Floats
from promptgrid.store import Database
from promptgrid.store.across.looks import looks_before
from promptgrid.store.cell_columns import CELL_COLUMNS, REPLY_COLUMNS, RunColumns, run_columns
from promptgrid.store.results import Stamp, stamp
from promptgrid.techniques import votes

STATUSES = ("answered", "pending", "failed", "refused", "too_long", "cancelled")
ANSWERED, PENDING = 0, 1
ENDED_BADLY = (2, 3, 4)  # codes of `Facts.status`; pending and cancelled are not among them

ColumnType = TypeVar("ColumnType")

_RUNS, _WORKED_OUT = 3, 8  # runs in the cache, and results cached with each
_VARIANT_COLUMNS = (
    "prompt", "prompt_version", "technique", "endpoint", "model", *PARAMETER_AXES,
    *(spec.sent_column for spec in AXIS_SPECS), "parameter_note",
)  # fmt: skip
_AT = {name: i for i, name in enumerate((*CELL_COLUMNS, *REPLY_COLUMNS))}
_STATUS_CODE = {status: code for code, status in enumerate(STATUSES)}
_FLOATS = (
    "chars", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cost_usd", "latency_ms", "calls", "batch",
)  # fmt: skip


class SentValues(NamedTuple):
    """The `values` sent for the parameter axes, in the order of PARAMETER_AXES (None: not sent). `note` says which were
    not sent as planned."""

    values: tuple[AxisValue, ...]
    note: str


@dataclass(frozen=True, eq=False)
class Facts:
    """The cells of one run as arrays with one entry for each cell, in the run's order. NaN means unknown or not scored,
    which is not zero.

    position         the cell's number in the run, by which the database names it
    case, variant    indices in `case_ids` and in `variants`, which are in the order of the grid
    expected         for each case, what its replies are scored by: (expected answer, the case's own checks as JSON)
    sent             for each variant, the distinct values that were sent for its cells
    status           index in STATUSES
    ballot           the hash by which answers are compared (answers.ballot); -1 where no answer could be read
    answer           a small number that stands for the ballot; -1 where no answer could be read
    scores           one column for each of `checks`
    reply_id         0 where there is no reply
    chars            length of the reply's text
    cost_usd         in US dollars
    latency_ms       of the call
    calls, batch     how many calls the cell took; how many replies the call of its reply brought
    too_long         the prompt was over the context limit
    look             how often the variants were compared so far, this time included (see stats.chance.level)
    check            the one check that gives the cells their score; "": the mean over all checks does
    """

    run_id: str
    stamp: Stamp
    case_ids: Sequence[str]
    expected: Sequence[tuple[str | None, str]]
    variants: Sequence[Variant]
    sent: Sequence[Sequence[SentValues]]
    checks: Sequence[str]
    position: Ints
    case: Ints
    variant: Ints
    status: NDArray[np.int8]
    sample: Ints
    ballot: Longs
    answer: Ints
    scores: Floats
    reused: Bools
    too_long: Bools
    reply_id: Longs
    chars: Floats
    prompt_tokens: Floats
    completion_tokens: Floats
    reasoning_tokens: Floats
    cost_usd: Floats
    latency_ms: Floats
    calls: Floats
    batch: Floats
    look: int = 1
    check: str = ""
    _results: dict[object, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.position)

    @cached_property
    def score(self) -> Floats:
        """For each cell, its score by `check`, or else the mean of its scores over all checks; NaN if it has none."""
        return self.scores[:, self.checks.index(self.check)] if self.check else mean_known(self.scores)

    @cached_property
    def answered(self) -> Bools:
        return np.equal(self.status, ANSWERED)

    @cached_property
    def counted(self) -> Bools:
        """For each cell, whether it counts as an answer to its case.

        With self-consistency, many samples make one answer: only the first reply that gave the voted answer counts.
        With every other technique all cells count.
        """
        by_vote = np.array([votes(variant.technique) for variant in self.variants], dtype=np.bool_)[self.variant]
        samples = np.flatnonzero(by_vote & self.answered)
        key = self.case[samples].astype(np.int64) * len(self.variants) + self.variant[samples]
        answers, entry = np.unique(key, return_inverse=True)
        every = np.ones(len(samples), dtype=np.bool_)
        counted: Bools = ~by_vote
        counted[samples[voted(entry, every, self.answer[samples], len(answers)).representative]] = True
        return counted

    @cached_property
    def firsts(self) -> Ints:
        """For each case the index of the first case that is a copy of it (see `first_of_copies`), mostly its own."""
        return first_of_copies(self.case, self.variant, self.sample, self.reply_id, self.expected)

    def entry_scores(self, cells: Longs, entry: Longs, size: int, score: Floats) -> Floats:
        """Returns an array of `size` mean scores, one for each entry (all samples of one case under one variant); NaN
        where none is scored.

        `cells` are indices of cells, and `entry` has for each of them the number of its entry, below `size`. `score`
        has a score for each cell of the run. Only the replies that count as answers (`counted`) enter the mean.
        """
        scored = (self.answered & self.counted)[cells]
        return mean_by(np.where(scored, score[cells], np.nan), entry, size)

    @property
    def extended(self) -> int:
        """How often samples were added to the run after its start. The positions of added samples do not follow on
        those of the earlier samples of their case and variant."""
        return most_gaps(self.case.astype(np.int64) * max(1, len(self.variants)) + self.variant, self.position)

    @cached_property
    def tokens(self) -> Floats:
        """For each cell, the sum of prompt and reply tokens; NaN where either was not reported."""
        return self.prompt_tokens + self.completion_tokens

    @cached_property
    def values(self) -> Mapping[Axis, Sequence[AxisValue]]:
        """The values of each axis in their order; `codes` holds indices into them."""
        return {axis: self._axis(axis)[0] for axis in AXES}

    @property
    def axes(self) -> dict[Axis, list[str]]:
        """The values of each axis in their order, as texts for a URL."""
        return {axis: [value_text(value) for value in values] for axis, values in self.values.items()}

    def was_sent(self, variant: int, axis: Axis) -> bool:
        """Tells whether the variant's value on a parameter axis was sent unchanged for all of its cells; `variant` is
        its index.

        A value that was refused, left out or merged with another value is not a point of a curve.
        """
        at, value = list(PARAMETER_AXES).index(axis), self.variants[variant].values[axis]
        return value is not None and all(one.values[at] == value for one in self.sent[variant])

    def cached(self, key: object, compute: Callable[[], ColumnType]) -> ColumnType:
        """Returns the result of `compute()`, which is called only if no result is stored under this key. So filtering
        and sorting do not compute the same again."""
        if key not in self._results:
            result = compute()
            while len(self._results) >= _WORKED_OUT:
                self._results.pop(next(iter(self._results)), None)
            self._results[key] = result
        known: ColumnType = self._results[key]
        return known

    def codes(self, axis: Axis) -> Ints:
        """Returns for each cell of the run the index of its value on the axis in `values[axis]`."""
        codes = self._axis(axis)[1]
        return codes if axis == "case" else codes[self.variant]

    def _axis(self, axis: Axis) -> tuple[Sequence[AxisValue], Ints]:
        """Returns (the values of the axis in their order, indices into them): one index per cell for the axis `case`,
        else one per variant."""
        if axis == "case":
            return self.case_ids, self.case
        of_variants = [variant.values[axis] for variant in self.variants]
        values = in_axis_order(axis, of_variants)
        place = {value: code for code, value in enumerate(values)}
        return values, np.array([place[value] for value in of_variants], dtype=np.int32)


_cache: OrderedDict[tuple[str, str], Facts] = OrderedDict()
_lock = threading.Lock()


def facts(database: Database, run_id: str) -> Facts:
    """Returns the current facts of the run, cached until a result, a score or a rating changes.

    Raises StoreError when the run no longer exists.
    """
    key = (database.place, run_id)
    now = stamp(database, run_id)
    with _lock:
        cached = _cache.get(key)
        if cached is not None and cached.stamp == now and len(cached):  # a run without cells may be gone
            _cache.move_to_end(key)
            return cached
    with run_columns(database, run_id) as columns:
        read_now = read(run_id, columns)
    read_now = replace(read_now, look=1 + len(looks_before(database, run_id, 2)) + read_now.extended)
    with _lock:
        _cache[key] = read_now
        _cache.move_to_end(key)
        while len(_cache) > _RUNS:
            _cache.popitem(last=False)
    return read_now


def read(run_id: str, columns: RunColumns) -> Facts:
    """Reads the facts of a run from its columns in the database, which the caller has opened."""
    variants: dict[tuple[Any, ...], int] = {}
    lots = [_lot(rows, variants) for rows in columns.cells] or [_lot([], variants)]
    # Each column leaves the lots as it is joined, so that no two copies of all columns are in memory
    joined: dict[str, Any] = {name: np.concatenate([lot.pop(name) for lot in lots]) for name in list(lots[0])}
    all_variants = [
        Variant(prompt, version, technique, f"{endpoint}/{model}", tuple(rest[: len(PARAMETER_AXES)]))
        for prompt, version, technique, endpoint, model, *rest in variants
    ]
    ordered = in_grid_order(list(dict.fromkeys(all_variants)))
    by_variant: dict[Variant, list[SentValues]] = {variant: [] for variant in ordered}
    for key, variant in zip(variants, all_variants, strict=True):
        by_variant[variant].append(SentValues(key[-1 - len(PARAMETER_AXES) : -1], key[-1]))
    sent = list(by_variant.values())
    places = np.array([ordered.index(variant) for variant in all_variants], dtype=np.int32)
    joined["variant"] = places[joined["variant"]]
    checks, scores = _scores(columns.scores, joined["position"])
    read_ones = joined.pop("read")
    answer = np.full(len(read_ones), -1, dtype=np.int32)
    answer[read_ones] = np.unique(joined["ballot"][read_ones], return_inverse=True)[1]
    return Facts(
        run_id=run_id, stamp=columns.stamp, case_ids=columns.case_ids, expected=columns.expected, variants=ordered,
        sent=sent, checks=checks, scores=scores, answer=answer, **joined,
    )  # fmt: skip


def _lot(rows: Sequence[tuple[Any, ...]], variants: dict[tuple[Any, ...], int]) -> dict[str, NDArray[Any]]:
    """Returns these rows of the database, a part of the run's cells, as arrays by column name. `variants` maps the
    values that make up a variant to its number; new variants are added to it."""
    column = list(zip(*rows, strict=True)) or [()] * len(_AT)
    keys = zip(*(column[_AT[name]] for name in _VARIANT_COLUMNS), strict=True)
    ballots, replies = column[_AT["ballot"]], column[_AT["id"]]
    status = column[_AT["status"]]
    return {
        "position": np.array(column[_AT["position"]], dtype=np.int32),
        "case": np.array(column[_AT["case_position"]], dtype=np.int32),
        "variant": np.array([variants.setdefault(key, len(variants)) for key in keys], dtype=np.int32),
        "status": np.array([_STATUS_CODE.get(s, 0) for s in status], dtype=np.int8),
        "sample": np.array(column[_AT["sample"]], dtype=np.int32),
        "ballot": np.array([-1 if b is None else b for b in ballots], dtype=np.int64),
        "read": np.array([b is not None for b in ballots], dtype=np.bool_),
        "reused": np.array(column[_AT["reused"]], dtype=np.bool_),
        "too_long": np.array(
            [s == "too_long" or kind == "too_long" for s, kind in zip(status, column[_AT["error_kind"]], strict=True)],
            dtype=np.bool_,
        ),
        "reply_id": np.array([reply or 0 for reply in replies], dtype=np.int64),
        **{name: np.array(column[_AT[name]], dtype=np.float64) for name in _FLOATS},
    }


def _scores(lots: Iterable[Sequence[tuple[Any, ...]]], position: Ints) -> tuple[list[str], Floats]:
    """Returns (the names of the checks in order, a table with one row per cell and one column of scores per check).
    `lots` yields rows (position of the cell, check, score); `position` holds the positions of all cells, ascending."""
    names: dict[str, int] = {}
    parts = []
    for rows in lots:
        positions, checks, values = zip(*rows, strict=True)
        code = np.array([names.setdefault(check, len(names)) for check in checks], dtype=np.int32)
        parts.append((np.searchsorted(position, np.array(positions)), code, np.array(values, dtype=np.float64)))
    table = np.full((len(position), len(names)), np.nan)
    for at, code, known_or_not in parts:
        table[at, code] = known_or_not
    order = sorted(names)
    return order, table[:, [names[check] for check in order]]
