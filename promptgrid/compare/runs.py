"""Compares two runs: what improved, what broke, what is new, and whether the difference is significant.

Cases are matched by content (inputs and expected answer), not by position or id; of two equal cases the first is
matched with the first and the second with the second. Statistics count cases once that have the same replies and the
same expectation. Variants are matched by prompt name, technique, model and parameters; the version of the prompt may
differ, which is the usual comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from promptgrid.compare.aggregate import Bools, Ints, known
from promptgrid.compare.copies import copies_sentence
from promptgrid.compare.facts import STATUSES
from promptgrid.compare.families import of_two_runs
from promptgrid.compare.layouts import Layout, layout
from promptgrid.compare.looks import look_of_two_runs
from promptgrid.compare.matching import contents, distinct, matched, matched_columns, pair_labels
from promptgrid.compare.pages import SHOWN, excerpt
from promptgrid.compare.parts import part_facts
from promptgrid.compare.variants import Variant
from promptgrid.compare.views import View
from promptgrid.errors import StoreError
from promptgrid.stats import Comparison
from promptgrid.stats.intervals import Floats
from promptgrid.store import Database, runs
from promptgrid.store.cell_columns import CaseText, case_texts, cell_texts
from promptgrid.store.runs import RunInfo

ChangeKind = Literal["improved", "broke", "same", "changed", "new", "gone"]
KINDS: tuple[ChangeKind, ...] = ("improved", "broke", "same", "changed", "new", "gone")

_ALIKE = 1e-12  # tolerance of a comparison of scores: 0.1 + 0.2 counts as 0.3


@dataclass(frozen=True, slots=True)
class Change:
    """One case under one variant in run A, the older, and in run B, the newer.

    kind       improved, broke: the score is higher or lower in B; a reply that cannot be scored counts as a wrong one
               same: the scores are equal, or, where not both are scored, the voted answers are
               changed: not both are scored, and the voted answers differ
               new, gone: only B or only A has a reply; the other run's status tells why
    score_a, score_b      the mean over the checks that both runs have
    answer_a, answer_b    the voted answers, cut to SHOWN characters
    position_a, position_b    the cells that are shown; None where the run has no such cell
    """

    kind: ChangeKind
    label: str
    case_id: str
    inputs: Mapping[str, Any]
    expected: str | None
    score_a: float | None
    score_b: float | None
    answer_a: str | None
    answer_b: str | None
    status_a: str | None
    status_b: str | None
    position_a: int | None
    position_b: int | None


@dataclass(frozen=True, slots=True)
class VariantChange:
    """One variant in both runs; `a` or `b` is None where a run does not have the variant.

    counts     the number of cases by kind of change
    versus     B's scores compared with A's over the cases scored in both, corrected for the number of variants; "worse"
               means that B is worse; None: no case is scored in both
    sentence   the comparison in words
    """

    label: str
    a: Variant | None
    b: Variant | None
    counts: Mapping[ChangeKind, int]
    versus: Comparison | None
    sentence: str


@dataclass(frozen=True, eq=False)
class Changes:
    """All differences between run A and run B.

    versus, sentence    the comparison over all variants: a case has the mean of its variants' scores
    copies     a sentence on how many cases of B are copies of others and not counted again; "" if there are none
    scores     (of A, of B), by row and column of the layouts `a` and `b`, over the checks that both runs have
    lines      one line per change: index in KINDS, index in `variants`, row and column in A's layout, row and column in
               B's layout; -1 where a run has no such row or column
    """

    run_a: RunInfo
    run_b: RunInfo
    variants: Sequence[VariantChange]
    versus: Comparison | None
    sentence: str
    copies: str
    a: Layout
    b: Layout
    scores: tuple[Floats, Floats]
    lines: Ints

    @property
    def counts(self) -> dict[ChangeKind, int]:
        """The number of changes of each kind; a case counts once for each variant."""
        return {kind: sum(variant.counts[kind] for variant in self.variants) for kind in KINDS}

    @property
    def summary(self) -> str:
        """The comparison of the two runs in a sentence, or the reason why they cannot be compared."""
        if self.sentence:
            return self.sentence
        if all(variant.a is None or variant.b is None for variant in self.variants):
            return "No variant is in both runs: only the same prompt, technique, model and temperature can be compared."
        return "No case is scored in both runs: which is better is unknown."

    def listed(
        self, database: Database, kinds: Sequence[ChangeKind] = KINDS, start: int = 0, count: int = 50
    ) -> list[Change]:
        """Returns at most `count` changes of these kinds with their texts, from the index `start` on, in the order of
        B's cases; cases that only A has come last."""
        selected = np.isin(self.lines[:, 0], [KINDS.index(kind) for kind in kinds])
        some = self.lines[selected][start : start + count]
        a = _Texts(database, self.a, self.scores[0], some[:, 2:4].tolist())
        b = _Texts(database, self.b, self.scores[1], some[:, 4:6].tolist())
        return [self._change(kind, variant, a, b, at) for at, (kind, variant, *_) in enumerate(some.tolist())]

    def _change(self, kind: int, variant: int, a: _Texts, b: _Texts, at: int) -> Change:
        case = b.case(at) or a.case(at) or CaseText("", {}, None)
        return Change(
            KINDS[kind], self.variants[variant].label, case.case_id, case.inputs, case.expected,
            a.score(at), b.score(at), a.answer(at), b.answer(at), a.status(at), b.status(at),
            a.position(at), b.position(at),
        )  # fmt: skip


