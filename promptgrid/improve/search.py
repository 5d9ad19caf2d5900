"""The search for a better prompt, as a pure generator: it yields what is asked next and is sent what was answered.

With the same task and the same answers it asks the same, so a killed search is begun anew with the stored answers and
goes on where it was. Parents are drawn in proportion to the choose cases on which they lead (the front of L. Agrawal et
al., "GEPA", 2025). Candidates race as in O. Maron and A. Moore, "Hoeffding races" (1994), by paired intervals.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from promptgrid.cases.table import Case
from promptgrid.improve import guards, moves
from promptgrid.improve.candidates import (
    Candidate,
    CandidateScores,
    CaseResult,
    Move,
    Rejected,
    ScoreAsk,
    WriteAsk,
    WriterReplies,
)
from promptgrid.prompt import Prompt
from promptgrid.stats.paired import Comparison, compared

LEARN = 24
"""The most learn cases on which a parent's failures are looked for."""
FIRST = 8
"""The number of choose cases of the first heat of a race; each further heat has twice as many."""
READABLE = 3
"""The number of learn cases on which the answers of a candidate must be read before it races."""
GENERATION = 4
"""The number of candidates that race together."""
_CYCLE: tuple[str, ...] = (
    "failures",
    "failures",
    "examples",
    "history",
    "failures",
    "shorten",
    "failures",
    "technique",
)


@dataclass(frozen=True)
class ImproveTask:
    """What is improved: the `original` prompt, put by `technique`; the cases of each part; the number of `candidates`
    to try, and how the tokens of a text are counted. `samples` is the number of replies to each case of the proof: with
    several, the luck of single replies weighs less."""

    original: Prompt
    technique: str
    learn: Sequence[Case]
    choose: Sequence[Case]
    prove: Sequence[Case]
    candidates: int
    count: Callable[[str], int]
    samples: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Improved:
    """What a search found.

    chosen    the candidate with the highest mean score on *choose*; the original if none has a higher one
    promised  the chosen one against the original on *choose*, where it was chosen: too good, on average
    proved    the same on *prove*, looked at once; None if the original was chosen, which leaves *prove* sealed
    tried     every candidate that raced, with its mean score on the choose cases that it ran
    rejected  those that never raced, and those that left, with the reason
    """

    original: Candidate
    chosen: Candidate
    promised: Comparison
    proved: Comparison | None
    tried: Sequence[tuple[Candidate, float, int]]
    rejected: Sequence[Rejected]


SearchAsk = ScoreAsk | WriteAsk
CandidateSearch = Generator[SearchAsk, CandidateScores | WriterReplies, Improved]


@dataclass
class _State:
    task: ImproveTask
    results: dict[tuple[int, str], CaseResult] = field(default_factory=dict)
    candidates: dict[int, Candidate] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    racing: list[Candidate] = field(default_factory=list)
    leader: int = 0

    def scores(self, number: int, cases: Sequence[Case]) -> np.ndarray:
        """Returns the scores of a candidate over the cases, NaN where there is none."""
        found = (self.results.get((number, case.id)) for case in cases)
        return np.array([np.nan if one is None or one.score is None else one.score for one in found], dtype=np.float64)

    def mean(self, number: int, cases: Sequence[Case]) -> float:
        known = self.scores(number, cases)
        known = known[~np.isnan(known)]
        return float(known.mean()) if len(known) else float("nan")


def search(task: ImproveTask, look: int = 1) -> CandidateSearch:
    """Yields what is asked next, is sent the answer, and returns what was found. `look` is the number of times that
    *prove* will have been opened for this prompt with this one."""
    state = _State(task)
    original = Candidate(0, task.original, task.technique)
    state.candidates[0] = original
    draw = random.Random(task.seed)
    yield from _asked(state, "original", [original], [*task.learn[:LEARN], *task.choose])
    number = 0
    while number < task.candidates:
        numbers = range(number + 1, min(number + GENERATION, task.candidates) + 1)
        number = numbers[-1]
        made = yield from _generation(state, numbers, draw)
        readable = yield from _readable(state, made, number)
        yield from _race(state, readable, number)
    chosen = state.candidates[state.leader]
    promised = _paired(state, chosen, task.choose)
    proved = None
    if chosen is not original:
        yield from _asked(state, "prove", [original, chosen], task.prove, task.samples)
        proved = _paired(state, chosen, task.prove, look)
    tried = [(one, state.mean(one.number, task.choose), _ran(state, one)) for one in [original, *state.racing]]
    return Improved(original, chosen, promised, proved, tried, state.rejected)


