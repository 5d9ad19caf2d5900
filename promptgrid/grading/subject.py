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

    `value` and `passed` are None if the reply could not be scored (no expected, no answer, an invalid pattern).
    `failed` is set if the check itself is the cause: it raised, it took too long, or its judge could not be asked or
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
    """One reply for one check: `answer` and `note` as from `read_answer`, `expected` is one accepted answer."""

    spec: CheckSpec
    output: str
    answer: str | None
    expected: str | None
    rule: AnswerRule
    note: str = ""
    language: str = "en"

    @property
    def missing(self) -> str:
        """Returns the reason why there is nothing to compare; "" if there is."""
        if self.expected is None:
            return "not scored: the case has no expected value"
        if self.answer is None:
            return f"not scored: no answer could be read{f': {self.note}' if self.note else ''}"
        return ""

    @property
    def both(self) -> tuple[str, str]:
        """Returns answer and expected as texts; call it only if nothing is `missing`."""
        return str(self.answer), str(self.expected)


class Verdict(NamedTuple):
    """Whether the reply passed (None: not scored), the reason, and the value if that is not simply 1 or 0."""

    passed: bool | None
    why: str
    value: float | None = None
    failed: bool = False

    def score(self, check: str, answer: str | None) -> Score:
        """Returns the score of the check with that name."""
        value = self.value if self.value is not None or self.passed is None else float(self.passed)
        return Score(check, value, self.passed, "" if answer is None else answer, self.why, self.failed)


def compared(equal: bool, subject: Subject) -> Verdict:
    """Returns the verdict of a check that compares answer and expected."""
    answer, expected = map(short, subject.both)
    return Verdict(equal, f"answer {answer}, as expected" if equal else f"answer {answer}, expected {expected}")


def short(text: str) -> str:
    """Returns the text in one line, shortened for an explanation."""
    return one_line(text, _SHOWN)
