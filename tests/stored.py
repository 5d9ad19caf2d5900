"""Runs as rows, without a model: what tests of comparisons put into the database."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import sqlalchemy as sa

from promptgrid.answers import ballot
from promptgrid.compare.axes import PARAMETER_AXES, AxisValue
from promptgrid.store import Database
from promptgrid.store.schema import cases, cells, replies, runs, scores


@dataclass(frozen=True)
class Cell:
    """One cell; `answer` None: answered, and nothing could be read. A status other than answered brings no reply."""

    case: str = "1"
    technique: str = "zero-shot"
    answer: str | None = "a"
    score: float | None = None
    status: str = "answered"
    prompt: str = "p"
    version: str = "v1"
    model: str = "m"
    temperature: float | None = 0.0
    output: str | None = None
    error: str = ""
    error_kind: str = ""
    scores: Mapping[str, float | None] = field(default_factory=dict)
    prompt_tokens: int | None = 10
    completion_tokens: int | None = 2
    cost_usd: float | None = 0.5
    latency_ms: float = 100.0
    batch: int = 1  # replies of one call


def at(temperature: float | None) -> tuple[AxisValue, ...]:
    """What a Variant was asked for: this temperature, and of all other parameters nothing."""
    return tuple(temperature if axis == "temperature" else None for axis in PARAMETER_AXES)


Case = tuple[str, Mapping[str, Any], str | None]


def store_run(
    database: Database,
    run_cells: Sequence[Cell],
    *,
    run_id: str = "run00001",
    case_rows: Sequence[Case] = (),
    plan: str = "{}",
) -> str:
    """Writes the run as if it had been carried out; the cells get numbers for samples as they come.

    `case_rows` are (id, inputs, expected) of cases; the inputs of any other case are "case ID", and it expects "a".
    """
    known = {case[0]: case for case in case_rows}
    ids = list(dict.fromkeys([*known, *(cell.case for cell in run_cells)]))
    with database.write() as connection:
        named = {
            "id": run_id,
            "name": run_id,
            "status": "finished",
            "plan": plan,
            "decided": "[]",
            "total": len(run_cells),
        }
        connection.execute(runs.insert(), {**named, "created": 1.0, "started": 1.0, "ended": 2.0})
        for position, case_id in enumerate(ids):
            _, inputs, expected = known.get(case_id, (case_id, {"text": f"case {case_id}"}, "a"))
            row = {"run_id": run_id, "position": position, "case_id": case_id, "inputs": json.dumps(dict(inputs))}
            connection.execute(cases.insert(), {**row, "expected": expected})
        reply_ids = count((connection.scalar(sa.select(sa.func.max(replies.c.id))) or 0) + 1)
        samples: Counter[tuple[object, ...]] = Counter()
        for position, cell in enumerate(run_cells):
            point = (cell.case, cell.technique, cell.prompt, cell.version, cell.model, cell.temperature)
            reply_id = _reply(connection, run_id, cell, next(reply_ids)) if cell.status == "answered" else None
            row = {
                "run_id": run_id, "position": position, "case_position": ids.index(cell.case), "prompt": cell.prompt,
                "prompt_version": cell.version, "technique": cell.technique, "examples_k": 0, "endpoint": "e",
                "model": cell.model, "temperature": cell.temperature, "temperature_sent": cell.temperature,
                "parameter_note": "", "sample": samples[point], "key": f"{run_id}{position}", "status": cell.status,
                "error": cell.error, "error_kind": cell.error_kind, "attempts": 1, "reply_id": reply_id,
                "answer": cell.answer if reply_id else None, "ballot": ballot(cell.answer) if reply_id else None,
            }  # fmt: skip
            samples[point] += 1
            connection.execute(cells.insert(), row)
            scored = dict(cell.scores) | ({} if cell.score is None else {"label": cell.score})
            for check, value in scored.items() if reply_id else ():
                told_so = {"passed": value == 1, "answer": "", "explanation": "", "check": check, "value": value}
                connection.execute(scores.insert(), {"run_id": run_id, "position": position, **told_so})
    return run_id


def _reply(connection: sa.Connection, run_id: str, cell: Cell, reply_id: int) -> int:
    text = f"out {cell.answer}" if cell.output is None else cell.output
    row = {
        "id": reply_id, "key": str(reply_id), "sample": 0, "kind": "run", "run_id": run_id, "endpoint": "e",
        "model": cell.model, "model_returned": cell.model, "batch": cell.batch, "text": text, "chars": len(text),
        "reasoning": "", "finish_reason": "stop", "prompt_tokens": cell.prompt_tokens,
        "completion_tokens": cell.completion_tokens, "cost_usd": cell.cost_usd, "latency_ms": cell.latency_ms,
        "request": "{}", "honoured": "{}", "created": 1.0,
    }  # fmt: skip
    connection.execute(replies.insert(), row)
    return reply_id
