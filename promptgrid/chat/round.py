"""Runs one round of a conversation: streams the replies of its variants in parallel and stores each when it ends."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from promptgrid import connections, tokens
from promptgrid.calls import single
from promptgrid.calls.single import SingleCall
from promptgrid.chat import retrieval, tree
from promptgrid.chat.retrieval import Retrieved
from promptgrid.chat.settings import ChatVariant, Settings, from_json
from promptgrid.chat.tree import Step
from promptgrid.connections import split_model
from promptgrid.endpoint import Reply, Request
from promptgrid.errors import PlanError, PromptgridError
from promptgrid.loop import Background
from promptgrid.models.parameters import sent
from promptgrid.progress import words
from promptgrid.store import Database, conversations
from promptgrid.store.conversations import VariantReply
from promptgrid.techniques import Turn, messages_of
from promptgrid.tokens import TurnWindow


def window_of(turns: Sequence[Turn], variant: ChatVariant, settings: Settings) -> TurnWindow:
    """Returns the turns that fit into the context of the variant's model. Raises PlanError for an unknown endpoint."""
    limit = tokens.context_limit(variant.model)
    if settings.limit is not None:
        limit = settings.limit if limit is None else min(limit, settings.limit)
    return tokens.window(turns, tokens.counter(variant.model), settings.room, limit, settings.policy)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The call that asks a variant for a reply. `cut` is the number of turns that do not fit into its context, `unsent`
    has the indices of the retrieved chunks that do not fit."""

    call: SingleCall
    cut: int
    unsent: tuple[int, ...]


def prepare(turns: Sequence[Turn], variant: ChatVariant, settings: Settings) -> Prepared:
    """Returns the call that asks this variant for a reply. Raises PlanError if there is no user turn, for a temperature
    or room that is out of range, and if the turns that cannot be cut exceed the context."""
    if not any(turn.part == "question" for turn in turns):
        raise PlanError("There is no user turn to answer.", hint="Write one, then send it.")
    parameters = settings.parameters(variant)
    endpoint, model = split_model(variant.model)
    connections.check_model(variant.model)
    window = window_of(turns, variant, settings)
    budget = window.budget
    if not budget.fits:
        raise PlanError(
            f"{budget.total:,} tokens that cannot be cut and {budget.reserve:,} for the reply exceed the limit of"
            f" {budget.limit:,}: nothing was sent.",
            hint="Shorten the turn or the system message, or reserve fewer tokens for the reply.",
        )
    facts = connections.model_facts(variant.model)
    going = sent(facts, parameters)
    request = Request(
        model,
        tuple(messages_of(turns[at] for at in window.indices)),
        parameters=going.parameters,
        token_parameter=facts.token_parameter,
    )
    wire = connections.connect(endpoint).wire(request)
    key = hashlib.sha256(json.dumps(wire, sort_keys=True).encode()).hexdigest()[:32]
    chunks = [at for at, turn in enumerate(turns) if turn.joins and turn.part == "retrieved"]
    unsent = tuple(number for number, at in enumerate(chunks) if at in window.cut)
    call = SingleCall(endpoint, model, request, key, json.dumps(dict(going.honoured)))
    return Prepared(call, len(window.cut) - len(unsent), unsent)


def go_on(
    database: Database, conversation_id: str, parent: int | None, steps: Sequence[Step]
) -> tuple[int | None, tuple[Step, ...]]:
    """Stores the turns of the steps one after another, the first behind the turn with the id `parent`. Stops after the
    first step that asks for replies, and adds an empty turn to hold them.

    Returns (id of that empty turn, the steps not yet stored); (None, ()) if no step asks.
    """
    for number, step in enumerate(steps, 1):
        parent = conversations.add_turn(database, conversation_id, parent, step.role, step.text, part=step.part)
        if step.asks:
            return conversations.add_turn(database, conversation_id, parent, "assistant"), tuple(steps[number:])
    return None, ()


@dataclass
class Live:
    """The reply of one variant while it arrives and after: its `text` so far, its `error`, whether it is `done`, and
    when it `began` (seconds of time.monotonic)."""

    variant: int
    text: str = ""
    error: str = ""
    done: bool = False
    began: float = field(default_factory=time.monotonic)


class Round(Background):
    """Asks all variants for their replies to a turn, and then to each of the `steps` that asks for replies
    (see Step). If the conversation has documents, they are searched first, once for all variants.

    It runs on the engine's event loop, so that neither a rerun nor a refresh of the page interrupts it. `slot` is the
    id of the turn that holds the replies; `live` has the reply of each variant, by its id. `retrieved` is what was
    found (None: nothing yet, or no documents), `preparing` says how far its documents are prepared meanwhile, in words.
    """

    def __init__(
        self, database: Database, conversation_id: str, slot: int, variants: Sequence[int], steps: Sequence[Step] = ()
    ) -> None:
        super().__init__()
        self.database, self.conversation_id = database, conversation_id
        self.slot, self.steps = slot, tuple(steps)
        self.variants = tuple(variants)
        self.live = {number: Live(number) for number in variants}
        self.retrieved: Retrieved | None = None
        self.preparing = ""

    @property
    def error(self) -> BaseException | None:
        """The error that ended the round; None if there is none. A reply that fails ends only itself: its error stands
        in `live`."""
        failed = super().error
        return failed.exceptions[0] if isinstance(failed, BaseExceptionGroup) else failed

    def start(self) -> None:
        self._start(self._go())

    async def _go(self) -> None:
        while not self.stopped:
            await self._ask_all()
            if not self.steps or any(one.error for one in self.live.values()):
                return
            slot, self.steps = await asyncio.to_thread(
                go_on, self.database, self.conversation_id, self.slot, self.steps
            )
            if slot is None:
                return
            self.slot, self.live = slot, {number: Live(number) for number in self.variants}

    async def _ask_all(self) -> None:
        self.retrieved, self.preparing = None, ""
        searching = asyncio.ensure_future(asyncio.to_thread(self._search))
        async with asyncio.TaskGroup() as group:
            for one in self.live.values():
                group.create_task(self._ask(one, searching))

    async def _ask(self, live: Live, searching: asyncio.Future[None]) -> None:
        """Asks one variant for its reply and stores the reply, or the error in its place. Only a fault of the program
        is raised."""
        outcome = VariantReply("", "stopped")
        is_stored = False
        try:
            await searching
            prepared = await asyncio.to_thread(self._prepare, live.variant)
            outcome = replace(outcome, cut=prepared.cut, retrieved=self._found(prepared.unsent))

            def store(connection: Any, reply_id: int, reply: Reply) -> None:
                nonlocal is_stored
                answered = replace(outcome, text=reply.text, state="answered", reply_id=reply_id)
                conversations.keep_reply(connection, self.slot, live.variant, answered)
                is_stored = True

            async for delta in single.stream_call(self.database, prepared.call, store):
                live.text += delta.text
        except PromptgridError as error:
            live.error = str(error)
            outcome = replace(outcome, state="failed", error=live.error)
        finally:
            live.done = True
            if not is_stored:
                self._store(live, outcome)

    def _search(self) -> None:
        """Searches the documents of the conversation for the question, if it has documents."""
        conversation = conversations.load(self.database, self.conversation_id)
        documents = from_json(conversation.settings).documents
        questions = retrieval.questions_of(tree.path(conversation, conversation.nodes[self.slot].parent))
        if documents is not None and questions:
            index = retrieval.search_index(self.database, documents, self._prepared)
            self.preparing = ""
            self.retrieved = retrieval.search(self.database, index, documents, questions)

    def _prepared(self, done: int, total: int, what: str) -> None:
        if self.stopped:
            raise asyncio.CancelledError
        self.preparing = words(done, total, what)

    def _found(self, unsent: Sequence[int]) -> dict[str, Any] | None:
        return None if self.retrieved is None else retrieval.retrieved_json(self.retrieved.without(unsent))

    def _prepare(self, number: int) -> Prepared:
        conversation = conversations.load(self.database, self.conversation_id)
        settings = from_json(conversation.settings)
        variant = settings.variant(number)
        before = tree.path(conversation, conversation.nodes[self.slot].parent)
        turns = retrieval.with_chunks(tree.sent(before, variant), self.retrieved)
        return prepare([turn for _, turn in turns], variant, settings)

    def _store(self, live: Live, outcome: VariantReply) -> None:
        with self.database.write() as connection:
            conversations.keep_reply(connection, self.slot, live.variant, replace(outcome, text=live.text))
