"""The memory window: what of a conversation still reaches the model when not all of it fits, and what goes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from promptgrid.prompt import Api
from promptgrid.techniques import PromptPart, Turn
from promptgrid.tokens.context import ContextUse, budget, units
from promptgrid.tokens.count import Counter

WindowPolicy = Literal["keep-system", "oldest", "examples"]
POLICIES: tuple[WindowPolicy, ...] = get_args(WindowPolicy)

POLICY_WORDS: Mapping[WindowPolicy, str] = {
    "keep-system": "Drop the oldest, keep the system message",
    "oldest": "Drop the oldest, whatever it is",
    "examples": "Drop the examples first",
}
# What goes first: parts in one row go by age, a row goes before the next. The question always stays.
_ORDER: Mapping[WindowPolicy, Sequence[frozenset[PromptPart]]] = {
    "keep-system": [frozenset({"examples", "retrieved", "history"})],
    "oldest": [frozenset({"system", "examples", "retrieved", "history"})],
    "examples": [frozenset({"examples"}), frozenset({"retrieved", "history"})],
}


@dataclass(frozen=True, slots=True)
class TurnWindow:
    """`kept` are the indices of the turns that are sent, `cut` those that are not, in the order in which they go.

    `budget` is that of what is sent; where it does not fit, nothing more can be cut. `whole` is that of all turns.
    """

    kept: tuple[int, ...]
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
    """Cuts as little as the policy allows until the turns and the `reserve` for the reply fit into `limit`.

    A question goes with its reply, an example as a whole. Exact: each try counts the conversation as it would be sent.
    """

    def of(indices: Sequence[int]) -> ContextUse:
        return budget([turns[at] for at in indices], count, reserve, limit, api=api)

    def fits(dropped: int) -> bool:
        messages = [turns[at].message for at in kept(dropped)]
        return limit is None or count(messages, api).tokens + reserve <= limit

    def kept(dropped: int) -> list[int]:
        gone = {at for unit in going[:dropped] for at in unit}
        return [at for at in range(len(turns)) if at not in gone]

    going = _going(turns, policy)
    low, high = 0, len(going)
    while low < high:  # how many must go at least
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    whole = of(range(len(turns)))
    left = kept(low)
    cut = tuple(at for unit in going[:low] for at in unit)
    return TurnWindow(tuple(left), cut, of(left) if cut else whole, whole)


def _going(turns: Sequence[Turn], policy: WindowPolicy) -> list[list[int]]:
    """All units that may go, the first to go first."""
    found = units(turns)
    return [unit for parts in _ORDER[policy] for unit in found if turns[unit[0]].part in parts]
