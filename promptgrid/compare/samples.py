"""One reply as a comparison needs it: small, so that ten thousand of them fit in memory at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

SHOWN = 600  # characters of a text that are kept; the rest is in the database

ENDED_BADLY = ("failed", "refused", "too_long")


@dataclass(frozen=True, slots=True)
class Sample:
    """One cell of a run. `answer`, `output` and `error` are cut to SHOWN characters.

    `ballot` is what answers are compared by: the answer itself, or its digest where it is long; None where none could
    be read. `scores` holds one value a check, None where it could not be scored, which is not zero. `cost_usd` None:
    the price is not known.
    """

    position: int
    status: str
    answer: str | None
    ballot: str | None
    output: str
    error: str
    scores: Mapping[str, float | None]
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    latency_ms: float | None

    @property
    def answered(self) -> bool:
        return self.status == "answered"

    @property
    def score(self) -> float | None:
        """Mean over the checks that could be scored; None when none could."""
        values = [value for value in self.scores.values() if value is not None]
        return fmean(values) if values else None


def sample_of(row: Mapping[str, Any]) -> Sample:
    """The sample of a result row."""
    answer = row["answer"]
    return Sample(
        position=row["position"],
        status=row["status"],
        answer=None if answer is None else cut(answer),
        ballot=None if answer is None else _ballot(answer),
        output=cut(row["output"] or ""),
        error=cut(row["error"] or ""),
        scores=row["scores"] if "scores" in row else scores_of(row),
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        cost_usd=row["cost_usd"],
        latency_ms=row["latency_ms"],
    )


def scores_of(row: Mapping[str, Any]) -> dict[str, float | None]:
    """By check, the scores of a result row."""
    return {name[6:]: value for name, value in row.items() if name.startswith("score.")}


def cut(text: str) -> str:
    """The beginning of a text, with "…" where something is left out."""
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _ballot(answer: str) -> str:
    if len(answer) <= SHOWN:
        return answer
    return hashlib.sha256(answer.encode("utf-8", "surrogatepass")).hexdigest()
