"""Reads the token counts that an endpoint reports. An implausible count becomes unknown (None), with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

from promptgrid.text import one_line

MOST = 10_000_000  # tokens of one call; no model reads or writes that many
_QUOTE = 120


@dataclass(frozen=True, slots=True)
class Usage:
    """The reported token counts of one call; None if missing or implausible. `problem` says which reported count is
    implausible; it is empty if none is."""

    prompt: int | None = None
    completion: int | None = None
    reasoning: int | None = None
    cached: int | None = None
    problem: str = ""


def read_usage(data: Mapping[str, Any]) -> Usage:
    """Returns the token counts that a response, or an event of a stream, reports (field `usage`).

    `completion` always includes the reasoning tokens: they are added if the endpoint counts them separately.
    """
    usage = _object(data.get("usage"))
    prompt = _either(usage, "prompt_tokens", "input_tokens")
    completion = _either(usage, "completion_tokens", "output_tokens")
    cached = count(_object(usage.get("prompt_tokens_details")).get("cached_tokens"))
    reasoning = count(_object(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    prompt_count = count(prompt) or None  # 0 is implausible: every prompt has a token
    whole = _whole_completion(prompt_count, count(completion), reasoning, count(usage.get("total_tokens")))
    reported = (("prompt", prompt, prompt_count), ("completion", completion, whole))
    wrong = [one_line(f"{value!r} {name} tokens", _QUOTE) for name, value, counted in reported
             if value is not None and counted is None]  # fmt: skip
    return Usage(
        prompt=prompt_count,
        completion=whole,
        reasoning=reasoning,
        cached=cached if cached is not None else count(usage.get("prompt_cache_hit_tokens")),  # DeepSeek's name
        problem=", ".join(wrong),
    )


def without_nothing(usage: Usage) -> Usage:
    """Returns the usage of a reply that has a text. A report of 0 completion tokens is then implausible: it becomes
    None, with a `problem`."""
    if usage.completion != 0:
        return usage
    return replace(usage, completion=None, problem=usage.problem or "0 completion tokens for a reply with a text")


def shares(total: int | None, weights: Sequence[int]) -> list[int | None]:
    """Splits `total` into whole numbers in proportion to the weights; their sum is `total`. Returns a None for each
    weight if `total` is None."""
    if total is None:
        return [None] * len(weights)
    if not sum(weights):
        weights = [1] * len(weights)
    bounds = [round(total * part / sum(weights)) for part in accumulate(weights, initial=0)]
    return [end - start for start, end in pairwise(bounds)]


def count(value: Any) -> int | None:
    """Returns the value if it is a plausible number of tokens (a whole number from 0 to 10 million), else None."""
    return value if type(value) is int and 0 <= value <= MOST else None


def _whole_completion(
    prompt: int | None, completion: int | None, reasoning: int | None, total: int | None
) -> int | None:
    """Returns the number of completion tokens with reasoning included. Some endpoints count reasoning separately: then
    `total` is larger than prompt plus completion, or there are more reasoning than completion tokens; here they are
    added."""
    if prompt is not None and total is not None and total > prompt + (completion or 0):
        return total - prompt
    if completion is not None and (reasoning or 0) > completion:
        return completion + (reasoning or 0)
    return completion


def _either(usage: Mapping[str, Any], name: str, other: str) -> Any:
    return usage.get(name, usage.get(other))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
