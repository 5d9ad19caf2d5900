"""What a tuning by preferences has changed in what the model says: its replies to the held-out prompts, before and
after. Only the tuning's process imports this module."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch
from rapidfuzz.fuzz import ratio

from promptgrid import files
from promptgrid.tuning import base
from promptgrid.tuning.objective import generated
from promptgrid.tuning.training import Tuning

_PROMPTS, _MOST_TOKENS, _AT_ONCE = 32, 256, 8


def measured(tuning: Tuning) -> dict[str, Any]:
    """Returns the mean length of the replies to the held-out prompts (at most 32) before and after the tuning, in
    tokens, and the share of the prompts whose reply after it is more like the preferred than like the rejected one,
    compared with the reply before it; equal ones count half. Writes the replies to `replies.jsonl` of the job.

    The likeness is an edit distance (≈): what people prefer, their votes tell.
    """
    examples = tuning.job.examples("held_out")[:_PROMPTS]
    prompts = [example.prompt for example in tuning.held_out[:_PROMPTS]]
    most = min(_MOST_TOKENS, 2 * max(example.length - len(example.prompt) for example in tuning.held_out))
    base.set_adapter_state(tuning.model, tuning.best)
    tuning.model.eval()
    after = _replies(tuning, prompts, most)
    with tuning.model.disable_adapter():
        before = _replies(tuning, prompts, most)
    rows = [
        {**example, "before": one, "after": other} for example, one, other in zip(examples, before, after, strict=True)
    ]
    files.write(tuning.job.folder / "replies.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    gains = [_leaning(row, "after") - _leaning(row, "before") for row in rows]
    return {
        "held-out prompts": len(rows),
        "tokens of a reply before": _mean_tokens(tuning, before),
        "tokens of a reply after": _mean_tokens(tuning, after),
        "≈ share nearer to the preferred reply": round(fmean((gain > 0) + (gain == 0) / 2 for gain in gains), 3),
    }


def _replies(tuning: Tuning, prompts: Sequence[Sequence[int]], most: int) -> list[str]:
    texts: list[str] = []
    with torch.inference_mode():
        for start in range(0, len(prompts), _AT_ONCE):
            tuning.heed()
            texts += generated(tuning.model, tuning.tokenizer, prompts[start : start + _AT_ONCE], most)
    return texts


def _mean_tokens(tuning: Tuning, texts: Sequence[str]) -> float:
    return round(fmean(len(tuning.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts), 1)


def _leaning(row: dict[str, Any], which: str) -> float:
    """How much more a reply is like the preferred one than like the rejected one, from -1 to 1."""
    return (ratio(row[which], row["reply"]) - ratio(row[which], row["rejected"])) / 100
