"""The parts of which a technique consists: it asks, is given the replies, and asks again or is done.

A technique is a generator: it yields the asks of its next round, receives their replies, and returns Done. It is pure
(no clock, no random numbers, no I/O), so the replies received so far determine what it asks next: a killed run replays
the stored replies and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from promptgrid.errors import PlanError
from promptgrid.prompt import EMPTY, Example, Message, Parameters, Prompt, Tool, ToolCall
from promptgrid.prompt.tools import NearestWords
from promptgrid.techniques.options import TechniqueOption
from promptgrid.techniques.passages import Context, Passages
from promptgrid.techniques.turns import ExamplesAs, Turn, as_written, asking

LONGEST = 100_000
"""The most characters of one reply that a technique is given. Of a longer one it gets the beginning and the end."""

PROPOSING: Mapping[str, Any] = MappingProxyType({"response_format": None, "stop": None})
"""The changes for a call whose reply is not in the form of the prompt's answer, such as a list of questions: the form
and the stop texts of the prompt would break it. Its temperature and its room (max_tokens) stay the plan's, since a
model that reasons needs room for a short reply too."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One call that a technique asks for: the turns to send, and the name of the `step`, such as `critique 2`.

    `changes` are parameters, by name, that replace those of the plan for this call. `model` is ENDPOINT/MODEL; "" means
    the cell's model. `tools` are the functions that the model may call.
    """

    step: str
    turns: tuple[Turn, ...]
    changes: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    model: str = ""
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True)
class StepCall:
    """An ask and its place in the cell. `number` counts all asks of the cell from 0, in the order in which they were
    yielded, and `round` the rounds. `branch` counts the earlier asks of the cell that send the same: each of them has a
    seed and a stored reply of its own."""

    number: int
    round: int
    branch: int
    ask: Ask


@dataclass(frozen=True, slots=True)
class StepReply:
    """The reply to a call. `reasoning` is what the endpoint returned in a field of its own, `tool_calls` are its calls
    of tools."""

    call: StepCall
    text: str
    finish_reason: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a technique: the cell's output is the text of `reply`. `note` is a sentence on replies that could not
    be used as the technique expects; "" if all could. `context` is what the prompt showed of documents, if a model has
    decided it."""

    reply: StepReply
    note: str = ""
    context: Context | None = None


Steps = Generator[Sequence[Ask], Sequence[StepReply], Done]
"""Yields rounds of asks, which are sent side by side, and receives the replies of each round in the same order."""


@dataclass(frozen=True, slots=True)
class DocumentSearch:
    """A step without a call: searches the documents of the cell for these texts. The passages that they find, the best
    first, are sent to the generator."""

    queries: tuple[str, ...]


RetrievingSteps = Generator[Sequence[Ask] | DocumentSearch, Any, Done]
"""Steps that may search too: they receive Passages for a DocumentSearch."""


ScoreText = Callable[[str], float | None]
"""Marks a reply's text from 0 to 1; None if it cannot be marked."""


def unscored(text: str) -> None:
    """Marks no text: the plan has no check for it."""


ComputeNearest = Callable[[NearestWords, Mapping[str, Any]], str | None]
"""Returns the text of a result that is computed, for a call with these arguments; None if its embedder is missing."""


def not_computed(nearest: NearestWords, arguments: Mapping[str, Any]) -> None:
    """Computes no result: there are no vectors of the words."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a technique works on: a prompt, the values of its variables, the selected examples, and the technique's
    `options` by name. With `examples_as="text"` the examples stand inside the question's message, otherwise they are
    turns. `score` marks a reply's text from 0 to 1 by those checks of the plan that need no expected answer (None: no
    such check can), so that a technique may choose by checks without seeing the answer. `parameters` are
    those that the plan asks for, before any is left out. `nearest` computes results of tools from vectors of words."""

    prompt: Prompt
    values: Mapping[str, Any]
    examples: Sequence[Example] = ()
    examples_as: ExamplesAs = "turns"
    options: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    score: ScoreText = unscored
    parameters: Parameters = field(default_factory=Parameters)
    nearest: ComputeNearest = not_computed

    @property
    def question(self) -> tuple[Turn, ...]:
        """The turns of the prompt as it is written, with the values of the case."""
        return tuple(as_written(self.prompt, self.values))

    def asking(self, text: str) -> tuple[Turn, ...]:
        """Returns the turns of the prompt, with `text` as the last paragraph of the question."""
        return tuple(asking(self.prompt, self.values, text))


@dataclass(frozen=True, slots=True)
class Technique:
    """A way to put a prompt to a model.

    source          the paper that describes it
    steps           returns its generator for a task
    most_calls      returns the most calls that it makes for one cell, by its options
    options         what adjusts it, by name
    words           the names of the texts that it adds to a prompt (see wording.WORDING)
    shows_examples  whether it needs the prompt's examples
    shows_reasoning whether these examples need reasoning
    marks_answer    whether its last reply holds the final answer after the marker, such as `Answer:`
    votes           whether the answer of a case is the majority vote over all its samples
    """

    source: str
    steps: Callable[[Task], Steps]
    most_calls: Callable[[Mapping[str, Any]], int] = lambda options: 1
    options: Mapping[str, TechniqueOption] = field(default_factory=lambda: EMPTY)
    words: tuple[str, ...] = ()
    shows_examples: bool = False
    shows_reasoning: bool = False
    marks_answer: bool = False
    votes: bool = False