def _asked(
    state: _State, step: str, candidates: Sequence[Candidate], cases: Sequence[Case], samples: int = 1
) -> Generator[SearchAsk, CandidateScores | WriterReplies, None]:
    """Asks for those results that are not there yet: one question for all candidates that lack the same cases."""
    lacking: dict[tuple[str, ...], list[Candidate]] = {}
    for one in candidates:
        ids = tuple(case.id for case in cases if (one.number, case.id) not in state.results)
        if ids:
            lacking.setdefault(ids, []).append(one)
    for part, (ids, group) in enumerate(lacking.items()):
        wanted = set(ids)
        named = f"{step}, {part + 1}" if part else step
        answer = yield ScoreAsk(named, group, [case for case in cases if case.id in wanted], samples)
        state.results.update(cast(CandidateScores, answer))


def _generation(
    state: _State, numbers: Sequence[int], draw: random.Random
) -> Generator[SearchAsk, CandidateScores | WriterReplies, list[Candidate]]:
    """Makes the candidates with these numbers, and returns those that no guard refuses."""
    task = state.task
    wanted = [(number, _parent(state, draw), _CYCLE[(number - 1) % len(_CYCLE)]) for number in numbers]
    parents = list({parent.number: parent for _, parent, _ in wanted}.values())
    yield from _asked(state, f"failures of the parents of {numbers[0]} to {numbers[-1]}", parents, task.learn[:LEARN])
    plans: list[tuple[int, Candidate, Move, str]] = []
    made: list[Candidate] = []
    for number, parent, kind in wanted:
        move = _move(state, parent, kind, draw)
        if move in moves.WRITTEN:
            plans.append((number, parent, move, _request(state, parent, move, number, draw)))
        elif move == "technique":
            other = [name for name in moves.SWAPS if name != parent.technique]
            made.append(Candidate(number, parent.prompt, other[0], move, parent.number))
        else:
            prompt, technique = moves.with_examples(parent, move, task.learn, draw)
            made.append(Candidate(number, prompt, technique, move, parent.number))
    if plans:
        step = f"writing {numbers[0]} to {numbers[-1]}"
        replies = cast(WriterReplies, (yield WriteAsk(step, [request for *_, request in plans])))
        for (number, parent, move, _), reply in zip(plans, replies, strict=True):
            prompt_made = moves.rewritten(parent.prompt, reply) if reply else None
            if prompt_made is None:
                state.rejected.append(Rejected(number, move, parent.number, "the writer gave no instruction"))
            else:
                made.append(Candidate(number, prompt_made, parent.technique, move, parent.number))
    return _guarded(state, sorted(made, key=lambda one: one.number))


def _guarded(state: _State, made: Sequence[Candidate]) -> list[Candidate]:
    task, passed = state.task, list[Candidate]()
    cap = guards.token_cap(task.original, task.count)
    known = {(one.prompt.version, one.technique): one.number for one in state.candidates.values()}
    for one in made:
        twin = known.get((one.prompt.version, one.technique))
        parent = state.candidates[one.parent]
        why = (
            f"it is the same as candidate {twin}" if twin is not None
            else guards.problem(one.prompt, parent.prompt, task.learn, cap, task.count)
        )  # fmt: skip
        if why:
            state.rejected.append(Rejected(one.number, one.move, one.parent, why, one.prompt))
        else:
            known[one.prompt.version, one.technique] = one.number
            passed.append(one)
    return passed


