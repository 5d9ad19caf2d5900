"""Sequences of cases that are too many to be in memory as objects, and what a plan asks about all of its cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from operator import eq
from typing import overload

from promptgrid.cases.table import Case
from promptgrid.compact import NumberMap, Packed

_64_BITS = 2**64 - 1


class CaseList(Sequence[Case]):
    """Cases in memory, packed: some ten bytes for a small case, where the object takes about 400. Each access makes new
    objects. The properties are found by going through all cases, once."""

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

    @cached_property
    def columns(self) -> Mapping[str, int]:
        """The names of the cases' inputs, by first appearance, each with the number of cases that have it."""
        return Counter(name for case in self for name in case.inputs)

    @cached_property
    def own_checks(self) -> Mapping[str, int]:
        """The names of the checks that cases bring, each with its number of cases."""
        return Counter(check.name for case in self for check in case.checks)

    @cached_property
    def has_expected(self) -> bool:
        """Whether any case has an expected answer."""
        return any(case.expected is not None for case in self)

    @cached_property
    def repeated_id(self) -> str:
        """An id that two cases have; "" if each has its own."""
        seen = NumberMap()
        alike = {case.id for case in self if not seen.add(hash(case.id) & _64_BITS)}
        counts = Counter(case.id for case in self if case.id in alike) if alike else Counter[str]()
        return next((name for name, count in counts.items() if count > 1), "")


def case_list(cases: Sequence[Case]) -> CaseList:
    """Returns the cases as a CaseList: themselves if they are one."""
    return cases if isinstance(cases, CaseList) else CaseList(cases)
