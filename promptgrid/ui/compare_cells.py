"""The comparison as the matrix component draws it. Pure: data in, data out."""

from __future__ import annotations

from collections.abc import Sequence

from promptgrid.compare.matrix import Entry, Matrix, MatrixCase
from promptgrid.compare.old_summary import VariantSummary
from promptgrid.ui.matrix import CellState, MatrixCell, MatrixColumn, MatrixRow

_LINE = 160  # characters of an output that a cell can show
_HEAD = 34  # characters of a long answer that stand out; the rest follows beneath

_STATES: dict[str, CellState] = {
    "pending": "pending",
    "failed": "failed",
    "refused": "refused",
    "too_long": "too_long",
    "cancelled": "none",
}


def columns(summaries: Sequence[VariantSummary], matrix: Matrix) -> list[MatrixColumn]:
    """One column a variant of the matrix; the first, where there are others, is the baseline."""
    by_id = {found.variant.id: found for found in summaries}
    several = len(matrix.variants) > 1
    return [
        MatrixColumn(
            v.id, [*matrix.labels[v.id], *(["baseline"] if several and i == 0 else [])], column_summary(by_id[v.id])
        )
        for i, v in enumerate(matrix.variants)
    ]


def column_summary(found: VariantSummary) -> str:
    """ "53 % of 18 · 3.4/5 agree": what was scored, over how many cases, and how many of the samples say the same."""
    if found.answered < found.cells and not found.scored:
        return f"{found.answered:,} of {found.cells:,} answered"
    parts = [
        f"{percent(found.score)} of {found.scored:,}" if found.score is not None else f"{found.answered:,} answered"
    ]
    if found.agreement is not None:
        parts.append(f"{found.agreement * found.samples:.2g}/{found.samples} agree")
    return " · ".join(parts)


def percent(share: float | None) -> str:
    """ "53 %"; 100 only where it is all, 0 only where it is none; empty where there is nothing to say."""
    if share is None:
        return ""
    rounded = int(100 * share + 0.5)  # as the browser rounds
    if 0 < share < 1:
        rounded = min(99, max(1, rounded))
    return f"{rounded} %"


def rows(matrix: Matrix, cases: Sequence[MatrixCase]) -> list[MatrixRow]:
    """One row a case."""
    return [_row(matrix, case) for case in cases]


def case_title(case: MatrixCase) -> str:
    """Its id and what is put in, in one line."""
    return one_line(f"{case.case_id} {' · '.join(case.inputs.values())}")


def _row(matrix: Matrix, case: MatrixCase) -> MatrixRow:
    baseline = case.entries.get(matrix.variants[0].id)
    cells = [_cell(case.entries.get(v.id), baseline) for v in matrix.variants]
    expected = "" if case.expected is None else f"expected {one_line(case.expected)}"
    return MatrixRow(case.case_id, case_title(case), expected, cells)


def _cell(entry: Entry | None, baseline: Entry | None) -> MatrixCell:
    if entry is None:
        return MatrixCell("", state="none")
    if not entry.answered:
        return _unanswered(entry)
    answer, detail = _texts(entry)
    return MatrixCell(
        answer=answer,
        detail=detail,
        tally=_tally(entry),
        state=state_of(entry),
        differs=baseline is not None and entry.disagrees_with(baseline),
    )


def state_of(entry: Entry) -> CellState:
    """The edge of the cell: by its score where it has one."""
    if not entry.answered:
        return _STATES[entry.status]
    if entry.score is None:
        return "plain"
    return "right" if entry.score == 1 else "wrong" if entry.score == 0 else "partly"


def _unanswered(entry: Entry) -> MatrixCell:
    answer = "cancelled" if entry.status == "cancelled" else ""
    count = f"{len(entry.samples)} samples" if len(entry.samples) > 1 else ""
    error = next((s.error for s in entry.samples if s.status == entry.status), "")
    return MatrixCell(answer, one_line(error), count, _STATES[entry.status])


def _texts(entry: Entry) -> tuple[str, str]:
    """(what stands out, what follows beneath)."""
    sample = entry.shown
    if sample.answer is None:
        return "no answer read" if sample.output.strip() else "empty reply", one_line(sample.output)
    answer, output = one_line(sample.answer), one_line(sample.output)
    if len(answer) <= _HEAD:
        return answer, output
    head = answer[:_HEAD].rpartition(" ")[0] or answer[:_HEAD]
    return head, answer[len(head) :].strip()


def _tally(entry: Entry) -> str:
    """ "2 of 5" say so; what is missing of the samples is said too."""
    replies, samples = len(entry.answered), len(entry.samples)
    if samples == 1:
        return ""
    said = f"{entry.vote.votes} of {replies}"
    return said if replies == samples else f"{said}, {samples - replies} missing"


def one_line(text: str) -> str:
    """The beginning of a text without its line breaks."""
    line = " ".join(text[: 4 * _LINE].split())
    return line if len(line) <= _LINE else line[:_LINE] + "…"
