"""Ranks variants by votes, with intervals, and measures the agreement of the judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from promptgrid.arena.pairs import Arena
from promptgrid.stats import (
    Interval,
    PairVote,
    PositionBias,
    bradley_terry,
    cohen_kappa,
    independent_wins,
    krippendorff_alpha,
    position_bias,
)
from promptgrid.store.votes import Vote, VoteOutcome

PEOPLE = "people together"

_TIE = 0.5

_Verdicts = Mapping[tuple[int, int], int | None]  # two cells, the smaller position first -> the better one, None: a tie


@dataclass(frozen=True, slots=True)
class Standing:
    """The place of one variant in the ranking. `won`, `lost` and `tied` count its votes; `variant` is its index in the
    arena.

    `share` is the share of votes, 0 to 1, that it would win against a variant of mean strength, by the Bradley–Terry
    model; `interval` is the 95 % interval of `share`.
    """

    variant: int
    label: str
    share: float
    interval: Interval
    p: float
    won: int
    lost: int
    tied: int


@dataclass(frozen=True, slots=True)
class Standings:
    """The ranking of the variants that have votes.

    ranked         best first
    won, tied      `won[i][j]` is the number of votes for variant i against variant j, `tied[i][j]` that of ties between
                   them, both by index in the arena
    regularised    whether half a win and half a loss was added for each variant: the ranking is not defined without
               them if a variant won or lost every vote, or if groups of variants were never compared
    bias           whether the votes of people prefer one side of the screen (models: see OrderBias)
    votes, pairs   the number of votes in the ranking, ties included, and of the pairs of replies that they judge
    skipped, stale    the number of skips, and of votes on replies that no longer exist; neither are in `votes`
    """

    ranked: Sequence[Standing]
    won: Sequence[Sequence[int]]
    tied: Sequence[Sequence[int]]
    regularised: bool
    bias: PositionBias
    votes: int
    pairs: int
    skipped: int
    stale: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of the judges `one` and `other`. `both` is the number of pairs that both judged, `same` the number
    of those with equal verdicts.

    `kappa` is Cohen's kappa; None where it is not defined (no pair, or all verdicts are the same).
    """

    one: str
    other: str
    both: int
    same: int
    kappa: float | None


@dataclass(frozen=True, slots=True)
class AgreementOfAll:
    """The agreement of all `judges` (their number). `alpha` is Krippendorff's: 1 is full agreement, 0 as much as by
    chance; None if no pair has two verdicts, or all verdicts are the same."""

    judges: int
    alpha: float | None


def standings(arena: Arena, votes: Sequence[Vote]) -> Standings:
    """Ranks the variants of the arena by these votes; a tie counts half for each side. Votes on the same pair weigh
    less the more their judges agree (stats.independent_wins)."""
    outcomes = Counter[VoteOutcome](vote.outcome for vote in votes)
    counted = [vote for vote in votes if vote.outcome != "skip" and arena.duel_of(vote)]
    of_pairs = [_pair_vote(arena, vote) for vote in counted]
    size = range(len(arena.variants))
    won, tied = [[0 for _ in size] for _ in size], [[0 for _ in size] for _ in size]
    for _, left, right, share in of_pairs:
        if share == _TIE:
            tied[left][right] += 1
            tied[right][left] += 1
        else:
            better, worse = (left, right) if share else (right, left)
            won[better][worse] += 1
    ranked, regularised = _ranked(arena, of_pairs, won, tied)
    by_people = Counter(vote.outcome for vote in counted if not vote.by_model)
    return Standings(
        ranked=ranked,
        won=won,
        tied=tied,
        regularised=regularised,
        bias=position_bias(by_people["left"], by_people["right"], by_people["tie"]),
        votes=len(counted),
        pairs=len({vote.item for vote in of_pairs}),
        skipped=outcomes["skip"],
        stale=len(votes) - outcomes["skip"] - len(counted),
    )


