"""Collects the contents of a run's report: its plan, the summary, and the first cases with their full texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from promptgrid import compare
from promptgrid.compare import ComparisonRow, ComparisonRows, Facts, Filter, Head, VariantSummary, View
from promptgrid.grid import Plan
from promptgrid.prompt import Parameters
from promptgrid.prompt.parameters import AXIS_SPECS, SPECS
from promptgrid.store import Database, cell_columns, expectations, results, runs
from promptgrid.store.results import ResultRow
from promptgrid.store.runs import RunInfo, RunProgress
from promptgrid.text import one_line

CASES, CHARACTERS = 200, 8_000_000  # browsers open a larger page too slowly
TEXT = 20_000  # characters of one text
_PAGE = 20


@dataclass(frozen=True, slots=True)
class Text:
    """The texts of one cell in a report, each cut to TEXT characters. `left_out` is the number of characters cut from
    `output`; `explanations` has (check, explanation) pairs."""

    output: str
    left_out: int
    reasoning: str
    error: str
    explanations: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Report:
    """The contents of a run's report.

    `rows` are the table's rows, one per case: the first of the `matching` cases, as many as the report has room for;
    `total` is the number of cases of the run or part. `texts` has the texts of the cells shown in `rows`, by position.
    `origin` has the plan and figures of the run as (name, value).
    """

    run: RunInfo
    plan: Plan
    origin: Sequence[tuple[str, str]]
    notes: Sequence[str]
    summaries: Sequence[VariantSummary]
    heads: Sequence[Head]
    rows: Sequence[ComparisonRow]
    texts: Mapping[int, Text]
    matching: int
    total: int


def report(database: Database, run_id: str, positions: Sequence[int] | None = None, part: str = "") -> Report:
    """Returns the contents of the run's report.

    With `positions`, its table has only the cases and variants of these cells, the cases in the order of the list; the
    summary still covers all cases. With `part`, table and summary cover the cases of that part only. Raises StoreError
    when the run no longer exists.
    """
    columns = compare.part_facts(database, run_id, part)
    info, plan, state = runs.find_run(database, run_id), runs.plan_of(database, run_id), runs.progress(database, run_id)
    comparison = _as_listed(compare.comparison_rows(database, columns, _view(database, columns, positions)), positions)
    rows, texts = _read(database, comparison)
    return Report(
        run=info,
        plan=plan,
        origin=list(origin(info, plan, state)),
        notes=[
            *_notes(database, run_id),
            *compare.run_remarks(database, run_id, part),
            *compare.count_differences(database, run_id),
        ],
        summaries=comparison.summaries,
        heads=comparison.columns,
        rows=rows,
        texts=texts,
        matching=len(comparison),
        total=comparison.total,
    )


def _view(database: Database, facts: Facts, positions: Sequence[int] | None) -> View:
    if positions is None:
        return View()
    selected = np.isin(facts.position, np.array(positions, dtype=np.int64))
    cases = tuple(facts.case_ids[code] for code in np.unique(facts.case[selected]))
    columns = compare.comparison_rows(database, facts, View()).all_columns
    wanted = {facts.variants[code] for code in np.unique(facts.variant[selected])}
    values = [variant.values for variant in wanted]
    column_ids = tuple(head.id for head in columns if dict(head.values) in values)
    return View(column_ids=column_ids, filter=Filter(case_ids=cases))


def _as_listed(comparison: ComparisonRows, positions: Sequence[int] | None) -> ComparisonRows:
    """Returns the comparison with its rows, which are cases, in the order in which `positions` names their cells; None
    keeps the order."""
    facts = comparison.facts
    case_of = dict(zip(facts.position.tolist(), facts.case.tolist(), strict=True))
    listed = dict.fromkeys(case_of[position] for position in positions or () if position in case_of)
    place = {facts.case_ids[case]: place for place, case in enumerate(listed)}
    order = sorted(comparison.order.tolist(), key=lambda row: place.get(comparison.layout.row_ids[row], 0))
    return replace(comparison, order=np.array(order, dtype=np.int64))


def _read(database: Database, comparison: ComparisonRows) -> tuple[list[ComparisonRow], dict[int, Text]]:
    """Returns (the first rows of the comparison, the texts of their cells by position), up to CASES rows and CHARACTERS
    characters in all."""
    rows: list[ComparisonRow] = []
    texts: dict[int, Text] = {}
    size = 0
    for start in range(0, min(CASES, len(comparison)), _PAGE):
        some = compare.page(database, comparison, start, min(_PAGE, CASES - start))
        positions = [
            entry.representative for row in some for entry in row.entries.values() if entry.representative is not None
        ]
        batch = {row.position: _text(row) for row in results.result_rows(database, comparison.facts.run_id, positions)}
        size += sum(len(text.output) + len(text.reasoning) for text in batch.values())
        if rows and size > CHARACTERS:
            break
        rows += some
        texts |= batch
    return rows, texts


def _text(row: ResultRow) -> Text:
    output = row.output or ""
    explanations = [(check, score.explanation) for check, score in row.scores.items() if score.explanation]
    left_out = max(0, len(output) - TEXT)
    return Text(output[:TEXT], left_out, row.reasoning[:TEXT], row.error[:TEXT], explanations)


def _notes(database: Database, run_id: str) -> Iterator[str]:
    for note, count in cell_columns.parameter_notes(database, run_id):
        yield f"{note} ({count:,} cells)"
    for case_id, changes in expectations.expected_changes(database, run_id).items():
        before, after = (one_line(text or "nothing") for text in (changes[0].before, changes[-1].after))
        yield f"After the run, what case {case_id} expects was changed from {before} to {after}."
    for error, count in runs.errors(database, run_id, limit=5):
        yield f"{error[:600]} ({count:,} cells)"


def origin(info: RunInfo, plan: Plan, state: RunProgress) -> Iterator[tuple[str, str]]:
    """Yields the plan and the figures of the run as (name, value), such as ("models", "…"); names without a value are
    left out."""
    values: dict[str, Any] = {
        "run": info.id,
        "name": info.name,
        "note": info.note,
        "status": f"{info.status} {info.message}".strip(),
        "created": _utc(info.created),
        "ended": _utc(info.ended),
        "prompts": ", ".join(f"{prompt.name}@{prompt.version[:6]}" for prompt in plan.prompts),
        "techniques": ", ".join(plan.techniques),
        "models": ", ".join(plan.models),
        **{spec.axis: ", ".join(map(spec.text, plan.values_of(spec))) or "the prompts' own" for spec in AXIS_SPECS},
        "samples": plan.samples,
        "cases": f"{len(plan.cases):,}",
        "cells": f"{state.total:,} cells, {state.by_status.get('answered', 0):,} answered",
        **_parameters(plan.parameters),
        "examples": plan.examples_k,
        "checks": "each prompt's usual ones" if plan.checks is None else ", ".join(map(str, plan.checks)),
        "budget": plan.budget,
        "max calls": plan.max_calls,
        "spent": "not known" if state.spent_usd is None else f"${state.spent_usd:,.4f}" if state.spent_usd else "",
        "promptgrid": version("promptgrid"),
    }
    return ((what, str(value)) for what, value in values.items() if value not in (None, "", {}))


def _parameters(parameters: Parameters) -> dict[str, str]:
    labels = {spec.name: spec.label.lower() for spec in SPECS if not spec.plural}
    return {labels[name]: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in parameters.as_json().items() if name in labels}  # fmt: skip


def _utc(seconds: float | None) -> str:
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
