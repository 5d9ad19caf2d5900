"""Ranks competitors by votes between two of them, and measures the position bias of these votes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from promptgrid.stats.intervals import Floats, Interval, normal_quantile, wilson

_Indices = NDArray[np.int64]

_STEPS = 100
_CLOSE = 1e-12


class PairVote(NamedTuple):
    """A vote on two competitors, `a` and `b`, by index: `won` is 1 if a is better, 0 if b is, 0.5 for a tie. `item`
    identifies what was judged: votes with the same item are on the same two things."""

    item: Hashable
    a: int
    b: int
    won: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Strengths on the log-odds scale, with mean 0: x wins against y with probability 1 / (1 + exp(y - x)).

    strengths     one (strength, 95 % interval) for each competitor, in the order given
    shares        one (share, 95 % interval) for each competitor: the mean of its probabilities to win against each
                  other one, 0 to 1
    apart         `apart[i][j]` is the p-value of the difference of two strengths (Wald's test), corrected for the
                  number of all pairs by Bonferroni's method
    regularised   whether the votes have no finite maximum likelihood (a competitor won or lost everything, or groups
                  never met); then each competitor is given half a win and half a loss against an imaginary one of mean
                  strength
    """

    strengths: tuple[tuple[float, Interval], ...]
    shares: tuple[tuple[float, Interval], ...]
    apart: tuple[tuple[float, ...], ...]
    regularised: bool


def bradley_terry(wins: Sequence[Sequence[float]], level: float = 0.95) -> Ranking:
    """Returns the maximum likelihood ranking: `wins[i][j]` is how often i beat j; a tie counts half for each.

    The votes must be independent; `independent_wins` makes them so. Intervals of strengths are normal intervals from
    the Fisher information, those of shares the same by the delta method on the log-odds scale. Sources: R. Bradley and
    M. Terry, "Rank analysis of incomplete block designs", Biometrika 39 (1952); for when a finite maximum exists,
    L. Ford (1957).
    """
    won = np.array(wins, dtype=np.float64).reshape(len(wins), len(wins))
    np.fill_diagonal(won, 0.0)
    k = len(won)
    if k < 2:
        alone = tuple((0.0, Interval(0.0, 0.0)) for _ in range(k))
        return Ranking(alone, tuple((0.5, Interval(0.0, 1.0)) for _ in range(k)), ((1.0,),) * k, regularised=False)
    regularised = not _all_reach_all(won)
    strengths, covariance = _fitted(won, 0.5 if regularised else 0.0)
    z = normal_quantile(level)
    half = z * np.sqrt(np.diag(covariance))
    return Ranking(
        tuple((float(s), Interval(float(s - h), float(s + h))) for s, h in zip(strengths, half, strict=True)),
        tuple(_share(i, strengths, covariance, z) for i in range(k)),
        _apart(strengths, covariance),
        regularised,
    )


def independent_wins(size: int, votes: Sequence[PairVote]) -> list[list[float]]:
    """Returns the wins for `bradley_terry` from votes on `size` competitors, of which several may be on the same item.

    Judges who agree give less evidence than their number says: m votes on an item weigh as much as m / (1 + (m - 1) r)
    independent ones, where r is the correlation of the votes on an item, at least 0. Sources: J. Rao and A. Scott, "A
    simple method for the analysis of clustered binary data", Biometrics 48 (1992), for the weights; K.-Y. Liang and
    S. Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 73 (1986), for r from the
    residuals of the ranking by unweighted votes.
    """
    numbers: dict[Hashable, int] = {}
    item = np.array([numbers.setdefault(vote.item, len(numbers)) for vote in votes], dtype=np.int64)
    forward = [vote if vote.a < vote.b else PairVote(vote.item, vote.b, vote.a, 1 - vote.won) for vote in votes]
    a, b = (np.array([vote[at] for vote in forward], dtype=np.int64) for at in (1, 2))
    won = np.array([vote.won for vote in forward], dtype=np.float64)
    once = _wins(size, a, b, won, np.ones(len(won)))
    together = np.bincount(item)[item] if len(item) else np.ones(0)
    weights = 1 / (1 + (together - 1) * _correlation(once, item, a, b, won))
    wins: list[list[float]] = _wins(size, a, b, won, weights).tolist()
    return wins


def _wins(size: int, a: _Indices, b: _Indices, won: Floats, weights: Floats) -> Floats:
    wins = np.zeros((size, size))
    np.add.at(wins, (a, b), won * weights)
    np.add.at(wins, (b, a), (1 - won) * weights)
    return wins


