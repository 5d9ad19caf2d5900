"""A database with many replies, as a run would have left it: 100,000 of 1,000 characters unless told otherwise.

python -m benchmarks.many_replies FOLDER [REPLIES]      FOLDER becomes the folder `data` of a PROMPTGRID_HOME
"""

from __future__ import annotations

import itertools
import json
import random
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from promptgrid.answers import ballot
from promptgrid.cases.table import Case
from promptgrid.grid import Plan
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.store import Database, creation, database, plans
from promptgrid.store.schema import cells, replies, runs, scores

REPLIES, CHARACTERS = 100_000, 1_000
SAMPLES = 5
TECHNIQUES = ("zero-shot", "chain-of-thought")
TEMPERATURES = (0.0, 0.3, 0.7, 1.0, 1.5)
LABELS = ("positive", "negative", "mixed")
NEEDLE = "Zweifelsfälle"  # stands in one reply of a thousand
_WORDS = (
    "the", "of", "review", "sound", "battery", "arrived", "broken", "price", "again", "maybe", "because", "screen"
)  # fmt: skip
_LOT = 5_000

Row = dict[str, Any]


def make(store: Database, run_id: str = "bench000", count: int = REPLIES, *, whole: bool = False) -> str:
    """Writes a run of `count` cells: two prompts × two techniques × five temperatures × five samples over as many cases
    as it takes. `whole`: the answer is the whole text, not a label."""
    prompts = tuple(
        Prompt(name, (Message("user", "{{ text }}"),), answer=AnswerRule("label", labels=LABELS)) for name in "ab"
    )
    variants = list(itertools.product(prompts, TECHNIQUES, TEMPERATURES))
    count_cases = max(1, count // (len(variants) * SAMPLES))
    cases = [
        Case(str(i), {"text": f"case {i}: " + "arrived late " * 8}, LABELS[i % 3]) for i in range(1, count_cases + 1)
    ]
    plan = Plan(prompts, tuple(cases), ("openai/gpt-4o-mini",), TECHNIQUES, {"temperature": TEMPERATURES}, SAMPLES)
    with store.write() as connection:
        connection.execute(runs.insert(), _run(run_id, plan, count))
        creation.insert_plan_parts(connection, run_id, plan)
    rows = _rows(run_id, cases, variants, count, whole)
    while lot := list(islice(rows, _LOT)):
        with store.write() as connection:
            for table, part in zip((replies, cells, scores), zip(*lot, strict=True), strict=True):
                database.write_many(connection, table.insert(), part)
    return run_id


def _run(run_id: str, plan: Plan, count: int) -> Row:
    named = {"id": run_id, "name": "many", "status": "finished", "plan": plans.plan_json(plan), "decided": "[]"}
    return {**named, "total": count, "created": 0.0, "started": 0.0, "ended": 1.0}


def _rows(run_id: str, cases: list[Case], variants: list[Any], count: int, whole: bool) -> Iterator[tuple[Row, ...]]:
    dice = random.Random(0)
    grid = itertools.product(range(len(cases)), enumerate(variants), range(SAMPLES))
    for position, (case, (v, (prompt, technique, temperature)), sample) in enumerate(islice(grid, count)):
        right = dice.random() < 0.6 + 0.01 * v
        label = LABELS[case % 3] if right else dice.choice(LABELS)
        text = _text(dice, position, label)
        answer = text if whole else label
        shared = {"run_id": run_id, "endpoint": "openai", "model": "gpt-4o-mini", "sample": sample, "seed": None}
        key = f"{position:064x}"
        reply = {
            **shared, "id": position + 1, "key": key, "kind": "run", "model_returned": "gpt-4o-mini", "batch": 1,
            "text": text, "chars": len(text), "reasoning": "", "finish_reason": "stop", "prompt_tokens": 120,
            "completion_tokens": 200 + dice.randrange(80), "reasoning_tokens": None, "cached_tokens": None,
            "cost_usd": 0.0001 + dice.random() / 1e4, "latency_ms": 300 + 500 * dice.random(),
            "first_token_ms": None, "request": json.dumps({"model": "gpt-4o-mini", "messages": [
                {"role": "user", "content": cases[case].inputs["text"] * 4}], "temperature": temperature}),
            "honoured": "{}", "created": 1.0 + position / 1000,
        }  # fmt: skip
        cell = {
            **shared, "position": position, "case_position": case, "prompt": prompt.name,
            "prompt_version": prompt.version, "technique": technique, "examples_k": 0, "temperature": temperature,
            "temperature_sent": temperature, "parameter_note": "", "top_p": None, "max_tokens": 256, "key": key,
            "prompt_tokens_counted": 120, "context_limit": 128_000, "status": "answered", "error": "",
            "error_kind": "", "attempts": 1, "reused": 0, "reply_id": position + 1, "reasoning": "",
            "answer": answer, "ballot": ballot(answer), "answer_note": "",
        }  # fmt: skip
        score = {
            "run_id": run_id, "position": position, "check": "label", "value": float(label == LABELS[case % 3]),
            "passed": int(label == LABELS[case % 3]), "answer": label, "explanation": f"{label}, expected "
            f"{LABELS[case % 3]}", "failed": 0, "judge_reply_id": None,
        }  # fmt: skip
        yield reply, cell, score


def _text(dice: random.Random, position: int, label: str) -> str:
    words = [NEEDLE] if position % 1000 == 7 else []
    while sum(map(len, words)) + len(words) < CHARACTERS - len(label) - 9:
        words += dice.choices(_WORDS, k=20)
    return f"{' '.join(words)[: CHARACTERS - len(label) - 9]}\nAnswer: {label}"


if __name__ == "__main__":
    store = Database(Path(sys.argv[1]) / "promptgrid.sqlite3")
    print(make(store, count=int(sys.argv[2]) if len(sys.argv) > 2 else REPLIES))