class one_call:
    """The steps of a technique that makes a single call with these `turns` of a task."""

    def __init__(self, turns: Callable[[Task], Sequence[Turn]]) -> None:
        self.turns = turns

    def __call__(self, task: Task) -> Steps:
        return Done((yield from one("answer", self.turns(task))))


def one(step: str, turns: Sequence[Turn], **changes: Any) -> Generator[Sequence[Ask], Sequence[StepReply], StepReply]:
    """Asks for one call and returns its reply; `changes` are parameters that differ from the plan's. For use with
    `yield from` in a technique."""
    (reply,) = yield (Ask(step, tuple(turns), changes=changes),)
    return reply


def after(turns: Sequence[Turn], reply: StepReply, request: str) -> tuple[Turn, ...]:
    """Returns the turns, followed by the model's reply to them ("…" if it is empty: many endpoints refuse an empty
    message) and by a further request of the user."""
    text = reply.text if reply.text.strip() else "…"
    return (*turns, Turn(Message("assistant", text), "history"), Turn(Message("user", request), "question"))


@dataclass
class Progress:
    """One cell's way through a technique. `calls` are those of the current round; empty while a `search` is to be made,
    and once `done` is set.

    `most` is the declared number of calls; a technique that asks for more raises PlanError. Of a reply over `LONGEST`
    characters the technique gets the beginning and the end; the note of `done` names it, and any empty one.
    """

    steps: RetrievingSteps
    most: int
    calls: Sequence[StepCall] = ()
    search: DocumentSearch | None = None
    done: Done | None = None
    _asks: list[Ask] = field(default_factory=list)
    _replies: list[StepReply] = field(default_factory=list)
    _round: int = 0

    def __post_init__(self) -> None:
        self._advance(lambda: next(self.steps))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Returns the calls of tools in all replies so far, in order."""
        return tuple(call for reply in self._replies for call in reply.tool_calls)

    def answer(self, replies: Sequence[StepReply]) -> None:
        """Gives the technique the replies to the current round, in the order of `calls`, and moves to the next one."""
        self._round += 1
        self._replies += replies
        self._advance(lambda: self.steps.send([replace(one, text=_ends(one.text)) for one in replies]))

    def find(self, passages: Passages) -> None:
        """Gives the technique what the current `search` has found, and moves to the next round."""
        self._advance(lambda: self.steps.send(passages))

    def _advance(self, step: Callable[[], Sequence[Ask] | DocumentSearch]) -> None:
        self.calls, self.search = (), None
        try:
            asks = step()
        except StopIteration as end:
            self.done = self._whole(end.value)
            return
        if isinstance(asks, DocumentSearch):
            self.search = asks
            return
        if len(self._asks) + len(asks) > self.most:
            raise PlanError(f"The technique asked for more than the {self.most:,} calls that it declares.")
        self.calls = [self._call(ask) for ask in asks]

    def _whole(self, done: Done) -> Done:
        """Returns the end with the whole text of its reply, and with a note on earlier ones that are odd."""
        output = self._replies[done.reply.call.number]
        notes = [note for reply in self._replies if reply is not output and (note := _odd(reply))]
        return Done(output, "; ".join(filter(None, [done.note, *notes])), done.context)

    def _call(self, ask: Ask) -> StepCall:
        same = ((one.turns, one.changes, one.model) for one in self._asks)
        branch = sum(one == (ask.turns, ask.changes, ask.model) for one in same)
        self._asks.append(ask)
        return StepCall(len(self._asks) - 1, self._round, branch, ask)


def reached(progress: Progress, replies: Sequence[StepReply]) -> list[StepCall]:
    """Returns the calls that the technique makes as far as these replies of an earlier time serve it, in order: all
    rounds whose calls it has made before with the same messages, and the first round that it has not."""
    earlier = {(reply.call.number, reply.call.ask.turns): reply for reply in replies}
    calls: list[StepCall] = []
    while progress.calls:
        calls += progress.calls
        known = [earlier.get((call.number, call.ask.turns)) for call in progress.calls]
        if None in known:
            break
        progress.answer([reply for reply in known if reply])
    return calls


def _ends(text: str) -> str:
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]}\n…\n{text[-half:]}"


def _odd(reply: StepReply) -> str:
    if len(reply.text) > LONGEST:
        return f"step {reply.call.ask.step} returned {len(reply.text):,} characters, of which {LONGEST:,} were used"
    return "" if reply.text.strip() or reply.tool_calls else f"step {reply.call.ask.step} returned an empty text"
