"""The kinds of gates, and their results."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from promptgrid.compare.verdicts import CheckVerdict
from promptgrid.errors import GateError
from promptgrid.suggestions import did_you_mean


@dataclass(frozen=True, slots=True)
class MinScore:
    """A gate: every variant must have a mean score by `check` of at least `least`, 0 to 1.

    With `confident`, the low end of the score's 95 % interval must reach `least`.
    """

    check: str
    least: float
    confident: bool = False


@dataclass(frozen=True, slots=True)
class Broke:
    """One case that is worse than in an earlier run, or that failed its check. `before` is the answer in the earlier
    run ("" if no run was compared), `now` the one in this run. All fields may contain text from models or files."""

    case_id: str
    variant: str
    check: str
    expected: str | None
    before: str
    now: str
    explanation: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """The result of one gate for one variant.

    variant    the label of the variant; "" where the gate covers all variants
    measured   the figures, in words
    reason     why the gate failed; "" where it held
    broke      the cases that are worse or failed their check (see Broke), also where the gate held
    note       the statistical comparison, in a sentence
    """

    gate: str
    variant: str
    held: bool
    measured: str
    reason: str = ""
    broke: tuple[Broke, ...] = ()
    note: str = ""


def parse_min_score(text: str, *, confident: bool = False) -> MinScore:
    """Parses a gate such as `CHECK=0.9` or `CHECK=90%`; `confident` is set in the gate. Raises GateError for any
    other text.

    >>> parse_min_score("label=90%").least
    0.9
    """
    check, equals, number = (part.strip() for part in text.rpartition("="))
    try:
        least = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        least = -1.0
    if not (equals and check and 0 <= least <= 1):
        raise GateError(f'"{text}" is not a gate.', hint="Write CHECK=SCORE with a score from 0 to 1: label=0.9.")
    return MinScore(check, least, confident)


def ask_known(gates: Iterable[MinScore], known: Collection[str]) -> None:
    """Raises GateError if a gate is on a check whose name is not among `known`, the checks of the run."""
    for gate in gates:
        if gate.check not in known:
            hint = did_you_mean(gate.check, known) or "It has no checks: add one with --check."
            raise GateError(f'The run has no check "{gate.check}".', hint=hint)


def broke(verdict: CheckVerdict) -> Broke:
    several = verdict.such < verdict.samples or verdict.samples > 1
    count = f"{verdict.such} of {verdict.samples} samples {_SUCH[verdict.outcome]}: " if several else ""
    return Broke(
        case_id=verdict.case_id,
        variant=verdict.label,
        check=verdict.check,
        expected=verdict.expected,
        before="",
        now="" if verdict.answer is None else verdict.answer,
        explanation=count + verdict.explanation,
    )


_SUCH = {
    "failed": "wrong",
    "no reply": "without a reply",
    "broken": "not judged",
    "not scored": "not scored",
    "passed": "right",
}
