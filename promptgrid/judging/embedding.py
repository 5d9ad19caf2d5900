"""Scores similarity by embedding: the cosine of a model's vectors of the answer and of the expected value.

Source: Reimers and Gurevych 2019, "Sentence-BERT". Each vector is stored like a reply, with its cost, and no text is
sent twice to the same model.
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
from promptgrid.judging.model_calls import JudgingContext
from promptgrid.prompt import AnswerRule
from promptgrid.store import Database, scores, stored_replies
from promptgrid.store.scores import Answered, CellScore
from promptgrid.tokens import count_text


class EmbeddingScorer:
    """Scores each reply by the check `spec`: the cosine between the vectors of its answer and of the expected value,
    which the check's model makes."""

    def __init__(self, spec: CheckSpec, judging: JudgingContext) -> None:
        name, self._model = split_model(spec.model)
        self._spec, self._judging, self._endpoint = spec, judging, judging.connect(name)
        self._context = judging.run_context(KIND)
        self._sender = Sender(self._context)
        self._errors: dict[str, str] = {}  # why a text has no vector, by text
        self._reached: BudgetReached | None = None

    async def scores(self, replies: Sequence[Answered]) -> list[CellScore]:
        subjects = _subjects(self._spec, replies)
        texts = _texts(subjects)
        vectors = await self._stored(texts)
        new = [text for text in texts if text not in vectors]
        try:
            for start in range(0, len(new), TEXTS_A_CALL):
                await self._embed(new[start : start + TEXTS_A_CALL])
        except BudgetReached as reached:
            self._reached, self._context.halted = reached, True
        except Halted:
            pass
        await self._judging.journal.flush()
        if self._context.halted:
            return []
        vectors |= await self._stored(new)
        return [
            CellScore(reply.position, self._verdict(subject, vectors).score(self._spec.name, reply.answer))
            for reply, subject in zip(replies, subjects, strict=True)
        ]

    async def _stored(self, texts: Sequence[str]) -> dict[str, Vector]:
        keys = {text: vector_key(self._endpoint.identity, self._model, text) for text in texts}
        stored = await asyncio.to_thread(stored_replies.stored_replies, self._judging.database, list(keys.values()))
        return {text: read_vector(stored[key, 0].text) for text, key in keys.items() if (key, 0) in stored}

    def _verdict(self, subject: Subject, vectors: Mapping[str, Vector]) -> Verdict:
        if subject.missing:
            return Verdict(None, subject.missing)
        answer, expected = (vectors.get(text) for text in subject.both)
        if answer is None or expected is None:
            error = next((self._errors[text] for text in subject.both if text in self._errors), "")
            note = f"the check failed: {error}" if error else "not scored: there is nothing but blanks"
            return Verdict(None, note, failed=bool(error))
        return alike(subject, cosine(answer, expected))

    async def _embed(self, texts: Sequence[str]) -> None:
        """Gets the vectors of the texts from the model and stores them; remembers the error of each text that gets
        none. Raises BudgetReached before a call that may exceed the budget."""
        batch = TextBatch(self._endpoint.name, self._endpoint.identity, self._model, tuple(texts))
        with self._judging.shared.pace(self._endpoint, self._judging.most(self._endpoint)) as pace:
            for part, error in await self._sender.send(self._endpoint, pace, batch):
                self._errors |= dict.fromkeys(part.texts, str(error))

    def halt(self) -> None:
        self._context.halted = True

    async def aclose(self) -> None:
        """Ends the scoring. Raises BudgetReached if scores are missing because the budget was reached."""
        if self._reached is not None:
            raise self._reached


def embeddings_preflight(database: Database, run_id: str, spec: CheckSpec) -> ModelPreflight:
    """Returns the preflight (calls, tokens, cost) of embedding the run's replies and expected values for this check. A
    text whose vector is stored counts as answered: it is not sent again."""
    name, model = split_model(spec.model)
    identity, facts = connect(name).identity, model_facts(spec.model)
    estimates: list[Estimate] = []
    earlier_keys: set[str] = set()
    for chunk in scores.answered(database, run_id):
        keys = {vector_key(identity, model, text): text for text in _texts(_subjects(spec, chunk))}
        new = keys.keys() - earlier_keys
        stored = stored_replies.stored_samples(database, list(new))
        earlier_keys |= new
        counts = [count_text(keys[key], spec.model) for key in new - stored.keys()]
        estimates += [estimate_texts(counts, facts, TEXTS_A_CALL), Estimate(answered=len(stored))]
    per_text = stored_replies.seconds_per_reply(database, name, model)
    estimate = total(estimates)
    seconds = None if per_text is None else per_text * estimate.texts
    return model_preflight(spec.model, facts, estimate, seconds, embeds=True)


def _subjects(spec: CheckSpec, replies: Iterable[Answered]) -> list[Subject]:
    return [Subject(spec, reply.output, reply.answer, reply.expected, AnswerRule()) for reply in replies]


def _texts(subjects: Iterable[Subject]) -> list[str]:
    """Returns the texts to embed: the answer and the expected value of each subject that has both, without blank texts
    and repeated ones."""
    texts = (text for subject in subjects if not subject.missing for text in subject.both)
    return list(dict.fromkeys(text for text in texts if text.strip()))
