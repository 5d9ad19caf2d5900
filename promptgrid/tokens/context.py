"""The context budget: the tokens of each part of a request, and the tokens left. Pure: the counter is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from promptgrid.prompt import Api, Message
from promptgrid.techniques import PromptPart, Turn, messages_of
from promptgrid.tokens.count import Counter

PARTS: tuple[PromptPart, ...] = get_args(PromptPart)


@dataclass(frozen=True, slots=True)
class ContextUse:
    """The tokens of a request by part. The five parts (`system` to `question`), the definitions of `tools` and the
    overhead of the chat `format` add up to `total`.

    `reserve` is set aside for the reply and is not in the total. Without a known `limit` everything `fits`.
    `more_examples` and `more_turns` estimate how many more examples, and how many more questions with their replies,
    would fit; each is None if the limit is unknown, or if the request has none yet by which to estimate their size.
    `sizes` has the tokens of each turn's text, in order. `reason` says why the counts are not `exact`.
    """

    system: int
    examples: int
    retrieved: int
    history: int
    question: int
    format: int
    reserve: int
    total: int
    limit: int | None
    fits: bool
    more_examples: int | None
    more_turns: int | None
    exact: bool
    reason: str
    sizes: tuple[int, ...]
    tools: int = 0

    @property
    def parts(self) -> list[tuple[str, int]]:
        """The (name, tokens) of each part of the request, in the usual order of sending, of the tools, and of the chat
        format."""
        return [*((name, getattr(self, name)) for name in PARTS), ("tools", self.tools), ("chat format", self.format)]


def budget(
    turns: Sequence[Turn],
    count: Counter,
    reserve: int,
    limit: int | None,
    *,
    api: Api = "chat",
    tools: Sequence[Any] = (),
    retrieved: str = "",
) -> ContextUse:
    """Returns how the turns, in this order, fill the context. `count` is the model's `tokens.counter`, `reserve` the
    tokens set aside for the reply, `limit` the model's context limit (None: unknown). For the `api` "completion" no
    chat format is counted. `tools` are the definitions of tools in the protocol's JSON. `retrieved` is the text of the
    passages that one of the turns shows: its tokens count as those of the part of that name."""
    plain = count(messages_of(turns), api)
    whole = count(messages_of(turns), api, tools) if tools else plain
    sizes = _sizes(plain.tokens, turns, count)
    parts = dict.fromkeys(PARTS, 0)
    for turn, size in zip(turns, sizes, strict=True):
        parts[turn.part] += size
        if retrieved and retrieved in turn.message.text:
            moved = min(size, count([Message("user", retrieved)], "completion").tokens)
            parts[turn.part] -= moved
            parts["retrieved"] += moved
            retrieved = ""
    left = None if limit is None else limit - whole.tokens - reserve

    groups = units(turns)

    def more(part: PromptPart) -> int | None:
        """Estimates how many more units of this part fit: examples, or questions with their replies. The mean size of a
        unit is found by counting a request in which each of these units stands twice. None if the limit is unknown or
        the part has no unit."""
        number = sum(turns[unit[0]].part == part for unit in groups)
        if left is None or not number:
            return None
        twice = [turns[at] for unit in groups for at in (unit * 2 if turns[unit[0]].part == part else unit)]
        added = count(messages_of(twice), api).tokens - plain.tokens
        return max(0, left * number // added) if added > 0 else None

    return ContextUse(
        **parts,
        format=plain.tokens - sum(sizes),
        tools=whole.tokens - plain.tokens,
        reserve=reserve,
        total=whole.tokens,
        limit=limit,
        fits=left is None or left >= 0,
        more_examples=more("examples"),
        more_turns=more("history"),
        exact=whole.exact,
        reason=whole.reason,
        sizes=tuple(sizes),
    )


def units(turns: Sequence[Turn]) -> list[list[int]]:
    """Groups the indices of turns that may only be dropped together: a question with its replies, and the turns of an
    example. Every other turn is a group of its own."""
    groups: list[list[int]] = []
    for at, turn in enumerate(turns):
        goes_on = at > 0 and turn.message.role == "assistant" and _may_follow(turns[at - 1], turn)
        if goes_on:
            groups[-1].append(at)
        else:
            groups.append([at])
    return groups


def _may_follow(before: Turn, turn: Turn) -> bool:
    return before.part == turn.part and before.message.role != "system"


def _sizes(total: int, turns: Sequence[Turn], count: Counter) -> list[int]:
    """The tokens of each turn's text, in order; `total` is that of the whole request. Joined texts may have fewer
    tokens than separate ones: then the longest turn's count is reduced by the difference."""
    sizes = [count([Message("user", turn.message.text)], "completion").tokens for turn in turns]
    if sizes and (saved := sum(sizes) - total) > 0:
        sizes[sizes.index(max(sizes))] -= saved
    return sizes
