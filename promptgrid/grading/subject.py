"""The input and the result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from promptgrid.grading.spec import CheckSpec
from promptgrid.prompt import AnswerRule
from promptgrid.text import one_line

_SHOWN = 60  # characters of a text within an explanation


@dataclass(frozen=True, slots=True)
class Score:
    """The result of a check on one reply: `value` 0 to 1, `passed`, the `answer` that was scored, an explanation.

    `value` and `passed` are None where nothing could be scored (no expected, no answer, a broken pattern), `failed`
    where that is the check's own fault: it raised, it took too long, its judge could not be asked or understood.
    """

    check: str
    value: float | None
    passed: bool | None
    answer: str
    explanation: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """One reply for one check: `answer` is what `read_answer` read and `note` what it says of it, `expected` is one
    accepted answer of the case, `language` the prompt's."""

    spec: CheckSpec
    output: str
    answer: str | None
    expected: str | None
    rule: AnswerRule
    note: str = ""
    language: str = "en"

    @property
    def missing(self) -> str:
        """The reason why there is nothing to compare; empty if there is."""
        if self.expected is None:
            return "not scored: the case has no expected value"
        if self.answer is None:
            return f"not scored: no answer could be read{f': {self.note}' if self.note else ''}"
        return ""

    @property
    def both(self) -> tuple[str, str]:
        """Answer and expected as texts, once nothing is `missing`."""
        return str(self.answer), str(self.expected)


class Verdict(NamedTuple):
    """Whether it passed (None: not scored), why, and the value where that is not simply 1 or 0."""

    passed: bool | None
    why: str
    value: float | None = None
    failed: bool = False

    def score(self, check: str, answer: str | None) -> Score:
        """The score of that check."""
        value = self.value if self.value is not None or self.passed is None else float(self.passed)
        return Score(check, value, self.passed, "" if answer is None else answer, self.why, self.failed)


def compared(equal: bool, subject: Subject) -> Verdict:
    """The verdict of a check that compares answer and expected."""
    answer, expected = map(short, subject.both)
    return Verdict(equal, f"answer {answer}, as expected" if equal else f"answer {answer}, expected {expected}")


def short(text: str) -> str:
    """The text in one line, cut for an explanation."""
    return one_line(text, _SHOWN)
