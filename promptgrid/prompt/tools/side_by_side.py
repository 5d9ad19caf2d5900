"""The calls of tools in several replies, side by side. Pure."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from promptgrid.prompt.tools.tool import ToolCall


@dataclass(frozen=True, slots=True)
class AlignedCall:
    """The same call in several replies: one of `calls` for each of them, None where the reply does not have it.
    `differing` names the arguments that are not the same in all; "call" stands for a reply without the call."""

    name: str
    calls: Sequence[ToolCall | None]
    differing: Sequence[str]


def aligned(replies: Sequence[Sequence[ToolCall]]) -> list[AlignedCall]:
    """Returns the calls of the replies in rows: the n-th call of a tool in one reply stands beside the n-th call of
    that tool in the others. The order is that of the first appearance."""
    rows: dict[tuple[str, int], list[ToolCall | None]] = defaultdict(lambda: [None] * len(replies))
    for at, calls in enumerate(replies):
        seen: Counter[str] = Counter()
        for call in calls:
            rows[call.name, seen[call.name]][at] = call
            seen[call.name] += 1
    return [AlignedCall(name, calls, _differing(calls)) for (name, _), calls in rows.items()]


def written(call: ToolCall) -> str:
    """Returns the call in one line, as `name(city="Oslo")`; arguments that are no JSON object stand as they are."""
    arguments = _arguments(call)
    if arguments is None:
        return f"{call.name}({call.arguments})"
    values = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items())
    return f"{call.name}({', '.join(values)})"


def _differing(calls: Sequence[ToolCall | None]) -> list[str]:
    made = [call for call in calls if call is not None]
    missing = ["call"] if len(made) < len(calls) else []
    read = [_arguments(call) for call in made]
    objects = [one for one in read if one is not None]
    if len(objects) < len(read):
        return missing + (["arguments"] if len({call.arguments for call in made}) > 1 else [])
    names = dict.fromkeys(name for one in objects for name in one)
    return missing + [name for name in names if len({_canonical(one, name) for one in objects}) > 1]


def _canonical(arguments: Mapping[str, Any], name: str) -> str:
    return json.dumps(arguments[name], sort_keys=True) if name in arguments else ""


def _arguments(call: ToolCall) -> Mapping[str, Any] | None:
    with suppress(ValueError, RecursionError):
        value = json.loads(call.arguments.strip() or "{}")
        return value if isinstance(value, dict) else None
    return None
