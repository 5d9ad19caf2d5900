"""Similarity by embedding: how near answer and expected value are to the model that makes the vectors.

Reimers and Gurevych 2019, "Sentence-BERT": the cosine of two sentences' vectors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from promptgrid.connections import split_model
from promptgrid.endpoint import Endpoint
from promptgrid.endpoint.embeddings import Vector
from promptgrid.errors import EndpointError
from promptgrid.grading import CheckSpec, Subject, Verdict
from promptgrid.grading.likeness import alike, cosine
from promptgrid.prompt import AnswerRule
from promptgrid.runner.pace import Pace
from promptgrid.store.scores import Answered, Mark

_BATCH = 64  # texts a call
_KEPT = 5_000  # vectors, of some thousand numbers
_TRIES = 4
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0


class Embedded:
    """Scores by the cosine of two vectors; each text is asked for once, as far as memory goes."""

    def __init__(self, spec: CheckSpec, endpoint: Endpoint, pace: Pace) -> None:
        self._spec, self._endpoint, self._pace = spec, endpoint, pace
        self._vectors: dict[str, Vector] = {}
        self._broken = ""  # why no call can succeed
        self._halted = False

    async def marks(self, replies: Sequence[Answered]) -> list[Mark]:
        subjects = [Subject(self._spec, one.output, one.answer, one.expected, AnswerRule()) for one in replies]
        texts = (text for subject in subjects if not subject.missing for text in subject.both)
        wanted = dict.fromkeys(text for text in texts if text.strip())
        if len(self._vectors) > _KEPT:
            self._vectors.clear()
        new = [text for text in wanted if text not in self._vectors]
        why = ""
        for start in range(0, len(new), _BATCH):
            if self._halted:
                return []
            why = why or self._broken or await self._ask(new[start : start + _BATCH])
        return [
            Mark(one.position, self._verdict(subject, why).score(self._spec.name, one.answer))
            for one, subject in zip(replies, subjects, strict=True)
        ]

    def _verdict(self, subject: Subject, why: str) -> Verdict:
        if subject.missing:
            return Verdict(None, subject.missing)
        answer, expected = (self._vectors.get(text) for text in subject.both)
        if answer is None or expected is None:
            why = f"the check failed: {why}" if why else "not scored: there is nothing but blanks"
            return Verdict(None, why, failed=why.startswith("the check"))
        return alike(subject, cosine(answer, expected))

    async def _ask(self, texts: Sequence[str]) -> str:
        """Gets the vectors of these texts; why there are none, if so."""
        model = split_model(self._spec.model)[1]
        for number in range(_TRIES):
            turn = await self._pace.enter()
            try:
                vectors = await self._endpoint.embeddings(model, texts)
            except EndpointError as error:
                if error.stops_endpoint:
                    self._broken = str(error)
                if not error.retryable or number == _TRIES - 1:
                    return str(error)
                wait_s = max(error.retry_after or 0.0, _FIRST_WAIT_S * 2.0**number)
            else:
                self._pace.answered(turn, None)
                self._vectors |= zip(texts, vectors, strict=True)
                return ""
            finally:
                self._pace.leave()
            await asyncio.sleep(min(wait_s, _LONGEST_WAIT_S))
        return ""

    def halt(self) -> None:
        self._halted = True

    async def aclose(self) -> None:
        """Holds nothing."""
