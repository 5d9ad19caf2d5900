"""Chooses the turns of a conversation to send if not all of them fit into the context limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from promptgrid.prompt import Api
from promptgrid.techniques import PromptPart, Turn, messages_of
from promptgrid.tokens.context import ContextUse, budget, units
from promptgrid.tokens.count import Counter

WindowPolicy = Literal["keep-system", "oldest", "examples"]
POLICIES: tuple[WindowPolicy, ...] = get_args(WindowPolicy)

POLICY_WORDS: Mapping[WindowPolicy, str] = {
    "keep-system": "Drop the oldest, keep the system message",
    "oldest": "Drop the oldest, whatever it is",
    "examples": "Drop the examples first",
}
# The order of dropping: set by set, within a set the oldest first. The question is never dropped.
_ORDER: Mapping[WindowPolicy, Sequence[frozenset[PromptPart]]] = {
    "keep-system": [frozenset({"examples", "retrieved", "history"})],
    "oldest": [frozenset({"system", "examples", "retrieved", "history"})],
    "examples": [frozenset({"examples"}), frozenset({"retrieved", "history"})],
}


@dataclass(frozen=True, slots=True)
class TurnWindow:
    """The `indices` of the turns to send, and those of the dropped turns in order of dropping (`cut`).

    `budget` has the tokens of the turns to send; if it does not fit, no further turn may be dropped. `whole` has the
    tokens of all turns.
    """

    indices: tuple[int, ...]
    cut: tuple[int, ...]
    budget: ContextUse
    whole: ContextUse


def window(
    turns: Sequence[Turn],
    count: Counter,
    reserve: int,
    limit: int | None,
    policy: WindowPolicy = "keep-system",
    *,
    api: Api = "chat",
) -> TurnWindow:
    """Returns the turns to send. Drops as few as possible, in the policy's order, until the other turns and the
    `reserve` for the reply fit `limit`, all in tokens (None: nothing is dropped). `count` is the model's
    `tokens.counter`.

    `keep-system` drops the oldest turns but no system message, `oldest` system messages too, `examples` all examples
    before other turns. A question is dropped with its reply, an example as a whole; the last question stays. Texts
    retrieved for it are dropped after the earlier turns, the last one first. Each attempt counts the turns exactly as
    they are sent.
    """

    def budget_of(places: Sequence[int]) -> ContextUse:
        return budget([turns[at] for at in places], count, reserve, limit, api=api)

    def fits(dropped: int) -> bool:
        messages = messages_of(turns[at] for at in to_send(dropped))
        return limit is None or count(messages, api).tokens + reserve <= limit

    def to_send(dropped: int) -> list[int]:
        dropped_turns = {at for unit in candidates[:dropped] for at in unit}
        return [at for at in range(len(turns)) if at not in dropped_turns]

    candidates = _candidates(turns, policy)
    low, high = 0, len(candidates)
    while low < high:  # binary search for the fewest units to cut
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    whole = budget_of(range(len(turns)))
    rest = to_send(low)
    cut = tuple(at for unit in candidates[:low] for at in unit)
    return TurnWindow(tuple(rest), cut, budget_of(rest) if cut else whole, whole)


def _candidates(turns: Sequence[Turn], policy: WindowPolicy) -> list[list[int]]:
    """The groups of turns (by index) that the policy allows to drop, in the order of dropping. Of the texts that join
    the question the last one is dropped first: the best one stands first."""
    groups = [unit for unit in units(turns) if not turns[unit[0]].joins]
    groups += [[at] for at in reversed(range(len(turns))) if turns[at].joins]
    return [unit for parts in _ORDER[policy] for unit in groups if turns[unit[0]].part in parts]
