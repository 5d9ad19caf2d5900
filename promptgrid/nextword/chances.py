"""A distribution over next tokens, and what temperature and top_p make of it. Pure.

An endpoint shows the likeliest tokens and hides the rest: their probability together is known (1 minus what is shown),
how it is spread over them is not. Reshaped by a temperature other than 1, the rest weighs between two bounds, and so
does each token that is shown. Nothing is made up: where all that can be said is a range, a range is told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from promptgrid.endpoint.base import TokenChance

VOCABULARY = 300_000
"""More tokens than any model in use has: what is not known of the rest is bounded with it."""

_SURE = 1e-9  # a rest that is smaller is rounding


@dataclass(frozen=True, slots=True)
class Chances:
    """The likeliest next tokens, the likeliest first, as the model holds them at temperature 1."""

    tokens: tuple[TokenChance, ...]

    @property
    def rest(self) -> float:
        """The probability of all tokens that are not shown, 0 to 1."""
        return max(0.0, 1.0 - math.fsum(math.exp(token.logprob) for token in self.tokens))


@dataclass(frozen=True, slots=True)
class Share:
    """A probability, 0 to 1, known to lie between `low` and `high`; they are equal where it is exact."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Shares:
    """What a sampler draws from: a share for each of the shown tokens, and that of the rest together.

    `kept` says for each shown token whether top_p keeps it: None where that depends on the rest.
    """

    tokens: tuple[Share, ...]
    rest: Share
    kept: tuple[Literal[True, False, None], ...]


def reshape(chances: Chances, temperature: float, top_p: float = 1.0, vocabulary: int = VOCABULARY) -> Shares:
    """softmax(logits / temperature), then the smallest set of likeliest tokens that holds `top_p` of it.

    At temperature 0 the likeliest token has it all (of equals the first). The order is that of the formula: temperature
    first, top_p on what it leaves. Logarithms of probabilities are logits up to a constant, which the softmax drops.
    """
    logprobs = [token.logprob for token in chances.tokens]
    if not logprobs:
        return Shares((), Share(1.0, 1.0), ())
    if temperature <= 0:
        only = tuple(Share(float(place == 0), float(place == 0)) for place in range(len(logprobs)))
        return Shares(only, Share(0.0, 0.0), tuple(place == 0 for place in range(len(logprobs))))
    top = logprobs[0]
    weights = [math.exp((logprob - top) / temperature) for logprob in logprobs]
    least, most = rest_weights(chances, temperature, vocabulary)
    light, heavy = _cut(weights, least, top_p), _cut(weights, most, top_p)
    tokens = [_share(weights, place, light, heavy) for place in range(len(weights))]
    kept = [True if place < light.kept else None if place < heavy.kept else False for place in range(len(weights))]
    rest = Share(light.hidden[0] / (light.held + light.hidden[0]), heavy.hidden[1] / (heavy.held + heavy.hidden[1]))
    return Shares(tuple(tokens), rest, tuple(kept))


def rest_weights(chances: Chances, temperature: float, vocabulary: int = VOCABULARY) -> tuple[float, float]:
    """The least and the most that the hidden tokens may weigh together, where the likeliest token weighs 1.

    No hidden token is likelier than the least likely shown one. The sum of p^(1/T) over a given mass is largest spread
    evenly and smallest heaped up for T > 1; the other way round for T < 1.
    """
    rest, hidden = chances.rest, vocabulary - len(chances.tokens)
    if rest <= _SURE or hidden <= 0:
        return 0.0, 0.0
    power = 1 / temperature
    scale = math.exp(-chances.tokens[0].logprob * power)
    ceiling = max(math.exp(chances.tokens[-1].logprob), rest / hidden)
    heaped = rest * ceiling ** (power - 1) * scale
    even = rest * (rest / hidden) ** (power - 1) * scale
    return min(heaped, even), max(heaped, even)


@dataclass(frozen=True, slots=True)
class _Cut:
    """What top_p leaves: the first `kept` tokens, which weigh `held`, and of the hidden ones at least and at most."""

    kept: int
    held: float
    hidden: tuple[float, float]


def _cut(weights: Sequence[float], rest: float, top_p: float) -> _Cut:
    """What is kept where the hidden tokens weigh `rest`. Those are less likely than any shown: they are cut first."""
    wanted = top_p * (math.fsum(weights) + rest) * (1 - _SURE)
    kept, held = 0, 0.0
    for weight in weights:
        if held >= wanted:
            return _Cut(kept, held, (0.0, 0.0))
        kept, held = kept + 1, held + weight
    missing = min(rest, max(0.0, wanted - held))
    # the last one kept may go beyond what is wanted, by its whole weight
    return _Cut(kept, held, (missing, min(rest, missing + weights[-1]) if missing or top_p == 1 else 0.0))


def _share(weights: Sequence[float], place: int, light: _Cut, heavy: _Cut) -> Share:
    """The heavier the rest, the more tokens are kept, and the less is left for each."""
    weight = weights[place]
    if place >= heavy.kept:
        return Share(0.0, 0.0)
    if place >= light.kept:  # kept from some weight of the rest on: it has most where it is the last one
        return Share(0.0, weight / math.fsum(weights[: place + 1]))
    return Share(weight / (heavy.held + heavy.hidden[1]), weight / (light.held + light.hidden[0]))
