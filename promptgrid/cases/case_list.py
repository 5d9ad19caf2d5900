"""Sequences of cases that are too many to be in memory as objects, and what a plan asks about all of its cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import eq
from typing import NamedTuple, overload

from promptgrid.cases.table import Case
from promptgrid.compact import NumberMap, Packed

_64_BITS = 2**64 - 1


class CaseList(Sequence[Case]):
    """Cases in memory, packed: some ten bytes for a small case, where the object takes about 400. Each access makes new
    objects. The properties are found by going through all cases, once for all of them."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = cases if isinstance(cases, Packed) else Packed(cases)

    def __len__(self) -> int:
        return len(self._cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self._cases)

    @overload
    def __getitem__(self, index: int) -> Case: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Case]: ...
    def __getitem__(self, index: int | slice) -> Case | Sequence[Case]:
        return self._cases[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    @property
    def columns(self) -> Mapping[str, int]:
        """The names of the cases' inputs, by first appearance, each with the number of cases that have it."""
        return self._overview.columns

    @property
    def own_checks(self) -> Mapping[str, int]:
        """The names of the checks that cases bring, each with its number of cases."""
        return self._overview.own_checks

    @property
    def has_expected(self) -> bool:
        """Whether any case has an expected answer."""
        return self._overview.has_expected

    @cached_property
    def repeated_id(self) -> str:
        """An id that two cases have; "" if each has its own."""
        alike = self._overview.alike_ids
        counts = Counter(case.id for case in self if case.id in alike) if alike else Counter[str]()
        return next((name for name, count in counts.items() if count > 1), "")

    @cached_property
    def _overview(self) -> _Overview:
        return _overview(self)


class _Overview(NamedTuple):
    """What one pass through the cases finds: see the properties of CaseList. `alike_ids` are ids whose hash an earlier
    case's id has."""

    columns: Mapping[str, int]
    own_checks: Mapping[str, int]
    has_expected: bool
    alike_ids: Collection[str]


def _overview(cases: Iterable[Case]) -> _Overview:
    columns, checks, ids = Counter[str](), Counter[str](), NumberMap()
    has_expected, alike = False, set[str]()
    for case in cases:
        for name in case.inputs:
            columns[name] += 1
        for check in case.checks:
            checks[check.name] += 1
        has_expected = has_expected or case.expected is not None
        if not ids.add(hash(case.id) & _64_BITS):
            alike.add(case.id)
    return _Overview(columns, checks, has_expected, alike)


def case_list(cases: Sequence[Case]) -> CaseList:
    """Returns the cases as a CaseList: themselves if they are one."""
    return cases if isinstance(cases, CaseList) else CaseList(cases)
