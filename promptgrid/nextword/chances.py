"""A distribution over next tokens, its reshaping by temperature and top_p, and the surprise of a token. Pure.

An endpoint returns the likeliest tokens and hides the rest. The probability of the rest is 1 minus the sum of the
listed tokens, but its distribution over the hidden tokens is unknown. At a temperature other than 1, the weight of the
rest and the share of each listed token are therefore known only as ranges.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from promptgrid.endpoint.base import TokenChance, TokenStep

VOCABULARY = 300_000
"""A number of tokens larger than the vocabulary of any current model; bounds the number of hidden tokens."""

_SURE = 1e-9  # a smaller rest is rounding error


@dataclass(frozen=True, slots=True)
class Chances:
    """The likeliest next tokens, in descending order, with their probabilities at temperature 1."""

    tokens: tuple[TokenChance, ...]

    @property
    def rest(self) -> float:
        """The total probability, 0 to 1, of all tokens that the endpoint did not list."""
        return max(0.0, 1.0 - math.fsum(math.exp(token.logprob) for token in self.tokens))


@dataclass(frozen=True, slots=True)
class Share:
    """A probability known to lie between `low` and `high`, 0 to 1. Both are equal if the probability is exact."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Shares:
    """The probabilities with which a sampler draws the next token: a share for each listed token, and one (`rest`) for
    all tokens that the endpoint did not list.

    `kept` says for each listed token whether top_p keeps it. None: that depends on the unlisted tokens, whose single
    probabilities are unknown.
    """

    tokens: tuple[Share, ...]
    rest: Share
    kept: tuple[Literal[True, False, None], ...]


def reshape(chances: Chances, temperature: float, top_p: float = 1.0, vocabulary: int = VOCABULARY) -> Shares:
    """Returns the probabilities of the next token at this temperature and top_p. top_p keeps the smallest set of
    likeliest tokens whose shares reach `top_p`, and drops the others.

    At temperature 0 the likeliest token (the first of several equal ones) has share 1. `vocabulary` is an upper bound
    of the model's number of tokens. Log probabilities replace the logits in softmax(logits / temperature): the two
    differ by a constant, which the softmax cancels.
    """
    logprobs = [token.logprob for token in chances.tokens]
    if not logprobs:
        return Shares((), Share(1.0, 1.0), ())
    if temperature <= 0:
        shares = tuple(Share(float(place == 0), float(place == 0)) for place in range(len(logprobs)))
        return Shares(shares, Share(0.0, 0.0), tuple(place == 0 for place in range(len(logprobs))))
    top = logprobs[0]
    weights = [math.exp((logprob - top) / temperature) for logprob in logprobs]
    least, most = rest_weights(chances, temperature, vocabulary)
    light, heavy = _cut(weights, least, top_p), _cut(weights, most, top_p)
    tokens = [_share(weights, place, light, heavy) for place in range(len(weights))]
    kept = [True if place < light.count else None if place < heavy.count else False for place in range(len(weights))]
    rest = Share(light.hidden[0] / (light.weight + light.hidden[0]), heavy.hidden[1] / (heavy.weight + heavy.hidden[1]))
    return Shares(tuple(tokens), rest, tuple(kept))


def rest_weights(chances: Chances, temperature: float, vocabulary: int = VOCABULARY) -> tuple[float, float]:
    """Returns (the smallest, the largest) possible total weight of the unlisted tokens at this temperature, where the
    likeliest token has the weight 1. `vocabulary` is an upper bound of the model's number of tokens.

    No unlisted token is likelier than the last listed one. Above temperature 1 the total is largest if the tokens are
    equally likely, and smallest if few tokens have all the probability; below 1 the reverse.
    """
    rest, hidden = chances.rest, vocabulary - len(chances.tokens)
    if rest <= _SURE or hidden <= 0:
        return 0.0, 0.0
    power = 1 / temperature
    scale = math.exp(-chances.tokens[0].logprob * power)
    ceiling = max(math.exp(chances.tokens[-1].logprob), rest / hidden)
    concentrated = rest * ceiling ** (power - 1) * scale
    even = rest * (rest / hidden) ** (power - 1) * scale
    return min(concentrated, even), max(concentrated, even)


@dataclass(frozen=True, slots=True)
class _Cut:
    """What top_p keeps: the first `count` listed tokens, whose total weight is `weight`, and unlisted tokens, whose
    total weight is between the two numbers of `hidden`."""

    count: int
    weight: float
    hidden: tuple[float, float]


def _cut(weights: Sequence[float], rest: float, top_p: float) -> _Cut:
    """Returns what top_p keeps of listed tokens with these weights, if the unlisted tokens together weigh `rest`.
    Unlisted tokens are the least likely, so they are dropped first."""
    target = top_p * (math.fsum(weights) + rest) * (1 - _SURE)
    count, total = 0, 0.0
    for weight in weights:
        if total >= target:
            return _Cut(count, total, (0.0, 0.0))
        count, total = count + 1, total + weight
    missing = min(rest, max(0.0, target - total))
    # the last token kept may exceed the target by its whole weight
    return _Cut(count, total, (missing, min(rest, missing + weights[-1]) if missing or top_p == 1 else 0.0))


def _share(weights: Sequence[float], place: int, light: _Cut, heavy: _Cut) -> Share:
    """Returns the share of the listed token number `place`, as a range. `light` and `heavy` are what top_p keeps if the
    unlisted tokens have their smallest or their largest weight."""
    weight = weights[place]
    if place >= heavy.count:
        return Share(0.0, 0.0)
    if place >= light.count:  # kept only if the rest is heavy enough; its share is largest if it is the last one
        return Share(0.0, weight / math.fsum(weights[: place + 1]))
    return Share(weight / (heavy.weight + heavy.hidden[1]), weight / (light.weight + light.hidden[0]))


def bits(logprob: float) -> float:
    """Returns the surprise of a token in bits, from its natural log probability: 0 for a certain token, 1 for a
    probability of 50 %."""
    return -logprob / math.log(2)


def perplexity(steps: Iterable[TokenStep]) -> float | None:
    """Returns the perplexity of a text by the probabilities of its tokens: exp of the mean surprise in nats. It reads
    as the number of equally likely tokens from which the model chose at each step.

    Ignores steps without a known probability; returns None if no step has one.
    """
    logprobs = [step.logprob for step in steps if step.logprob is not None]
    if not logprobs:
        return None
    try:
        return math.exp(-math.fsum(logprobs) / len(logprobs))
    except OverflowError:  # some endpoints report -9999 for "never"
        return math.inf