def against(database: Database, run_a: str, run_b: str, part: str = "", *, families: int = 1) -> Changes:
    """Compares run B, the newer one, with run A. Each is given as an id, the beginning of an id, or `last`. With
    `part`, only the cases of that part are compared.

    The comparisons of the variants and of the whole runs are corrected together for their number. If one verdict rests
    on comparisons of B with several runs, `families` is the number of these runs, and the correction covers them all.

    Raises StoreError when a run does not exist or was deleted, CompareError if one has no case of the part.
    """
    info_a, info_b = _there(database, run_a), _there(database, run_b)
    a, b = (layout(part_facts(database, info.id, part), View()) for info in (info_a, info_b))
    cases = matched(contents(database, a), contents(database, b))
    columns = matched_columns(a.columns, b.columns)
    checks = [check for check in a.facts.checks if check in b.facts.checks]
    scores = a.scores_by(checks), b.scores_by(checks)
    sides = [
        (_Side.of(a, scores[0], cases[:, 0], at_a), _Side.of(b, scores[1], cases[:, 1], at_b)) for at_a, at_b in columns
    ]
    kinds = [_kinds(*pair) for pair in sides]
    once = distinct(a, b, cases)
    before, after = (np.array([pair[at].score for pair in sides]).reshape(len(sides), len(cases)) for at in (0, 1))
    look = look_of_two_runs(database, (info_a, a.facts), (info_b, b.facts))
    *compared, together = of_two_runs(before[:, once], after[:, once], look=look, families=families)
    variants = [
        VariantChange(
            label,
            _variant(a, at_a),
            _variant(b, at_b),
            {kind: int((codes == code).sum()) for code, kind in enumerate(KINDS)},
            *_with_sentence(versus, f"{label} in {info_b.id}", f"the one in {info_a.id}"),
        )
        for label, (at_a, at_b), codes, versus in zip(pair_labels(a, b, columns), columns, kinds, compared, strict=True)
    ]
    versus, sentence = _with_sentence(together, f"run {info_b.id}", f"run {info_a.id}")
    copies = copies_sentence(b.facts.firsts)
    return Changes(info_a, info_b, variants, versus, sentence, copies, a, b, scores, _lines(cases, columns, kinds))


def _there(database: Database, ref: str) -> RunInfo:
    info = runs.find_run(database, ref)
    if info.deleted:
        raise StoreError(f"The run {info.id} was deleted.", hint="Undo that under Runs, or take another run.")
    return info


def _with_sentence(versus: Comparison | None, b: str, a: str) -> tuple[Comparison | None, str]:
    """Returns (the comparison, a sentence about it in which the two are called `b` and `a`); (None, "") if no case is
    scored in both runs."""
    return (versus, versus.sentence(b, a)) if versus is not None and versus.n else (None, "")


def _variant(layout: Layout, column: int) -> Variant | None:
    if column < 0:
        return None
    by_id = {variant.id: variant for variant in layout.facts.variants}
    return by_id[layout.columns[column].id]