def _readable(
    state: _State, made: Sequence[Candidate], number: int
) -> Generator[SearchAsk, CandidateScores | WriterReplies, list[Candidate]]:
    """Returns the candidates whose answers are read on a few learn cases, wherever the parent's are."""
    cases = state.task.learn[:READABLE]
    yield from _asked(state, f"reading answers of candidates up to {number}", made, cases)
    passed = []
    for one in made:
        worse = [
            case.id for case in cases
            if not state.results[one.number, case.id].readable and state.results[one.parent, case.id].readable
        ]  # fmt: skip
        if worse:
            why = f"no answer could be read out of its reply to case {worse[0]}"
            state.rejected.append(Rejected(one.number, one.move, one.parent, why, one.prompt))
        else:
            passed.append(one)
            state.candidates[one.number] = one
    return passed


def _race(
    state: _State, made: Sequence[Candidate], number: int
) -> Generator[SearchAsk, CandidateScores | WriterReplies, None]:
    """Races the candidates against the leader, and takes the best as the new leader. The original has run every case
    already, as has every leader."""
    choose = state.task.choose
    active = list(made)
    state.racing += made
    size = min(FIRST, len(choose))
    while active:
        cases = choose[:size]
        yield from _asked(state, f"race up to {number} on {size} cases", active, cases)
        best = max([state.leader, *(one.number for one in active)], key=lambda n: _order(state, n, cases))
        for one in list(active):
            against = compared(state.scores(one.number, cases), state.scores(best, cases))
            if one.number != best and against.interval is not None and against.interval.high < 0:
                active.remove(one)
                why = f"it left the race after {size} cases: worse than candidate {best}"
                state.rejected.append(Rejected(one.number, one.move, one.parent, why, one.prompt))
        if size == len(choose):
            state.leader = max(
                [0, state.leader, *(one.number for one in active)], key=lambda n: _order(state, n, cases)
            )
            return
        size = min(2 * size, len(choose))


def _order(state: _State, number: int, cases: Sequence[Case]) -> tuple[float, int]:
    """Orders candidates: by mean score over the cases, then the earlier first. Missing scores count as failed here: a
    candidate must not win by calls that fail."""
    known = np.nan_to_num(state.scores(number, cases))
    return float(known.mean()), -number


def _parent(state: _State, draw: random.Random) -> Candidate:
    """Draws a parent among the candidates that ran all choose cases, in proportion to the cases that it leads."""
    choose = state.task.choose
    whole = [one for one in state.candidates.values() if _ran(state, one) == len(choose)]
    table = np.array([np.nan_to_num(state.scores(one.number, choose)) for one in whole])
    leads = (table == table.max(axis=0)) / (table == table.max(axis=0)).sum(axis=0)
    return draw.choices(whole, weights=leads.sum(axis=1).tolist())[0]


def _ran(state: _State, one: Candidate) -> int:
    return sum((one.number, case.id) in state.results for case in state.task.choose)


def _move(state: _State, parent: Candidate, kind: str, draw: random.Random) -> Move:
    if kind == "examples":
        allowed = moves.example_moves(parent, state.task.learn)
        return draw.choice(allowed) if allowed else "failures"
    if kind == "technique" and parent.technique not in moves.SWAPS:
        return "failures"
    return cast(Move, kind)


def _request(state: _State, parent: Candidate, move: Move, number: int, draw: random.Random) -> str:
    task = state.task
    if move == "shorten":
        return moves.shorten_request(parent, number)
    if move == "history":
        scored = [(one, state.mean(one.number, task.choose)) for one in state.candidates.values()]
        return moves.history_request(parent, [pair for pair in scored if not np.isnan(pair[1])], number)
    failed = []
    for case in task.learn[:LEARN]:
        result = state.results.get((parent.number, case.id))
        if result is not None and result.score is not None and result.score < 1:
            failed.append((case, result))
    draw.shuffle(failed)
    return moves.failures_request(parent, failed, number)


def _paired(state: _State, chosen: Candidate, cases: Sequence[Case], look: int = 1) -> Comparison:
    return compared(state.scores(chosen.number, cases), state.scores(0, cases), look=look)
