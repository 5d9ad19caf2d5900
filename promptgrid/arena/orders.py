"""Measures the position bias of models: each judges a pair in both orders, and its preferences should not change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promptgrid.stats import PositionBias, position_bias
from promptgrid.store.votes import Vote


@dataclass(frozen=True, slots=True)
class OrderBias:
    """How often a model's preference changed with the order of the two replies.

    pairs      number of pairs that the model judged in both orders
    changed    number of these in which it did not prefer the same reply twice: it preferred the first place twice, the
               second place twice, or saw a tie in one order only
    places     bias in the pairs in which it preferred the same place twice: `left` counts those with the first place,
               `p` is the p-value for no bias
    """

    judge: str
    pairs: int
    changed: int
    places: PositionBias

    @property
    def share(self) -> float:
        """The share of pairs in which the preference changed: 1 for a judge that always prefers the same place."""
        return self.changed / self.pairs


def order_biases(votes: Sequence[Vote]) -> list[OrderBias]:
    """Returns the position bias of each model that judged pairs in both orders. If it judged a pair more than once, its
    latest vote counts."""
    by_model: dict[str, dict[frozenset[int], str]] = {}
    for vote in votes:
        if vote.orders:
            pair = frozenset((vote.left_position, vote.right_position))
            by_model.setdefault(vote.owner, {})[pair] = vote.orders
    return [_order_bias(judge, list(orders.values())) for judge, orders in by_model.items()]


def _order_bias(judge: str, orders: Sequence[str]) -> OrderBias:
    same = sum(words in ("first second", "second first", "tie tie") for words in orders)
    first, second = orders.count("first first"), orders.count("second second")
    return OrderBias(judge, len(orders), len(orders) - same, position_bias(first, second))
