"""Similarity by embedding: how near answer and expected value are to the model that makes the vectors.

Reimers and Gurevych 2019, "Sentence-BERT": the cosine of two sentences' vectors. Each vector is kept as a reply is,
with its cost, and no text is sent twice to the same model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from promptgrid.budget import BudgetReached
from promptgrid.calls.call import Halted
from promptgrid.calls.sender import Sender
from promptgrid.calls.text_batch import KIND, TEXTS_A_CALL, TextBatch, Vector, read_vector, vector_key
from promptgrid.connections import connect, model_facts, split_model
from promptgrid.grading import CheckSpec, Subject, Verdict
from promptgrid.grading.similarity import alike, cosine
from promptgrid.grid.estimate import Estimate, estimate_texts, total
from promptgrid.grid.preflight import ModelPreflight, model_preflight
from promptgrid.judging.model_calls import Means
from promptgrid.prompt import AnswerRule
from promptgrid.store import Database, scores, stored_replies
from promptgrid.store.scores import Answered, Mark
from promptgrid.tokens import count_text


class Embedded:
    """Scores by the cosine of two vectors."""

    def __init__(self, spec: CheckSpec, means: Means) -> None:
        name, self._model = split_model(spec.model)
        self._spec, self._means, self._endpoint = spec, means, means.connect(name)
        self._context = means.context(KIND)
        self._sender = Sender(self._context)
        self._failed: dict[str, str] = {}  # by the text: why it has no vector
        self._reached: BudgetReached | None = None

    async def marks(self, replies: Sequence[Answered]) -> list[Mark]:
        subjects = _subjects(self._spec, replies)
        texts = _texts(subjects)
        found = await self._stored(texts)
        new = [text for text in texts if text not in found]
        try:
            for start in range(0, len(new), TEXTS_A_CALL):
                await self._embed(new[start : start + TEXTS_A_CALL])
        except BudgetReached as reached:
            self._reached, self._context.halted = reached, True
        except Halted:
            pass
        await self._means.journal.flush()
        if self._context.halted:
            return []
        found |= await self._stored(new)
        return [
            Mark(one.position, self._verdict(subject, found).score(self._spec.name, one.answer))
            for one, subject in zip(replies, subjects, strict=True)
        ]

    async def _stored(self, texts: Sequence[str]) -> dict[str, Vector]:
        keys = {text: vector_key(self._endpoint.identity, self._model, text) for text in texts}
        stored = await asyncio.to_thread(stored_replies.stored_replies, self._means.database, list(keys.values()))
        return {text: read_vector(stored[key, 0].text) for text, key in keys.items() if (key, 0) in stored}

    def _verdict(self, subject: Subject, found: Mapping[str, Vector]) -> Verdict:
        if subject.missing:
            return Verdict(None, subject.missing)
        answer, expected = (found.get(text) for text in subject.both)
        if answer is None or expected is None:
            why = next((self._failed[text] for text in subject.both if text in self._failed), "")
            said = f"the check failed: {why}" if why else "not scored: there is nothing but blanks"
            return Verdict(None, said, failed=bool(why))
        return alike(subject, cosine(answer, expected))

    async def _embed(self, texts: Sequence[str]) -> None:
        """Stores the vectors of these texts, or notes why there are none. Raises BudgetReached before it sends."""
        batch = TextBatch(self._endpoint.name, self._endpoint.identity, self._model, tuple(texts))
        with self._means.shared.pace(self._endpoint, self._means.most(self._endpoint)) as pace:
            for part, error in await self._sender.send(self._endpoint, pace, batch):
                self._failed |= dict.fromkeys(part.texts, str(error))

    def halt(self) -> None:
        self._context.halted = True

    async def aclose(self) -> None:
        """Raises BudgetReached where that is why marks are missing."""
        if self._reached is not None:
            raise self._reached


def embeddings_sheet(database: Database, run_id: str, spec: CheckSpec) -> ModelPreflight:
    """What the model will be asked for over the run's replies; what it was asked for already is not."""
    name, model = split_model(spec.model)
    identity, facts = connect(name).identity, model_facts(spec.model)
    estimates: list[Estimate] = []
    seen: set[str] = set()
    for chunk in scores.answered(database, run_id):
        keys = {vector_key(identity, model, text): text for text in _texts(_subjects(spec, chunk))}
        wanted = keys.keys() - seen
        there = stored_replies.stored_samples(database, list(wanted))
        seen |= wanted
        counts = [count_text(keys[key], spec.model) for key in wanted - there.keys()]
        estimates += [estimate_texts(counts, facts, TEXTS_A_CALL), Estimate(answered=len(there))]
    one = stored_replies.seconds_per_reply(database, name, model)
    estimate = total(estimates)
    seconds = None if one is None else one * estimate.texts
    return model_preflight(spec.model, facts, estimate, seconds, embeds=True)


def _subjects(spec: CheckSpec, replies: Iterable[Answered]) -> list[Subject]:
    return [Subject(spec, one.output, one.answer, one.expected, AnswerRule()) for one in replies]


def _texts(subjects: Iterable[Subject]) -> list[str]:
    """What is to be compared, each text once."""
    texts = (text for subject in subjects if not subject.missing for text in subject.both)
    return list(dict.fromkeys(text for text in texts if text.strip()))
