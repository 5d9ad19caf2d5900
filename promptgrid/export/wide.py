"""Writes the wide CSV, for slides: one row per case, one column per variant, with the answers in the cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

from promptgrid.errors import ExportError
from promptgrid.export.columns import Record
from promptgrid.export.csv_out import write_table
from promptgrid.prompt.parameters import AXIS_SPECS
from promptgrid.text import value_text

_NAMED = ("prompt", "technique", "model", *(spec.column for spec in AXIS_SPECS))
_TOLD_APART = ("prompt_version", "endpoint", "examples_k", "top_p", "max_tokens")  # in labels only if they differ

_Key = tuple[Any, ...]


def write_wide_csv(rows: Iterable[Record], out: BinaryIO, *, variables: Sequence[str], excel: bool = False) -> int:
    """Writes one row per case and one column per variant ("sentiment · few-shot · smollm2 · t=0.7"), and returns the
    number of cases. The inputs come last.

    Takes the rows of `write_csv`. A cell holds the answer; with several samples each distinct answer with its count
    ("positive ×3 | mixed ×2"); without an answer a status in brackets. `excel` is as in `write_csv`. All answers are
    held in memory, but no outputs.
    """
    answers: dict[_Key, dict[_Key, Counter[str]]] = {}
    variants: dict[_Key, None] = {}
    inputs = ["case_id", "expected", *(f"var.{name}" for name in variables)]
    for row in rows:
        case, variant = tuple(_hashable(row.get(c)) for c in inputs), tuple(row.get(c) for c in (*_NAMED, *_TOLD_APART))
        variants.setdefault(variant)
        answers.setdefault(case, {}).setdefault(variant, Counter())[_answer(row)] += 1
    headers = variant_labels(list(variants))
    table = (_record(inputs, case, headers, by_variant) for case, by_variant in answers.items())
    return write_table(table, out, [*inputs[:2], *headers.values(), *inputs[2:]], excel=excel)


def _hashable(value: Any) -> Any:
    return value_text(value) if isinstance(value, (list, dict)) else value


def variant_labels(variants: Sequence[_Key]) -> dict[_Key, str]:
    """Returns a short and unique label for each variant, which is given as its values for _NAMED and _TOLD_APART:
    prompt, technique, model and axis values; the values for _TOLD_APART only where the variants differ in them. A
    repeated label gets a number, such as (2). Raises ExportError if two labels are equal even then."""
    apart = [at for at in range(len(_NAMED), len(_NAMED + _TOLD_APART)) if len({v[at] for v in variants}) > 1]
    labels: dict[_Key, str] = {}
    counts: Counter[str] = Counter()
    for variant in variants:
        label = _label(variant, apart)
        counts[label] += 1
        labels[variant] = label if counts[label] == 1 else f"{label} ({counts[label]})"
    if len(set(labels.values())) < len(labels):
        raise ExportError("Two variants would have the same header.", hint="Give the prompts other names.")
    return labels


def _label(variant: _Key, apart: Sequence[int]) -> str:
    parts = [str(part) for part in variant[:3] if part is not None]
    parts += [spec.named(value).replace(" = ", "=") for spec, value in zip(AXIS_SPECS, variant[3:], strict=False)
              if value is not None]  # fmt: skip
    parts += [f"{_TOLD_APART[at - len(_NAMED)]}={variant[at]}" for at in apart if variant[at] is not None]
    return " · ".join(parts)


def _answer(row: Record) -> str:
    if row.get("answer") is not None:
        return str(row["answer"])
    status = row.get("status")
    return "[no answer]" if status in (None, "answered") else f"[{status}]"


def _record(
    inputs: Sequence[str], case: _Key, headers: Mapping[_Key, str], answers: Mapping[_Key, Counter[str]]
) -> dict[str, Any]:
    record = dict(zip(inputs, case, strict=True))
    for variant, counts in answers.items():
        record[headers[variant]] = _tally(counts)
    return record


def _tally(counts: Counter[str]) -> str:
    if counts.total() == 1:
        return next(iter(counts))
    return " | ".join(f"{answer} ×{count}" for answer, count in counts.most_common())
