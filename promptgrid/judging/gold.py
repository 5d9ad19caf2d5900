"""Asks a model which words of a collection answer each question: proposals of gold, which a person has to accept.

The model sees the chunks that one retriever finds, so a passage that this retriever misses is never proposed. Its
replies are stored with their cost and reused when the same is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from promptgrid import connections, loop
from promptgrid.budget import Wall, parse_budget
from promptgrid.calls.journal import Journal, JournalEntry
from promptgrid.calls.shared import shared_by_loop
from promptgrid.documents.answers.proposals import GoldProposal, keep_proposals, proposals, read_proposal
from promptgrid.documents.evaluation import QUESTION
from promptgrid.documents.retrievers import ChunkIndex, Retriever, retrieve
from promptgrid.grading.judge_prompts import boundary
from promptgrid.grid.preflight import ModelPreflight
from promptgrid.judging.model_calls import Judge, JudgingContext
from promptgrid.judging.rescore import judge_preflight
from promptgrid.judging.session import OnProgress
from promptgrid.prompt import Prompt, loads
from promptgrid.store import Database, commits
from promptgrid.store.attempts import Attempt
from promptgrid.store.documents.collections import StoredText

_LOT = 8  # questions between two looks at the progress


@dataclass(frozen=True, slots=True)
class GoldAsk:
    """A question for whose gold a model is asked: the values of the prompt's variables, and the documents whose chunks
    they show, the best first."""

    question: str
    expected: str
    inputs: Mapping[str, str]
    documents: Sequence[StoredText]


@cache
def gold_prompt() -> Prompt:
    """Returns the prompt that asks for the words that answer a question."""
    return loads(Path(__file__).with_name("gold.prompty").read_text("utf-8"), "gold")


def gold_asks(
    database: Database, index: ChunkIndex, retriever: Retriever, k: int, questions: Sequence[tuple[str, str]]
) -> list[GoldAsk]:
    """Returns what a model is asked for each of the questions, which are (question, its answer or ""). Shown are the
    first `k` chunks that the retriever finds. Raises as `retrieve` does."""
    return [_ask(database, index, retriever, k, *one) for one in questions]


def _ask(database: Database, index: ChunkIndex, retriever: Retriever, k: int, question: str, expected: str) -> GoldAsk:
    hits = retrieve(database, index, retriever, question, k)
    passages = "\n\n".join(f"[{hit.rank}] {hit.chunk.place}\n{hit.chunk.text}" for hit in hits)
    mark = boundary(question, expected, passages)
    inputs = {QUESTION: question, "expected": expected, "passages": passages, "boundary": mark}
    names = dict.fromkeys(hit.chunk.document.name for hit in hits)
    return GoldAsk(question, expected, inputs, [index.by_name[name] for name in names])


def gold_preflight(database: Database, asks: Sequence[GoldAsk], model: str) -> ModelPreflight:
    """Returns the calls, tokens and cost of asking the model (ENDPOINT/MODEL). Nothing is sent. Raises PlanError for an
    unknown endpoint."""
    connections.check_model(model)
    return judge_preflight(database, gold_prompt(), model, [[ask.inputs for ask in asks if ask.documents]], 0)


def propose(
    database: Database, collection_id: str, asks: Sequence[GoldAsk], model: str, *,
    budget: str = "", on_progress: OnProgress = lambda done, total: None,
) -> list[GoldProposal]:  # fmt: skip
    """Asks the model for each question, stores its proposals with those that are there, in place of earlier ones for
    the same question, and returns them. `on_progress` is called with the numbers of questions done and in all.

    Raises PlanError for an unknown endpoint, and BudgetReached before a call that may exceed the budget; the proposals
    for the questions before are stored.
    """
    connections.check_model(model)
    judge = loop.run_sync(_judge(database, model, Wall(parse_budget(budget))))
    new: list[GoldProposal] = []
    for start in range(0, len(asks), _LOT):
        on_progress(start, len(asks))
        lot = asks[start : start + _LOT]
        new += loop.run_sync(_proposals(judge, model, lot))
        before = [
            one for one in proposals(database, collection_id) if one.question not in {ask.question for ask in lot}
        ]
        keep_proposals(database, collection_id, [*before, *new[start:]])
        if judge.reached is not None:
            raise judge.reached
    on_progress(len(asks), len(asks))
    return new


async def _judge(database: Database, model: str, wall: Wall) -> Judge:
    journal = _StoringJournal(database)
    return Judge(
        JudgingContext(database, "", connections.connect, shared_by_loop(), wall, journal), gold_prompt(), model
    )


async def _proposals(judge: Judge, model: str, asks: Sequence[GoldAsk]) -> list[GoldProposal]:
    sent = [ask for ask in asks if ask.documents]
    replies = await judge.replies([ask.inputs for ask in sent]) if sent else []
    by_ask = dict(zip(map(id, sent), replies, strict=True))
    result = []
    for ask in asks:
        empty = GoldProposal(ask.question, ask.expected, model)
        reply = by_ask.get(id(ask))
        if reply is not None and not reply.error:
            result.append(read_proposal(empty, reply.text, ask.documents))
        elif reply is not None or not ask.documents:
            why = f"the call failed: {reply.error}" if reply else "the retriever found nothing to show"
            result.append(GoldProposal(ask.question, ask.expected, model, refused=why))
    return result


class _StoringJournal(Journal):
    """Stores each reply at once, outside any run."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "gold", None, lambda: None, lambda error: None)

    def write(self, entry: JournalEntry) -> None:
        with self.database.write() as connection:
            for row in entry.replies:
                commits.insert_reply(connection, {**row, "run_id": None})

    async def reserve(self, attempt: Attempt) -> int:
        return 0
