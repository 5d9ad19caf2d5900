"""The input and the result of a check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from promptgrid.grading.spec import CheckSpec
from promptgrid.prompt import AnswerRule, Tool, ToolCall
from promptgrid.text import one_line

_SHOWN = 60  # characters of a text within an explanation


@dataclass(frozen=True, slots=True)
class Score:
    """The result of a check on one reply: `value` from 0 to 1, whether it `passed`, the `answer` that was scored, and
    an explanation.

    `value` and `passed` are None if the reply could not be scored (no expected value, no answer, an invalid pattern).
    `failed` tells that the check itself is the cause: it raised, it took too long, or its judge could not be asked or
    understood.
    """

    check: str
    value: float | None
    passed: bool | None
    answer: str
    explanation: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What a check scores: one reply. `answer` and `note` are those of `read_answer`, `expected` is one of the case's
    accepted answers, `rule`, `language` and `tools` are those of the prompt. `calls` are the calls of tools in the
    reply, in order: of all its steps, if it has several."""

    spec: CheckSpec
    output: str
    answer: str | None
    expected: str | None
    rule: AnswerRule
    note: str = ""
    language: str = "en"
    calls: Sequence[ToolCall] = ()
    tools: Sequence[Tool] = ()

    @property
    def missing(self) -> str:
        """The reason why answer and expected value cannot be compared, because one is missing; "" if both are there."""
        if self.expected is None:
            return "not scored: the case has no expected value"
        if self.answer is None:
            return f"not scored: no answer could be read{f': {self.note}' if self.note else ''}"
        return ""

    @property
    def both(self) -> tuple[str, str]:
        """The answer and the expected value as texts; use it only if nothing is `missing`."""
        return str(self.answer), str(self.expected)


class Verdict(NamedTuple):
    """The result of a check: whether the reply `passed` (None: not scored), a sentence that says `why`, and the `value`
    unless it is simply 1 or 0. `failed`: the check itself went wrong."""

    passed: bool | None
    why: str
    value: float | None = None
    failed: bool = False

    def score(self, check: str, answer: str | None) -> Score:
        """Returns the verdict as the Score of the check named `check` on this answer."""
        value = self.value if self.value is not None or self.passed is None else float(self.passed)
        return Score(check, value, self.passed, "" if answer is None else answer, self.why, self.failed)


def compared(equal: bool, subject: Subject) -> Verdict:
    """Returns the verdict of a check that compares answer and expected value; `equal` is its result."""
    answer, expected = map(short, subject.both)
    return Verdict(equal, f"answer {answer}, as expected" if equal else f"answer {answer}, expected {expected}")


def short(text: str) -> str:
    """Returns the text in one line of at most 60 characters, to be quoted in an explanation."""
    return one_line(text, _SHOWN)
