"""Exports preference pairs: which reply people (or a judging model) preferred, as data for aligning a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from promptgrid.compare.parts import part_votes
from promptgrid.export.files import save
from promptgrid.export.jsonl import write_jsonl
from promptgrid.prompt.parameters import SPECS
from promptgrid.store import Database, results
from promptgrid.store.results import ResultRow
from promptgrid.store.votes import Vote

_MANY = 500
_ORIGIN = ("cell_id", "prompt", "prompt_version", "technique", "endpoint", "model", "sample")


def preference_rows(database: Database, run_id: str, part: str = "") -> Iterator[dict[str, Any]]:
    """Yields one row per vote that prefers one reply; with `part`, of the cases of that part. Ties, skips and votes on
    deleted replies yield none.

    `prompt` is the list of messages, `chosen` and `rejected` are lists of one assistant message: the conversational
    preference format that TRL's DPOTrainer and others read. `metadata` holds the case, the judge, and the origin of
    both replies. Where the two replies answer different messages (two prompts or techniques), `prompt` has those of the
    chosen reply, `metadata.rejected.messages` those of the other, and `metadata.same_prompt` is false.
    """
    decided = [vote for vote in part_votes(database, run_id, part) if vote.outcome in ("left", "right")]
    for start in range(0, len(decided), _MANY):
        some = decided[start : start + _MANY]
        positions = sorted({position for vote in some for position in (vote.left_position, vote.right_position)})
        rows = {row.position: row for row in results.result_rows(database, run_id, positions)}
        for vote in some:
            winner, loser = vote.left_position, vote.right_position
            if vote.outcome == "right":
                winner, loser = loser, winner
            if winner in rows and loser in rows:
                yield from _pair(vote, rows[winner], rows[loser])


def write_preferences(database: Database, run_id: str, out: BinaryIO, part: str = "") -> int:
    """Writes the preference pairs of a run (with `part`, of the cases of that part) as JSON lines to an open file, and
    returns their number."""
    return write_jsonl(preference_rows(database, run_id, part), out)


def save_preferences(database: Database, run_id: str, path: Path, part: str = "") -> int:
    """Writes the preference pairs of a run (with `part`, of the cases of that part) atomically to `path`, and returns
    their number. Raises ExportError when the file cannot be written."""
    return save(path, lambda out: write_preferences(database, run_id, out, part))


def _pair(vote: Vote, winner: ResultRow, loser: ResultRow) -> Iterator[dict[str, Any]]:
    """Yields the row of a vote, in which `winner` is preferred to `loser`; yields no row where one of the cells has no
    reply."""
    if winner.request_json is None or loser.request_json is None:
        return
    prompt, other = sent_messages(winner.request_json), sent_messages(loser.request_json)
    same = prompt == other
    yield {
        "prompt": prompt,
        "chosen": [{"role": "assistant", "content": winner.output}],
        "rejected": [{"role": "assistant", "content": loser.output}],
        "metadata": {
            "run_id": winner.run_id,
            "case_id": winner.case_id,
            "part": winner.part,
            "judge": vote.owner,
            "by_model": vote.by_model,
            "voted_utc": datetime.fromtimestamp(vote.created, UTC).isoformat(timespec="milliseconds"),
            "same_prompt": same,
            "chosen": _origin(winner),
            "rejected": _origin(loser) | ({} if same else {"messages": other}),
        },
    }


def _origin(row: ResultRow) -> dict[str, Any]:
    parameters = {spec.column: row.parameters[spec.column] for spec in SPECS if spec.column}
    return {name: getattr(row, name) for name in _ORIGIN} | parameters


def sent_messages(request_json: str) -> list[dict[str, Any]]:
    """Returns the messages as they were sent; the prompt of a plain continuation becomes a user message."""
    body = json.loads(request_json)
    if "messages" in body:
        return list(body["messages"])
    return [{"role": "user", "content": str(body.get("prompt", ""))}]
