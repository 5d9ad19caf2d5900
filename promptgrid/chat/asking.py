"""Asking the variants of a conversation: streamed side by side, stored when each has ended, stopped when asked to."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from promptgrid import connections, tokens
from promptgrid.calls import single
from promptgrid.calls.single import SingleCall
from promptgrid.chat import tree
from promptgrid.chat.settings import ChatVariant, Settings, from_json
from promptgrid.chat.tree import Step
from promptgrid.connections import split_model
from promptgrid.endpoint import Reply, Request
from promptgrid.errors import PlanError, PromptgridError
from promptgrid.loop import Background
from promptgrid.models.parameters import sent
from promptgrid.prompt import Parameters
from promptgrid.store import Database, conversations
from promptgrid.store.conversations import VariantReply
from promptgrid.techniques import Turn
from promptgrid.tokens import TurnWindow


def window_of(turns: Sequence[Turn], variant: ChatVariant, settings: Settings) -> TurnWindow:
    """What of these turns reaches the variant's model. Raises PlanError for a model that cannot be named so."""
    limit = tokens.context_limit(variant.model)
    if settings.limit is not None:
        limit = settings.limit if limit is None else min(limit, settings.limit)
    return tokens.window(turns, tokens.counter(variant.model), settings.room, limit, settings.policy)


def prepare(turns: Sequence[Turn], variant: ChatVariant, settings: Settings) -> tuple[SingleCall, int]:
    """The call that asks this variant, and how many turns are cut from it. Raises PlanError where it cannot fit."""
    if not any(turn.part == "question" for turn in turns):
        raise PlanError("There is no user turn to answer.", hint="Write one, then send it.")
    endpoint, model = split_model(variant.model)
    connections.check_model(variant.model)
    found = window_of(turns, variant, settings)
    budget = found.budget
    if not budget.fits:
        raise PlanError(
            f"{budget.total:,} tokens of what cannot be cut and {budget.reserve:,} for the reply do not fit into"
            f" {budget.limit:,}: nothing was sent.",
            hint="Shorten the turn or the system message, or leave less room for the reply.",
        )
    facts = connections.model_facts(variant.model)
    going = sent(facts, Parameters(temperature=variant.temperature, max_tokens=settings.room))
    request = Request(
        model,
        tuple(turns[at].message for at in found.kept),
        parameters=going.parameters,
        token_parameter=facts.token_parameter,
    )
    wire = connections.connect(endpoint).wire(request)
    key = hashlib.sha256(json.dumps(wire, sort_keys=True).encode()).hexdigest()[:32]
    return SingleCall(endpoint, model, request, key, json.dumps(dict(going.honoured))), len(found.cut)


def go_on(
    database: Database, conversation_id: str, parent: int | None, steps: Sequence[Step]
) -> tuple[int | None, tuple[Step, ...]]:
    """Adds the turns of the steps up to the first that asks; returns the turn for the replies to it (None: no step
    asks), and the steps that are left."""
    for number, step in enumerate(steps, 1):
        parent = conversations.add_turn(database, conversation_id, parent, step.role, step.text, part=step.part)
        if step.asks:
            return conversations.add_turn(database, conversation_id, parent, "assistant"), tuple(steps[number:])
    return None, ()


@dataclass
class Live:
    """One variant's reply in flight, or ended."""

    variant: int
    text: str = ""
    error: str = ""
    done: bool = False
    began: float = field(default_factory=time.monotonic)


class Round(Background):
    """The variants answer a turn, and then those of the `steps` that ask: it runs on the engine's loop, so neither a
    rerun nor a refresh of the page touches it.

    `slot` is the turn that holds the replies, `live` has those that are being written, by variant.
    """

    def __init__(
        self, database: Database, conversation_id: str, slot: int, variants: Sequence[int], steps: Sequence[Step] = ()
    ) -> None:
        super().__init__()
        self.database, self.conversation_id = database, conversation_id
        self.slot, self.steps = slot, tuple(steps)
        self.variants = tuple(variants)
        self.live = {number: Live(number) for number in variants}

    @property
    def error(self) -> BaseException | None:
        """What ended it, where that was not a reply's own failure."""
        failed = super().error
        return failed.exceptions[0] if isinstance(failed, BaseExceptionGroup) else failed

    def start(self) -> None:
        """Sets it going."""
        self._set_going(self._go())

    async def _go(self) -> None:
        while not self.stopped:
            await self._answers()
            if not self.steps or any(one.error for one in self.live.values()):
                return
            slot, self.steps = await asyncio.to_thread(
                go_on, self.database, self.conversation_id, self.slot, self.steps
            )
            if slot is None:
                return
            self.slot, self.live = slot, {number: Live(number) for number in self.variants}

    async def _answers(self) -> None:
        async with asyncio.TaskGroup() as group:
            for one in self.live.values():
                group.create_task(self._answer(one))

    async def _answer(self, one: Live) -> None:
        """Never raises what a user can mend: that is kept as the variant's reply."""
        said = VariantReply("", "stopped")
        stored = False
        try:
            call, cut = await asyncio.to_thread(self._prepared, one.variant)
            said = VariantReply("", "stopped", cut=cut)

            def keep(connection: Any, reply_id: int, reply: Reply) -> None:
                nonlocal stored
                answered = VariantReply(reply.text, "answered", cut=cut, reply_id=reply_id)
                conversations.keep_reply(connection, self.slot, one.variant, answered)
                stored = True

            async for delta in single.stream_call(self.database, call, keep):
                one.text += delta.text
        except PromptgridError as error:
            one.error = str(error)
            said = VariantReply("", "failed", one.error, said.cut)
        finally:
            one.done = True
            if not stored:
                self._keep(one, said)

    def _prepared(self, number: int) -> tuple[SingleCall, int]:
        conversation = conversations.load(self.database, self.conversation_id)
        settings = from_json(conversation.settings)
        variant = settings.variant(number)
        before = tree.path(conversation, conversation.nodes[self.slot].parent)
        return prepare([turn for _, turn in tree.sent(before, variant)], variant, settings)

    def _keep(self, one: Live, said: VariantReply) -> None:
        with self.database.write() as connection:
            kept = VariantReply(one.text, said.state, said.error, said.cut)
            conversations.keep_reply(connection, self.slot, one.variant, kept)