def _correlation(wins: Floats, item: _Indices, a: _Indices, b: _Indices, won: Floats) -> float:
    """Returns the correlation of the residuals of two votes on the same item, 0 to 1; 0 if no item has two votes.
    `item`, `a`, `b` and `won` have an entry per vote (see PairVote); `wins` are all votes as for `bradley_terry`."""
    votes = np.bincount(item)
    pairs = float((votes * (votes - 1)).sum())
    if not pairs:
        return 0.0
    strength = np.array([strength for strength, _ in bradley_terry(wins.tolist()).strengths])
    residual = won - 1 / (1 + np.exp(strength[b] - strength[a]))
    of_items = np.bincount(item, weights=residual) ** 2 - np.bincount(item, weights=residual**2)
    freedom = max(1, len(votes) - (len(np.unique([*a, *b])) - 1))
    of_items = of_items.sum() / pairs * len(votes) / freedom
    return float(np.clip(of_items / max(float((residual**2).mean()), _CLOSE), 0, 1))


def _share(i: int, strengths: Floats, covariance: Floats, z: float) -> tuple[float, Interval]:
    others = np.arange(len(strengths)) != i
    chance = 1 / (1 + np.exp(strengths[others] - strengths[i]))
    slope = np.zeros(len(strengths))
    slope[others] = -chance * (1 - chance) / len(chance)
    slope[i] = -slope.sum()
    share = float(chance.mean())
    inner = max(share * (1 - share), _CLOSE)
    half, middle = z * math.sqrt(max(0.0, float(slope @ covariance @ slope))) / inner, math.log(share / (1 - share))
    low, high = (0.5 * (1 + math.tanh(end / 2)) for end in (middle - half, middle + half))
    return share, Interval(low, high)


def _apart(strengths: Floats, covariance: Floats) -> tuple[tuple[float, ...], ...]:
    variance = np.diag(covariance)[:, None] + np.diag(covariance)[None, :] - 2 * covariance
    z = np.abs(strengths[:, None] - strengths[None, :]) / np.sqrt(np.maximum(variance, _CLOSE))
    pairs = len(strengths) * (len(strengths) - 1) // 2
    return tuple(tuple(min(1.0, pairs * math.erfc(one / math.sqrt(2))) for one in row) for row in z.tolist())


@dataclass(frozen=True, slots=True)
class PositionBias:
    """How often the left reply won: in `left` of `decided` votes, which do not include the `ties`. For a judge that has
    seen each pair in both orders, `decided` are the pairs in which it preferred the same place in both, `left` those of
    them in which that was the first place.

    `share` (`left` of `decided`) with its 95 % `interval` (Wilson) is about 0.5 without bias; `p` is the p-value of the
    exact binomial test for 0.5. All three are None where all votes are ties or there are none.
    """

    left: int
    decided: int
    ties: int
    share: float | None
    interval: Interval | None
    p: float | None


def position_bias(left_wins: int, right_wins: int, ties: int = 0) -> PositionBias:
    """Returns the position bias of votes on pairs whose sides were drawn at random: without bias the left side wins
    half of them. `left_wins` and `right_wins` may also count the pairs in which a judge preferred the first or the
    second place in both orders.

    Source of the concern: L. Zheng et al., "Judging LLM-as-a-judge with MT-Bench and Chatbot Arena" (2023).
    """
    from promptgrid.stats.chance import mcnemar

    decided = left_wins + right_wins
    if decided == 0:
        return PositionBias(0, 0, ties, None, None, None)
    interval = wilson(left_wins, decided)
    return PositionBias(left_wins, decided, ties, left_wins / decided, interval, mcnemar(left_wins, right_wins))


def _all_reach_all(won: Floats) -> bool:
    """Returns whether the votes have a finite maximum likelihood: a chain of wins must lead from each competitor to
    every other. `won[i][j]` is how often i beat j."""
    reach = (won > 0) | np.eye(len(won), dtype=bool)
    for _ in range(len(won).bit_length()):
        reach = (reach.astype(np.int64) @ reach) > 0
    return bool(reach.all())


def _fitted(won: Floats, prior: float) -> tuple[Floats, Floats]:
    """Returns (strengths of mean 0, their covariance) that maximize the likelihood of the votes `won`, by Newton's
    method.

    Each competitor gets `prior` additional wins and losses against an imaginary competitor of strength 0.
    """
    k = len(won)
    votes = won + won.T
    strengths = np.zeros(k)
    information = np.eye(k)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
        against_mean = 1 / (1 + np.exp(-strengths))
        slope = (won - votes * chance).sum(axis=1) + prior * (1 - 2 * against_mean)
        weight = votes * chance * (1 - chance)
        information = np.diag(weight.sum(axis=1) + 2 * prior * against_mean * (1 - against_mean)) - weight
        step = np.linalg.pinv(information, hermitian=True) @ slope
        strengths = strengths + step * min(1.0, 2.0 / max(float(np.abs(step).max()), _CLOSE))
        if np.abs(step).max() < _CLOSE:
            break
    centre = np.eye(k) - 1 / k
    return centre @ strengths, centre @ np.linalg.pinv(information, hermitian=True) @ centre
