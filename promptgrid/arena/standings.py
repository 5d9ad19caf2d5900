"""What the votes say: which variant wins how often, how sure that is, and how far the judges agree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from promptgrid.arena.pairs import Arena
from promptgrid.stats import Interval, PositionBias, bradley_terry, cohen_kappa, krippendorff_alpha, position_bias
from promptgrid.store.votes import Vote, VoteOutcome

PEOPLE = "people together"

_Verdicts = Mapping[tuple[int, int], int | None]  # two cells, the smaller position first -> the better one, None: a tie


@dataclass(frozen=True, slots=True)
class Standing:
    """One variant among the others: `share` of the votes it would win against a variant of mean strength, 0 to 1, with
    its 95 % `interval` (Bradley–Terry), and the votes it had."""

    variant: int
    label: str
    share: float
    interval: Interval
    won: int
    lost: int
    tied: int


@dataclass(frozen=True, slots=True)
class Standings:
    """`ranked`: the variants that have votes, best first. `won[i][j]` and `tied[i][j]` count votes between variants by
    their place in the arena. `regularised`: the votes alone have no finite answer (see stats.Ranking).

    `votes` are those that count, ties with them; `skipped` and `stale` ones (their replies are gone) do not.
    """

    ranked: Sequence[Standing]
    won: Sequence[Sequence[int]]
    tied: Sequence[Sequence[int]]
    regularised: bool
    bias: PositionBias
    votes: int
    skipped: int
    stale: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two judges agree about the pairs that both have judged: `same` of `both`, and Cohen's `kappa`, None
    where it is not defined (no pair, or one and the same verdict throughout)."""

    one: str
    other: str
    both: int
    same: int
    kappa: float | None


@dataclass(frozen=True, slots=True)
class AgreementOfAll:
    """How far all judges agree, by Krippendorff's `alpha`: 1 is full agreement, 0 what chance would bring. None: no
    pair has two verdicts, or all verdicts are the same."""

    judges: int
    alpha: float | None


def standings(arena: Arena, votes: Sequence[Vote]) -> Standings:
    """The ranking by these votes; a tie counts half for each side."""
    given = Counter[VoteOutcome](vote.outcome for vote in votes)
    counted = [vote for vote in votes if vote.outcome != "skip" and arena.duel_of(vote)]
    size = range(len(arena.variants))
    won, tied = [[0 for _ in size] for _ in size], [[0 for _ in size] for _ in size]
    for vote in counted:
        left, right = arena.variant_at(vote.left_position), arena.variant_at(vote.right_position)
        assert left is not None  # duel_of knows both
        assert right is not None
        if vote.outcome == "tie":
            tied[left][right] += 1
            tied[right][left] += 1
        else:
            better, worse = (left, right) if vote.outcome == "left" else (right, left)
            won[better][worse] += 1
    outcomes = Counter(vote.outcome for vote in counted)
    ranked, regularised = _ranked(arena, won, tied)
    return Standings(
        ranked=ranked,
        won=won,
        tied=tied,
        regularised=regularised,
        bias=position_bias(outcomes["left"], outcomes["right"], outcomes["tie"]),
        votes=len(counted),
        skipped=given["skip"],
        stale=len(votes) - given["skip"] - len(counted),
    )


def _ranked(
    arena: Arena, won: Sequence[Sequence[int]], tied: Sequence[Sequence[int]]
) -> tuple[Sequence[Standing], bool]:
    judged = [i for i in range(len(won)) if any(won[i]) or any(tied[i]) or any(row[i] for row in won)]
    found = bradley_terry([[won[i][j] + tied[i][j] / 2 for j in judged] for i in judged])
    ranked = [
        Standing(
            variant=i,
            label=arena.label(i),
            share=_share(strength),
            interval=Interval(_share(interval.low), _share(interval.high)),
            won=sum(won[i]),
            lost=sum(row[i] for row in won),
            tied=sum(tied[i]),
        )
        for i, (strength, interval) in zip(judged, found.strengths, strict=True)
    ]
    return sorted(ranked, key=lambda one: -one.share), found.regularised


def _share(strength: float) -> float:
    """Of the votes against a variant of mean strength, which is 0 on the scale of log-odds."""
    return 0.5 * (1 + math.tanh(strength / 2))


def agreements(votes: Sequence[Vote]) -> list[Agreement]:
    """Every two judges that have judged a pair in common, and people together against each model, most pairs first.

    What counts is a judge's latest vote on two replies, whatever their sides; a skip says nothing. People together
    say what most of them said; where no side has most, a tie.
    """
    latest = _latest(votes)
    people = {owner: verdicts for (by_model, owner), verdicts in latest.items() if not by_model}
    models = {owner: verdicts for (by_model, owner), verdicts in latest.items() if by_model}
    found = [_agreement(*one, *other) for one, other in combinations([*people.items(), *models.items()], 2)]
    if len(people) > 1:
        together = _together(list(people.values()))
        found += [_agreement(PEOPLE, together, model, verdicts) for model, verdicts in models.items()]
    return sorted((one for one in found if one.both), key=lambda one: -one.both)


def agreement_of_all(votes: Sequence[Vote]) -> AgreementOfAll:
    """The same of all judges at once."""
    judges = list(_latest(votes).values())
    pairs = list(dict.fromkeys(pair for verdicts in judges for pair in verdicts))
    ratings = [[_side(pair, judge[pair]) if pair in judge else None for judge in judges] for pair in pairs]
    return AgreementOfAll(len(judges), krippendorff_alpha(ratings))


def _latest(votes: Sequence[Vote]) -> dict[tuple[bool, str], dict[tuple[int, int], int | None]]:
    """By judge (whether it is a model, and its name), the latest vote on each two replies."""
    latest: dict[tuple[bool, str], dict[tuple[int, int], int | None]] = {}
    for vote in votes:
        if vote.outcome != "skip":
            latest.setdefault((vote.by_model, vote.owner), {})[_replies(vote)] = _better(vote)
    return latest


def _replies(vote: Vote) -> tuple[int, int]:
    return min(vote.left_position, vote.right_position), max(vote.left_position, vote.right_position)


def _better(vote: Vote) -> int | None:
    return {"left": vote.left_position, "right": vote.right_position}.get(vote.outcome)


def _agreement(one: str, ours: _Verdicts, other: str, theirs: _Verdicts) -> Agreement:
    shared = [pair for pair in ours if pair in theirs]
    said = [(_side(pair, ours[pair]), _side(pair, theirs[pair])) for pair in shared]
    kappa = cohen_kappa([a for a, _ in said], [b for _, b in said])
    return Agreement(one, other, len(shared), sum(a == b for a, b in said), kappa)


def _side(pair: tuple[int, int], better: int | None) -> str:
    return "tie" if better is None else "first" if better == pair[0] else "second"


def _together(people: Sequence[_Verdicts]) -> _Verdicts:
    ballots: dict[tuple[int, int], Counter[int | None]] = {}
    for verdicts in people:
        for pair, better in verdicts.items():
            ballots.setdefault(pair, Counter())[better] += 1
    return {pair: _most(ballot) for pair, ballot in ballots.items()}


def _most(ballot: Counter[int | None]) -> int | None:
    (first, most), *rest = ballot.most_common()
    return None if rest and rest[0][1] == most else first
