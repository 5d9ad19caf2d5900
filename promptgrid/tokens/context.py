"""The context budget: what fills the window, part by part, and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptgrid.prompt import Api, Message
from promptgrid.tokens.count import count_messages, count_text

PARTS = ("system", "examples", "history", "question")


@dataclass(frozen=True, slots=True)
class Budget:
    """All in tokens. `system + examples + question + history == total`: chat overhead is shared out among the parts.

    `reserve` is kept for the reply, beside the total. `limit` is None where the context is not known; then it `fits`.
    `more_examples` of average length would fit too; None where there is no limit or no example to go by.
    """

    system: int
    examples: int
    question: int
    history: int
    reserve: int
    total: int
    limit: int | None
    fits: bool
    more_examples: int | None
    exact: bool
    reason: str


def budget(
    parts: Mapping[str, Sequence[Message]],
    model_ref: str,
    reserve: int,
    limit: int | None,
    *,
    api: Api = "chat",
    example_count: int | None = None,
) -> Budget:
    """Adds up the parts `system`, `examples`, `history` and `question` (any may be missing) in this order.

    `example_count` says how many examples there are where they stand in one text; else each assistant turn is one.
    """
    groups = {name: list(parts.get(name, ())) for name in PARTS}
    whole = count_messages(_in_order(groups), model_ref, api)
    sizes = _shared_out(whole.tokens, groups, model_ref)
    left = None if limit is None else limit - whole.tokens - reserve
    if example_count is None:
        example_count = sum(message.role == "assistant" for message in groups["examples"])
    return Budget(
        **sizes,
        reserve=reserve,
        total=whole.tokens,
        limit=limit,
        fits=left is None or left >= 0,
        more_examples=_more(left, example_count, whole.tokens, groups, model_ref, api),
        exact=whole.exact,
        reason=whole.reason,
    )


def _shared_out(total: int, groups: Mapping[str, Sequence[Message]], model_ref: str) -> dict[str, int]:
    """Each part's own text, and of what the chat format adds a share by its number of messages."""
    texts = {name: sum(count_text(m.text, model_ref).tokens for m in group) for name, group in groups.items()}
    messages = sum(map(len, groups.values()))
    overhead = total - sum(texts.values())
    sizes, seen, given = dict(texts), 0, 0
    for name, group in groups.items():
        seen += len(group)
        due = overhead * seen // messages if messages else 0
        sizes[name] += due - given
        given = due
    sizes["question"] += overhead - given
    return sizes


def _in_order(groups: Mapping[str, Sequence[Message]]) -> list[Message]:
    return [message for name in PARTS for message in groups[name]]


def _more(
    left: int | None, examples: int, total: int, groups: Mapping[str, Sequence[Message]], model_ref: str, api: Api
) -> int | None:
    """How many more examples fit, when all of them once more would cost what they really cost in this chat."""
    if left is None or not examples:
        return None
    twice = {**groups, "examples": [*groups["examples"], *groups["examples"]]}
    added = count_messages(_in_order(twice), model_ref, api).tokens - total
    return max(0, left * examples // added) if added > 0 else None
