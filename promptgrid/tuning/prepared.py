"""Prepares the data of a tuning, out of a training file or of runs: what is learned, what is held out to judge by."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from promptgrid.errors import TuningError
from promptgrid.export.csv_in import opened
from promptgrid.prompt import AnswerRule
from promptgrid.store import Database
from promptgrid.tuning.dialects import DIALECTS, Method
from promptgrid.tuning.rules import TrainingRow, read_row
from promptgrid.tuning.sources import Target, of_runs

LEAST, LEAST_HELD_OUT = 8, 2
_LABELS, _LABEL_CHARACTERS = 20, 30


@dataclass(slots=True)
class PreparedData:
    """The examples to `learn` from and those `held_out`, each as the object of one line, and the number of lines that
    were left out, by the reason."""

    learn: list[dict[str, Any]]
    held_out: list[dict[str, Any]]
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def sha256(self) -> str:
        """The hash of all examples (64 hex digits)."""
        return hashlib.sha256(lines([*self.learn, {}, *self.held_out])).hexdigest()


def prepare(data: Path, held_out: Path | None, method: Method, share: float) -> PreparedData:
    """Reads the examples of the file `data`, in any dialect. Held out are those of the file `held_out`, or else this
    share of `data`, where examples with the same messages stay together.

    Raises TuningError if there are too few examples or only those of another method, ExportError if a file cannot be
    read.
    """
    left_out: Counter[str] = Counter()
    learn = _examples(data, method, left_out)
    if held_out is None:
        learn, others = _parted(learn, share)
    else:
        others = _examples(held_out, method, left_out)
        learned = {_messages(example) for example in learn}
        total = len(others)
        others = [example for example in others if _messages(example) not in learned]
        left_out["held out, but it is learned from too"] += total - len(others)
    return _enough(PreparedData(learn, others, +left_out), method)


def prepare_runs(
    database: Database, run_ids: Sequence[str], method: Method, share: float, *, target: Target = "passed"
) -> PreparedData:
    """Takes the examples of runs, as `sources.of_runs` finds them: those of the part *learn* to learn from, those of
    *choose* to judge by. Where the two are too few of one kind, this share of all is held out instead. Raises
    TuningError if there are too few examples, StoreError if a run no longer exists."""
    found = of_runs(database, run_ids, method, target=target)
    by_part: dict[str, list[dict[str, Any]]] = {"learn": [], "choose": []}
    for example in found:
        row = TrainingRow(method, example.messages, example.reply, example.rejected)
        by_part.setdefault(str(example.origin.get("part")), []).append(_object(row))
    learn, others = by_part["learn"], by_part["choose"]
    if len(learn) < LEAST or len(others) < LEAST_HELD_OUT:
        learn, others = _parted([*learn, *others], share)
    return _enough(PreparedData(learn, others, found.left_out), method)


def _enough(data: PreparedData, method: Method) -> PreparedData:
    """Returns the data. Raises TuningError if there are too few examples."""
    if len(data.learn) >= LEAST and len(data.held_out) >= LEAST_HELD_OUT:
        return data
    reasons = "".join(f" {count} left out: {reason}." for reason, count in data.left_out.items())
    raise TuningError(
        f"Examples for {method}: {len(data.learn)} to learn from, {len(data.held_out)} to judge by.",
        hint=f"At least {LEAST} and {LEAST_HELD_OUT} are needed; some hundred teach something.{reasons}",
    )


def lines(examples: Iterable[Mapping[str, Any]]) -> bytes:
    """Returns the examples as JSON lines."""
    return b"".join(json.dumps(example).encode() + b"\n" for example in examples)


def rule_of(examples: Sequence[Mapping[str, Any]]) -> AnswerRule | None:
    """Returns the rule for replies that are labels: short texts, at most 20 different ones, which repeat. None for
    other replies."""
    replies = Counter(str(example["reply"]).strip() for example in examples if "rejected" not in example)
    labels = len(replies) <= min(_LABELS, len(examples) // 3) and all(len(one) <= _LABEL_CHARACTERS for one in replies)
    return AnswerRule("label", tuple(sorted(replies))) if replies and labels else None


def _examples(path: Path, method: Method, left_out: Counter[str]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    with opened(path) as file:
        for line in file.read().removeprefix(b"\xef\xbb\xbf").splitlines():
            example = _example(line, method, left_out) if line.strip() else None
            if example is not None:
                found[json.dumps(example)] = example
    return list(found.values())


def _example(line: bytes, method: Method, left_out: Counter[str]) -> dict[str, Any] | None:
    try:
        row = read_row(json.loads(line), DIALECTS["trl"])
    except (ValueError, RecursionError, AttributeError):
        left_out["a line that is no JSON object"] += 1
        return None
    if row.method != method:
        left_out[f"an example for {row.method or 'no method'}"] += 1
    elif row.tools or any(message.get("tool_calls") for message in row.messages):
        left_out["an example with tools, which this model's template does not have"] += 1
    elif not row.messages or not row.reply.strip() or (method == "dpo" and not (row.rejected or "").strip()):
        left_out["an example without messages or reply"] += 1
    else:
        return _object(row)
    return None


def _object(row: TrainingRow) -> dict[str, Any]:
    messages = [{"role": str(message.get("role")), "content": _text(message)} for message in row.messages]
    pair = {} if row.rejected is None else {"rejected": row.rejected}
    return {"messages": messages, "reply": row.reply, **pair}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return str(content or "")


def _parted(examples: list[dict[str, Any]], share: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Holds out the examples whose messages have the lowest hashes, so that the same file is always cut alike."""
    digests = {_messages(example) for example in examples}
    count = max(LEAST_HELD_OUT, round(share * len(digests)))
    chosen = set(sorted(digests)[:count])
    learn = [example for example in examples if _messages(example) not in chosen]
    return learn, [example for example in examples if _messages(example) in chosen]


def _messages(example: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(example["messages"]).encode()).hexdigest()
