"""Which cases of a matrix are looked at: by text, by id, and by what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from promptgrid.compare.matrix import Matrix, MatrixCase, is_failed, is_wrong

Show = Literal["all", "differ", "wrong", "failed"]
SHOWS: tuple[Show, ...] = ("all", "differ", "wrong", "failed")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a case must be to be shown; the empty filter shows all.

    `show` as defined by MatrixCase.differs, .wrong and .failed. With `variant` (an id) only that variant counts:
    wrong or failed in it, or its voted answer is not the one of the baseline, the matrix's first variant. `text` is
    looked for in MatrixCase.haystack, whatever its capitals. `case_ids` empty: any.
    """

    show: Show = "all"
    text: str = ""
    case_ids: tuple[str, ...] = ()
    variant: str = ""

    def apply(self, matrix: Matrix) -> list[MatrixCase]:
        """The cases that match, in their order."""
        return [case for case in self._found(matrix) if self._shows(matrix, case, self.show)]

    def counts(self, matrix: Matrix) -> dict[Show, int]:
        """How many cases each `show` would leave, everything else being as it is."""
        found = self._found(matrix)
        return {show: sum(self._shows(matrix, case, show) for case in found) for show in SHOWS}

    def _found(self, matrix: Matrix) -> Sequence[MatrixCase]:
        text = self.text.strip().casefold()
        return [
            case
            for case in matrix.cases
            if (not self.case_ids or case.case_id in self.case_ids) and (not text or text in case.haystack)
        ]

    def _shows(self, matrix: Matrix, case: MatrixCase, show: Show) -> bool:
        if show == "all":
            return True
        if not self.variant:
            return {"differ": case.differs, "wrong": case.wrong, "failed": case.failed}[show]
        entry, baseline = case.entries.get(self.variant), case.entries.get(matrix.variants[0].id)
        if entry is None:
            return False
        if show == "differ":
            return baseline is not None and entry.disagrees_with(baseline)
        return is_wrong(entry) if show == "wrong" else is_failed(entry)
