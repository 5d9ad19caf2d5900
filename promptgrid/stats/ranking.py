"""Ranks competitors by votes between two of them, and measures the position bias of these votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptgrid.stats.intervals import Floats, Interval, normal_quantile, wilson

_STEPS = 100
_CLOSE = 1e-12


@dataclass(frozen=True, slots=True)
class Ranking:
    """Strengths on the log-odds scale, with mean 0: x wins against y with probability 1 / (1 + exp(y - x)).

    `strengths` has one (strength, 95 % interval) for each competitor, in the order given. `regularised` is true where
    the votes have no finite maximum likelihood (a competitor won or lost everything, or groups never met); then each
    competitor is given half a win and half a loss against an imaginary one of mean strength.
    """

    strengths: tuple[tuple[float, Interval], ...]
    regularised: bool


def bradley_terry(wins: Sequence[Sequence[float]], level: float = 0.95) -> Ranking:
    """Returns the maximum likelihood ranking: `wins[i][j]` is how often i beat j; a tie counts half for each.

    Intervals are normal intervals from the Fisher information. Sources: R. Bradley and M. Terry, "Rank analysis of
    incomplete block designs", Biometrika 39 (1952); for when a finite maximum exists, L. Ford (1957).
    """
    won = np.array(wins, dtype=np.float64).reshape(len(wins), len(wins))
    np.fill_diagonal(won, 0.0)
    k = len(won)
    if k < 2:
        return Ranking(tuple((0.0, Interval(0.0, 0.0)) for _ in range(k)), regularised=False)
    regularised = not _all_reach_all(won)
    prior = 0.5 if regularised else 0.0
    strengths, covariance = _fitted(won, prior)
    half = normal_quantile(level) * np.sqrt(np.diag(covariance))
    return Ranking(
        tuple((float(s), Interval(float(s - h), float(s + h))) for s, h in zip(strengths, half, strict=True)),
        regularised,
    )


@dataclass(frozen=True, slots=True)
class PositionBias:
    """How often the left side won: `left` of `decided` votes, which do not include the `ties`.

    `share` with its 95 % `interval` (Wilson) is 0.5 without bias; `p` is the p-value of the exact binomial test for
    0.5. All three are None where all votes are ties or there are none.
    """

    left: int
    decided: int
    ties: int
    share: float | None
    interval: Interval | None
    p: float | None


def position_bias(left_wins: int, right_wins: int, ties: int = 0) -> PositionBias:
    """Returns the position bias of votes with shuffled sides: without bias the left side wins half of them.

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
