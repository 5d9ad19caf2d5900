"""The parts of which a technique consists: it asks, is given the replies, and asks again or is done.

A technique is a generator: it yields the asks of its next round, receives their replies, and returns Done. It is pure
(no clock, no random numbers, no I/O), so the replies received so far determine what it asks next: a killed run replays
the stored replies and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptgrid.errors import PlanError
from promptgrid.prompt import EMPTY, Example, Message, Prompt
from promptgrid.techniques.turns import ExamplesAs, Turn, as_written, asking


@dataclass(frozen=True, slots=True)
class Ask:
    """One call that a technique asks for: the turns to send, and the name of the `step`, such as `critique 2`.

    `changes` are parameters, by name, that replace those of the plan for this call. `model` is ENDPOINT/MODEL; "" means
    the cell's model. Asks of one round that have equal turns differ by `branch`, which gives each a seed and a stored
    reply of its own.
    """

    step: str
    turns: tuple[Turn, ...]
    branch: int = 0
    changes: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    model: str = ""


@dataclass(frozen=True, slots=True)
class StepReply:
    """The reply to an ask. `number` counts all asks of a cell from 0, in the order in which they were yielded; `round`
    counts the rounds from 0. `tool_calls` are those of the reply, as the protocol's JSON."""

    number: int
    round: int
    ask: Ask
    text: str
    finish_reason: str = ""
    tool_calls: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a technique: the cell's output is the text of `reply`. `note` is a sentence on replies that could not
    be used as the technique expects; "" if all could."""

    reply: StepReply
    note: str = ""


Steps = Generator[Sequence[Ask], Sequence[StepReply], Done]
"""Yields rounds of asks, which are sent side by side, and receives the replies of each round in the same order."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a technique works on: a prompt, the values of its variables, the selected examples, and the technique's
    `options` by name. With `examples_as="text"` the examples stand inside the question's message, otherwise they are
    turns."""

    prompt: Prompt
    values: Mapping[str, Any]
    examples: Sequence[Example] = ()
    examples_as: ExamplesAs = "turns"
    options: Mapping[str, int] = field(default_factory=lambda: EMPTY)

    @property
    def question(self) -> tuple[Turn, ...]:
        """The turns of the prompt as it is written, with the values of the case."""
        return tuple(as_written(self.prompt, self.values))

    def asking(self, text: str) -> tuple[Turn, ...]:
        """Returns the turns of the prompt, with `text` as the last paragraph of the question."""
        return tuple(asking(self.prompt, self.values, text))


@dataclass(frozen=True, slots=True)
class TechniqueOption:
    """A number that adjusts a technique: its default, its least and its greatest value, and what it means."""

    default: int
    least: int
    most: int
    meaning: str


@dataclass(frozen=True, slots=True)
class Technique:
    """A way to put a prompt to a model.

    source          the paper that describes it
    steps           returns its generator for a task
    most_calls      returns the most calls that it makes for one cell, by its options
    options         the numbers that adjust it, by name
    shows_examples  whether it needs the prompt's examples
    shows_reasoning whether these examples need reasoning
    marks_answer    whether its last reply holds the final answer after the marker, such as `Answer:`
    votes           whether the answer of a case is the majority vote over all its samples
    """

    source: str
    steps: Callable[[Task], Steps]
    most_calls: Callable[[Mapping[str, int]], int] = lambda options: 1
    options: Mapping[str, TechniqueOption] = field(default_factory=lambda: EMPTY)
    shows_examples: bool = False
    shows_reasoning: bool = False
    marks_answer: bool = False
    votes: bool = False


def one_call(turns: Callable[[Task], Sequence[Turn]]) -> Callable[[Task], Steps]:
    """Returns the steps of a technique that makes a single call with these turns."""

    def steps(task: Task) -> Steps:
        return Done((yield from one("answer", turns(task))))

    return steps


def one(step: str, turns: Sequence[Turn], **changes: Any) -> Generator[Sequence[Ask], Sequence[StepReply], StepReply]:
    """Asks for one call and returns its reply; `changes` are parameters that differ from the plan's. For use with
    `yield from` in a technique."""
    (reply,) = yield (Ask(step, tuple(turns), changes=changes),)
    return reply


def after(turns: Sequence[Turn], reply: StepReply, request: str) -> tuple[Turn, ...]:
    """Returns the turns, followed by the model's reply to them and by a further request of the user."""
    more = (Turn(Message("assistant", reply.text), "history"), Turn(Message("user", request), "question"))
    return (*turns, *more)


@dataclass
class Progress:
    """One cell's way through a technique. `asks` are those of the current round; empty once `done` is set.

    `most` is the declared number of calls; a technique that asks for more raises PlanError.
    """

    steps: Steps
    most: int
    asks: Sequence[Ask] = ()
    done: Done | None = None
    _replies: int = 0
    _round: int = 0

    def __post_init__(self) -> None:
        self._advance(lambda: next(self.steps))

    @property
    def numbered(self) -> Iterator[tuple[int, Ask]]:
        """The asks of the current round with their numbers in the cell."""
        return enumerate(self.asks, self._replies)

    @property
    def round(self) -> int:
        """The number of the current round, from 0."""
        return self._round

    def answer(self, replies: Sequence[StepReply]) -> None:
        """Gives the technique the replies to the current round, in the order of `asks`, and moves to the next one."""
        self._replies += len(self.asks)
        self._round += 1
        self._advance(lambda: self.steps.send(replies))

    def _advance(self, step: Callable[[], Sequence[Ask]]) -> None:
        try:
            self.asks = step()
        except StopIteration as end:
            self.asks, self.done = (), end.value
        if self._replies + len(self.asks) > self.most:
            raise PlanError(f"The technique asked for more than the {self.most:,} calls that it declares.")