def _pair_vote(arena: Arena, vote: Vote) -> PairVote:
    left, right = arena.variant_at(vote.left_position), arena.variant_at(vote.right_position)
    assert left is not None  # the arena knows the vote's duel
    assert right is not None
    share = {"left": 1.0, "right": 0.0}.get(vote.outcome, _TIE)
    return PairVote(arena.duel_of(vote), left, right, share)


def _ranked(
    arena: Arena, votes: Sequence[PairVote], won: Sequence[Sequence[int]], tied: Sequence[Sequence[int]]
) -> tuple[Sequence[Standing], bool]:
    judged = sorted({variant for vote in votes for variant in (vote.a, vote.b)})
    at = {variant: i for i, variant in enumerate(judged)}
    own = [vote._replace(a=at[vote.a], b=at[vote.b]) for vote in votes]
    ranking = bradley_terry(independent_wins(len(judged), own))
    best = max(range(len(judged)), key=lambda i: ranking.shares[i][0], default=0)
    ranked = [
        Standing(
            variant=variant,
            label=arena.label(variant),
            share=share,
            interval=interval,
            p=1.0 if i == best else ranking.apart[best][i],
            won=sum(won[variant]),
            lost=sum(row[variant] for row in won),
            tied=sum(tied[variant]),
        )
        for i, (variant, (share, interval)) in enumerate(zip(judged, ranking.shares, strict=True))
    ]
    return sorted(ranked, key=lambda one: -one.share), ranking.regularised


def agreements(votes: Sequence[Vote]) -> list[Agreement]:
    """Returns the agreement of every two judges that judged a common pair, and of all people together with each model
    that judged. The results with most common pairs come first.

    If a judge voted on two replies more than once, the latest vote counts; a skip does not count. The verdict of all
    people together is the most frequent of their verdicts, or a tie if several are equally frequent.
    """
    latest = _latest(votes)
    people = {owner: verdicts for (by_model, owner), verdicts in latest.items() if not by_model}
    models = {owner: verdicts for (by_model, owner), verdicts in latest.items() if by_model}
    pairs = [_agreement(*one, *other) for one, other in combinations([*people.items(), *models.items()], 2)]
    if len(people) > 1:
        together = _together(list(people.values()))
        pairs += [_agreement(PEOPLE, together, model, verdicts) for model, verdicts in models.items()]
    return sorted((one for one in pairs if one.both), key=lambda one: -one.both)


def agreement_of_all(votes: Sequence[Vote]) -> AgreementOfAll:
    """Returns the agreement of all judges at once, by Krippendorff's alpha."""
    judges = list(_latest(votes).values())
    pairs = list(dict.fromkeys(pair for verdicts in judges for pair in verdicts))
    ratings = [[_side(pair, judge[pair]) if pair in judge else None for judge in judges] for pair in pairs]
    return AgreementOfAll(len(judges), krippendorff_alpha(ratings))


def _latest(votes: Sequence[Vote]) -> dict[tuple[bool, str], dict[tuple[int, int], int | None]]:
    """Returns the latest vote of each judge on each pair of replies, without skips: a dict by judge (whether it is a
    model, its name) of dicts by pair (the positions of its replies, the smaller first). Their values are the position
    of the better reply, or None for a tie."""
    latest: dict[tuple[bool, str], dict[tuple[int, int], int | None]] = {}
    for vote in votes:
        if vote.outcome != "skip":
            better = {"left": vote.left_position, "right": vote.right_position}.get(vote.outcome)
            latest.setdefault((vote.by_model, vote.owner), {})[_replies(vote)] = better
    return latest


def _replies(vote: Vote) -> tuple[int, int]:
    return min(vote.left_position, vote.right_position), max(vote.left_position, vote.right_position)


def _agreement(one: str, one_verdicts: _Verdicts, other: str, other_verdicts: _Verdicts) -> Agreement:
    both = [pair for pair in one_verdicts if pair in other_verdicts]
    sides = [(_side(pair, one_verdicts[pair]), _side(pair, other_verdicts[pair])) for pair in both]
    kappa = cohen_kappa([a for a, _ in sides], [b for _, b in sides])
    return Agreement(one, other, len(both), sum(a == b for a, b in sides), kappa)


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
