"""Selects the pair of replies to judge next: two replies to the same case, from two variants, with different texts."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from promptgrid.compare.parts import part_facts
from promptgrid.compare.variants import Variant, labels
from promptgrid.store import Database
from promptgrid.store.cell_columns import reply_texts
from promptgrid.store.votes import Vote

VOTES_A_VARIANT = 10
"""The number of votes suggested for each variant. A vote is on two variants, so each is seen about twice as often."""

Duel = tuple[int, int, int]  # a case's position, and the indices of two variants, the smaller first


@dataclass(frozen=True, slots=True)
class ReplyPair:
    """The positions in the run of the two cells that are shown on the left and on the right."""

    left: int
    right: int


@dataclass(frozen=True, slots=True)
class _Reply:
    position: int
    digest: bytes  # of the text without surrounding white space


@dataclass(frozen=True)
class Arena:
    """A run's replies as pairs to judge. A pair is one case and two variants (columns of the comparison) that both have
    replies to it.

    `possible` is the number of pairs to judge; `identical` is the number of further pairs, left out because the replies
    of both variants have the same text. `seed` decides which samples of a pair are shown, and on which sides.
    """

    variants: Sequence[Variant]
    labels: Mapping[str, Sequence[str]]
    possible: int
    identical: int
    seed: int
    _replies: Mapping[int, Mapping[int, Sequence[_Reply]]]  # by case and variant
    _places: Mapping[int, tuple[int, int]]  # position -> case and variant

    @property
    def goal(self) -> int:
        """The number of votes that one judge needs to cast for a useful ranking: VOTES_A_VARIANT for each variant, but
        no more than there are pairs."""
        return min(self.possible, VOTES_A_VARIANT * len(self.variants))

    def label(self, variant: int) -> str:
        """Returns the label of the variant with this index in `variants`, in one line: "few-shot · t = 0.7"."""
        return " · ".join(self.labels[self.variants[variant].id])

    def variant_at(self, position: int) -> int | None:
        """Returns the index in `variants` of the variant whose cell stands at this position of the run; None if that
        cell has no reply."""
        place = self._places.get(position)
        return None if place is None else place[1]

    def duel_of(self, vote: Vote) -> Duel | None:
        """Returns the pair that a vote judges, as (position of the case, indices of the two variants, the smaller
        first).

        None if one of the two cells has no reply any more, or if they are not of one case and two variants.
        """
        left, right = self._places.get(vote.left_position), self._places.get(vote.right_position)
        if left is None or right is None or left[0] != right[0] or left[1] == right[1]:
            return None
        first, second = sorted((left[1], right[1]))
        return left[0], first, second

    def next_pair(self, votes: Sequence[Vote], owner: str) -> ReplyPair | None:
        """Returns the next pair to show to the judge named `owner`, given all votes so far; None when this judge has
        voted on every pair.

        The same votes give the same pair. First come the two variants that this judge has compared least, and of their
        cases the one that this judge has judged least. All judges see the pairs in the same order, so that their
        agreement can be measured; which reply stands on the left differs between judges.
        """
        judged = Counter(duel for vote in votes if vote.owner == owner and (duel := self.duel_of(vote)))
        compared, cases = Counter[tuple[int, int]](), Counter[int]()
        for (case, *two), count in judged.items():
            compared[two[0], two[1]] += count
            cases[case] += count
        rivals = combinations(range(len(self.variants)), 2)
        for a, b in sorted(rivals, key=lambda two: (compared[two], self._draw(two))):
            duels = [(case, a, b) for case in self._replies if (case, a, b) not in judged and self._differ(case, a, b)]
            if duels:
                return self._sides(min(duels, key=lambda duel: (cases[duel[0]], self._draw(duel))), owner)
        return None

    def _differ(self, case: int, a: int, b: int) -> bool:
        replies = self._replies[case]
        return a in replies and b in replies and len({r.digest for r in (*replies[a], *replies[b])}) > 1

    def _sides(self, duel: Duel, owner: str) -> ReplyPair:
        case, a, b = duel
        of_a, of_b = (sorted(self._replies[case][v], key=lambda r: self._draw(r.position)) for v in (a, b))
        left, right = next((x, y) for x, y in product(of_a, of_b) if x.digest != y.digest)
        if self._draw((owner, *duel)) % 2:
            left, right = right, left
        return ReplyPair(left.position, right.position)

    def _draw(self, what: object) -> int:
        """Returns a pseudorandom integer that depends only on the value `what` and on the arena's seed."""
        text = repr((self.seed, what)).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())


def read(database: Database, run_id: str, *, seed: int = 0, part: str = "") -> Arena:
    """Returns the arena of the run's current replies; with `part`, of the replies to the cases of that part only.
    `seed` decides the order of the pairs and the sides. Texts are hashed one by one and not kept in memory."""
    columns = part_facts(database, run_id, part)
    codes = sorted(set(columns.variant[columns.answered].tolist()))  # variants without a reply are left out
    variants = [columns.variants[code] for code in codes]
    number = {code: at for at, code in enumerate(codes)}
    places = {
        position: (case, number[code])
        for position, case, code, answered in zip(
            columns.position.tolist(), columns.case.tolist(), columns.variant.tolist(), columns.answered, strict=True
        )
        if answered
    }
    replies: dict[int, dict[int, list[_Reply]]] = defaultdict(lambda: defaultdict(list))
    for position, text in reply_texts(database, run_id):
        if position in places:
            case, variant = places[position]
            digest = hashlib.blake2b(text.strip().encode(), digest_size=8).digest()
            replies[case][variant].append(_Reply(position, digest))
    alike = [_alike(by_variant) for by_variant in replies.values()]
    pairs = sum(_two_of(len(by_variant)) for by_variant in replies.values())
    return Arena(
        variants=variants,
        labels=labels(variants),
        possible=pairs - sum(alike),
        identical=sum(alike),
        seed=seed,
        _replies=replies,
        _places=places,
    )


def _alike(by_variant: Mapping[int, Sequence[_Reply]]) -> int:
    """Returns, for one case, the number of pairs of variants whose replies all have the same text. `by_variant` holds
    the replies to the case by variant."""
    texts = [{reply.digest for reply in replies} for replies in by_variant.values()]
    uniform = Counter(next(iter(digests)) for digests in texts if len(digests) == 1)
    return sum(_two_of(count) for count in uniform.values())


def _two_of(count: int) -> int:
    return count * (count - 1) // 2
