"""Numbers: equal, near enough, or the same in another unit."""

from __future__ import annotations

from fractions import Fraction

from promptgrid.answers import last_measured, last_number
from promptgrid.answers.numbers import Number
from promptgrid.grading.subject import Subject, Verdict, short
from promptgrid.grading.units import Unit, find_unit, unit_at_start


def number(subject: Subject) -> Verdict:
    """The last number of the answer against the last of the expected value; by their units where expected has one, or
    the option `unit` names one."""
    if subject.missing:
        return Verdict(None, subject.missing)
    answer, expected = map(last_number, subject.both)
    if expected is None:
        return Verdict(None, f"not scored: expected {short(str(subject.expected))} holds no number")
    if answer is None:
        return Verdict(False, f"answer {short(str(subject.answer))} holds no number, expected {expected.text}")
    unit = _unit(subject)
    if unit is not None:
        return _measured(subject, answer, expected, unit)
    return _judged(subject, _distance(answer, expected), abs(expected.value), short(answer.text), short(expected.text))


def _unit(subject: Subject) -> Unit | None:
    """What is compared in: the option, else the unit that the expected value ends with."""
    if "unit" in subject.spec.options:
        return find_unit(subject.spec.options["unit"])
    return _unit_behind(str(subject.expected), ends=True)


def _unit_behind(text: str, spelled: str = "", *, ends: bool = False) -> Unit | None:
    """The unit behind the last number of the text, or behind the last one of that spelling."""
    measured = last_measured(text, spelled)
    found = unit_at_start(measured[1]) if measured else None
    return None if found is None or (ends and found[1].strip(" .")) else found[0]


def _measured(subject: Subject, answer: Number, expected: Number, unit: Unit) -> Verdict:
    """A number without a unit is taken to be in that of the comparison. An answer that is a bare number, as the rule
    `number` reads it, has its unit in the output."""
    given = _unit_behind(str(subject.answer)) or _unit_behind(subject.output, answer.text)
    wanted = _unit_behind(str(subject.expected), ends=True) or unit
    said, aim = (f"{n.text} {u.name if u else ''}".strip() for n, u in ((answer, given), (expected, wanted)))
    for one, text in ((wanted, aim), (given or unit, said)):
        if one.dimension != unit.dimension:
            why = f"{text} is no {unit.dimension}"
            return Verdict(None, f"not scored: expected {why}") if one is wanted else Verdict(False, f"answer {why}")
    have, want = (given or unit).convert(answer.value, unit), wanted.convert(expected.value, unit)
    return _judged(subject, abs(have - want), abs(want), said, aim, f" {unit.name}")


def _judged(subject: Subject, off: Fraction, size: Fraction, answer: str, expected: str, unit: str = "") -> Verdict:
    options = subject.spec.options
    allowed = max(Fraction(options.get("tolerance", 0.0)), Fraction(options.get("relative", 0.0)) * size)
    says = f"answer {answer}, expected {expected}"
    if off == 0:
        return Verdict(True, f"{says}: equal")
    why = f"{says}, off by {_decimal(off)}{unit}" + (f" (allowed {_decimal(allowed)})" if allowed else "")
    return Verdict(off <= allowed, why)


def _distance(answer: Number, expected: Number) -> Fraction:
    """How far apart; where only one side has a percent sign, it counts as written or as ignored, as it fits better."""
    apart = abs(answer.value - expected.value)
    if answer.percent == expected.percent:
        return apart
    as_written = [number.value * 100 if number.percent else number.value for number in (answer, expected)]
    return min(apart, abs(as_written[0] - as_written[1]))


def _decimal(value: Fraction) -> str:
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        return "more than 1e308"
