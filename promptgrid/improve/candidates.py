"""What a search for a better prompt asks for, and what it is told. Pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from promptgrid.cases.table import Case
from promptgrid.prompt import Prompt

Move = Literal["original", "failures", "history", "shorten", "add examples", "drop examples", "reorder examples",
               "technique"]  # fmt: skip
"""How a candidate was made from its parent. `failures`, `history` and `shorten` are written by a model."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prompt that may take the original's place. `number` 0 is the original, whose `parent` is itself; `technique` is
    how it is put to the model."""

    number: int
    prompt: Prompt
    technique: str
    move: Move = "original"
    parent: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that was never raced, or that left the race, and why. Those without a `prompt` were never made."""

    number: int
    move: Move
    parent: int
    reason: str
    prompt: Prompt | None = None


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a candidate did on one case: its `score` from 0 to 1 (None: the call failed or nothing could be scored), what
    it said, why the checks scored it so, and whether an answer was read out of its output."""

    score: float | None
    output: str = ""
    why: str = ""
    readable: bool = True


@dataclass(frozen=True, slots=True)
class ScoreAsk:
    """Asks for the results of each candidate on each case, from `samples` replies. `step` names it: the same step of
    the same search is the same question."""

    step: str
    candidates: Sequence[Candidate]
    cases: Sequence[Case]
    samples: int = 1


@dataclass(frozen=True, slots=True)
class WriteAsk:
    """Asks the writing model for the reply to each of these requests."""

    step: str
    requests: Sequence[str]


CandidateScores = Mapping[tuple[int, str], CaseResult]
"""Results by (number of the candidate, id of the case)."""
WriterReplies = Sequence[str | None]
"""A reply to each request, in order; None where the call failed."""
