"""Similarity by embedding: how near answer and expected value are to the model that makes the vectors.

Reimers and Gurevych 2019, "Sentence-BERT": the cosine of two sentences' vectors. Each vector is kept as a reply is,
with its cost, and no text is sent twice to the same model.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from promptgrid import models
from promptgrid.budget import BudgetReached, Cost
from promptgrid.calls.call import COSTS_NOTHING, NOT_REPORTED, PATIENCE_S
from promptgrid.calls.journal import JournalEntry
from promptgrid.connections import connect, model_facts, split_model
from promptgrid.endpoint import Embeddings, Reply
from promptgrid.errors import EndpointError
from promptgrid.grading import CheckSpec, Subject, Verdict
from promptgrid.grading.similarity import alike, cosine
from promptgrid.grid.estimate import Estimate, estimate_texts, total
from promptgrid.grid.preflight import ModelPreflight, model_preflight
from promptgrid.judging.model_calls import Means
from promptgrid.prompt import AnswerRule
from promptgrid.store import Database, scores, stored_replies
from promptgrid.store.attempts import NO_CELL, UNREPORTED, Attempt
from promptgrid.store.commits import ReplyOrigin, reply_row
from promptgrid.store.database import Row
from promptgrid.store.scores import Answered, Mark
from promptgrid.tokens import count_text

KIND = "embedding"
BATCH = 64  # texts a call
_TRIES = 4
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
_ONE_OF_THEM = ("too_long", "bad_request")  # one text may be at fault for all of its call

Vector = Sequence[float]


class Embedded:
    """Scores by the cosine of two vectors."""

    def __init__(self, spec: CheckSpec, means: Means) -> None:
        name, self._model = split_model(spec.model)
        self._spec, self._means, self._endpoint = spec, means, means.connect(name)
        self._facts = model_facts(spec.model)
        self._failed: dict[str, str] = {}  # by the text: why it has no vector
        self._broken = ""  # why no call can succeed
        self._halted = False
        self._reached: BudgetReached | None = None

    async def marks(self, replies: Sequence[Answered]) -> list[Mark]:
        subjects = _subjects(self._spec, replies)
        texts = _texts(subjects)
        found = await self._stored(texts)
        new = [text for text in texts if text not in found]
        try:
            for start in range(0, len(new), BATCH):
                await self._embed(new[start : start + BATCH])
        except BudgetReached as reached:
            self._reached, self._halted = reached, True
        await self._means.journal.flush()
        if self._halted:
            return []
        found |= await self._stored(new)
        return [
            Mark(one.position, self._verdict(subject, found).score(self._spec.name, one.answer))
            for one, subject in zip(replies, subjects, strict=True)
        ]

    async def _stored(self, texts: Sequence[str]) -> dict[str, Vector]:
        keys = {text: _key(self._endpoint.identity, self._model, text) for text in texts}
        stored = await asyncio.to_thread(stored_replies.stored_replies, self._means.database, list(keys.values()))
        return {text: _read(stored[key, 0].text) for text, key in keys.items() if (key, 0) in stored}

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
        """Has the vectors of these texts kept, or notes why there are none. Raises BudgetReached before it sends."""
        if self._halted:
            return
        error = None if self._broken else await self._tried(texts)
        if error is not None and error.kind in _ONE_OF_THEM and len(texts) > 1:
            half = len(texts) // 2
            await self._embed(texts[:half])
            await self._embed(texts[half:])
        elif error is not None or self._broken:
            self._failed |= dict.fromkeys(texts, self._broken or str(error))

    async def _tried(self, texts: Sequence[str]) -> EndpointError | None:
        """Sends the call, again where that may help; the error that it ended with."""
        faults, waited_s = 0, 0.0
        for number in count(1):
            error = await self._sent(texts, number)
            if error is None or not error.retryable or self._halted:
                break
            wait_s = max(error.retry_after or 0.0, min(_FIRST_WAIT_S * 2.0 ** min(number - 1, 10), _LONGEST_WAIT_S))
            waited_s, faults = waited_s + wait_s, faults + (error.kind != "rate_limited")
            if waited_s > PATIENCE_S or faults == _TRIES:
                break
            await asyncio.sleep(wait_s)
        if error is not None and error.stops_endpoint:
            self._broken = str(error)
        return error

    async def _sent(self, texts: Sequence[str], number: int) -> EndpointError | None:
        """One attempt in its turn, reserved before and written down after."""
        with self._means.shared.pace(self._endpoint, self._means.most(self._endpoint)) as pace:
            turn = await pace.enter()
            try:
                await self._means.still_ours()
                call = Attempt(NO_CELL, number, time.time(), worst=self._worst(texts))
                booked = await self._reserved(call)
                try:
                    made = await self._endpoint.embeddings(self._model, texts)
                except EndpointError as error:
                    if error.kind == "rate_limited" or error.status == 503:
                        pace.refused(turn, error.limits, error.retry_after)
                    self._lost(call, booked, error)
                    return error
                pace.answered(turn, None)
                self._keep(texts, made, call, booked)
                return None
            finally:
                pace.leave()

    async def _reserved(self, call: Attempt) -> int | None:
        """The id of the reservation on the disk; None where there is no budget. Raises BudgetReached."""
        assert call.worst is not None
        self._means.wall.reserve(call.worst)
        return None if self._means.wall.budget is None else await self._means.journal.reserve(call)

    def _lost(self, call: Attempt, booked: int | None, error: EndpointError) -> None:
        """The attempt is written down; what it may have cost stays reserved."""
        assert call.worst is not None
        free = error.kind in COSTS_NOTHING
        if free:
            self._means.wall.settle(call.worst, Cost(0.0, 0, 0))
        ms = (time.time() - call.started) * 1000
        lost = replace(call, ms=ms, kind=error.kind, message=str(error), worst=None if free else call.worst)
        self._means.journal.write(JournalEntry(attempts=[lost], settled=booked))

    def _worst(self, texts: Sequence[str]) -> Cost:
        """A token is at least one byte; some models add a few of their own."""
        tokens = sum(len(text.encode("utf-8", "replace")) + 16 for text in texts)
        return models.cost_of(self._facts, tokens)

    def _keep(self, texts: Sequence[str], made: Embeddings, call: Attempt, booked: int | None) -> None:
        assert call.worst is not None
        tokens, lost = made.prompt_tokens, []
        cost = models.cost_of(self._facts, tokens)
        if tokens is not None:
            self._means.wall.settle(call.worst, cost)
        elif self._means.wall.budget is not None:
            counted = replace(call.worst, calls=0)  # the call itself is counted by its replies
            lost = [replace(call, ms=made.latency_ms, kind=UNREPORTED, message=NOT_REPORTED, worst=counted)]
        rows = [self._row(text, vector, made, cost.usd) for text, vector in zip(texts, made.vectors, strict=True)]
        self._means.journal.write(JournalEntry(replies=rows, attempts=lost, settled=booked))

    def _row(self, text: str, vector: Vector, made: Embeddings, usd: float | None) -> Row:
        """Of one text; what the call took is spread over all of its texts."""
        count = len(made.vectors)
        sent = {"model": self._model, "input": text}
        reply = Reply(_written(vector), prompt_tokens=made.prompt_tokens, latency_ms=made.latency_ms, sent=sent)
        origin = ReplyOrigin(
            key=_key(self._endpoint.identity, self._model, text),
            kind=KIND,
            endpoint=self._endpoint.name,
            model=self._model,
            cost_usd=None if usd is None else usd / count,
            run_id=self._means.run_id,
            batch=count,
        )
        return reply_row(reply, origin)

    def halt(self) -> None:
        self._halted = True

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
        keys = {_key(identity, model, text): text for text in _texts(_subjects(spec, chunk))}
        wanted = keys.keys() - seen
        there = stored_replies.stored_samples(database, list(wanted))
        seen |= wanted
        counts = [count_text(keys[key], spec.model) for key in wanted - there.keys()]
        estimates += [estimate_texts(counts, facts, BATCH), Estimate(answered=len(there))]
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


def _key(identity: str, model: str, text: str) -> str:
    return hashlib.sha256(json.dumps([KIND, identity, model, text]).encode()).hexdigest()[:32]


def _written(vector: Vector) -> str:
    """As a reply's text: 32 bits a number are as much as models give."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _read(text: str) -> Vector:
    packed = base64.b64decode(text)
    return struct.unpack(f"<{len(packed) // 4}f", packed)