@dataclass(frozen=True, eq=False)
class _Side:
    """One variant in one run, with one entry per matched case (a case that one run or both have): whether it has a
    reply, its score, whether its voted answer could be read, and the answer's hash (`ballot`)."""

    answered: Bools
    score: Floats
    read: Bools
    ballot: NDArray[np.int64]

    @classmethod
    def of(cls, layout: Layout, scores: Floats, rows: Ints, column: int) -> _Side:
        """Reads one column of a layout; `scores` has the layout's scores, as rows × columns. `rows` has the row of each
        matched case; -1 where the run lacks the case. The `column` is -1 if the run lacks the variant."""
        places, present = layout.places, (rows >= 0) & (column >= 0)
        if not present.any():
            return cls(present, np.full(len(rows), np.nan), present, np.zeros(len(rows), dtype=np.int64))
        cells = places.representative[rows, column]
        return cls(
            present & (places.answered[rows, column] > 0),
            np.where(present, scores[rows, column], np.nan),
            present & (places.voted[rows, column] >= 0),
            layout.facts.ballot[cells],
        )


def _kinds(a: _Side, b: _Side) -> Ints:
    """Returns for each matched case the index in KINDS of the kind of change from A to B; -1 if neither run has a
    reply."""
    alike = np.where(a.read & b.read, a.ballot == b.ballot, a.read == b.read)
    gain = np.nan_to_num(b.score) - np.nan_to_num(a.score)  # a reply that cannot be scored counts as wrong
    scored = ~(np.isnan(a.score) & np.isnan(b.score))
    kinds = np.where(alike, KINDS.index("same"), KINDS.index("changed"))
    kinds = np.where(~np.isnan(b.score - a.score) & (np.abs(gain) <= _ALIKE), KINDS.index("same"), kinds)
    kinds = np.where(scored & (gain > _ALIKE), KINDS.index("improved"), kinds)
    kinds = np.where(scored & (gain < -_ALIKE), KINDS.index("broke"), kinds)
    kinds = np.where(b.answered, kinds, KINDS.index("gone"))
    kinds = np.where(a.answered, kinds, np.where(b.answered, KINDS.index("new"), -1))
    return kinds.astype(np.int32)


def _lines(cases: Ints, columns: Sequence[tuple[int, int]], kinds: Sequence[Ints]) -> Ints:
    """Returns the array `Changes.lines`, case by case. `cases` has the pairs of rows (in A, in B), `columns` the pairs
    of columns; `kinds` has for each pair of columns the result of `_kinds`."""
    blocks = [
        np.column_stack(
            [of_cases, np.full(len(of_cases), at), cases[:, 0], np.full(len(of_cases), at_a), cases[:, 1],
             np.full(len(of_cases), at_b)]
        )
        for at, (of_cases, (at_a, at_b)) in enumerate(zip(kinds, columns, strict=True))
    ]  # fmt: skip
    if not blocks:
        return np.empty((0, 6), dtype=np.int32)
    lines = np.stack(blocks, axis=1).reshape(-1, 6).astype(np.int32)
    return lines[lines[:, 0] >= 0]


class _Texts:
    """Reads the texts and figures of one run at the `places` (row, column) of its layout; -1 stands for a row or column
    that the run does not have. The methods take an index into `places`."""

    def __init__(self, database: Database, layout: Layout, scores: Floats, places: Sequence[Sequence[int]]) -> None:
        self._layout, self._scores = layout, scores
        self._places = [None if row < 0 or column < 0 else (row, column) for row, column in places]
        rows = {row for row, _ in places if row >= 0}
        self._rows = [row for row, _ in places]
        self._cases = case_texts(database, layout.facts.run_id, {int(layout.case_of[row]) for row in rows})
        positions = [position for at in range(len(places)) if (position := self.position(at)) is not None]
        self._texts = cell_texts(database, layout.facts.run_id, positions, SHOWN)

    def case(self, at: int) -> CaseText | None:
        return self._cases.get(int(self._layout.case_of[self._rows[at]])) if self._rows[at] >= 0 else None

    def score(self, at: int) -> float | None:
        place = self._places[at]
        return None if place is None else known(self._scores[place])

    def status(self, at: int) -> str | None:
        place = self._places[at]
        return (
            None
            if place is None or not self._layout.places.samples[place]
            else STATUSES[self._layout.places.status[place]]
        )

    def position(self, at: int) -> int | None:
        place = self._places[at]
        cell = -1 if place is None else int(self._layout.places.representative[place])
        return None if cell < 0 else int(self._layout.facts.position[cell])

    def answer(self, at: int) -> str | None:
        position = self.position(at)
        return None if position is None or position not in self._texts else excerpt(self._texts[position].answer)
