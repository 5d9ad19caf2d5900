"""Compares numbers: equal, within a tolerance, or equal in another unit."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from promptgrid.answers.expected import read_number
from promptgrid.answers.numbers import Numeral, canonical, find_numerals, last_numeral
from promptgrid.answers.units import Unit, find_unit, unit_at_start
from promptgrid.grading.subject import Subject, Verdict, short


def number(subject: Subject) -> Verdict:
    """Checks that the number in the answer equals the expected one, within the tolerance of the check's options. Units
    are converted if the expected value has one or the option `unit` names one. Values of several numbers ("3:8") must
    be equal as texts."""
    if subject.missing:
        return Verdict(None, subject.missing)
    reading = read_number(str(subject.expected), subject.language)
    if reading.numeral is None:
        return Verdict(None, f"not scored: {reading.problem}")
    answer, expected = _numeral(subject), reading.numeral
    if answer is None:
        return Verdict(False, f"answer {short(str(subject.answer))} holds no number, expected {expected.text}")
    if answer.kind == "unclear":
        return Verdict(None, f"not scored: the answer {short(answer.why)}")
    if not answer.is_number or not expected.is_number:
        return _whole(answer, expected)
    unit = _unit(subject, expected)
    if unit is not None:
        return _measured(subject, answer, expected, unit)
    if answer.kind == "measure" and answer.value != expected.value:
        return Verdict(None, f"not scored: expected {expected.text} names no unit, the answer is {answer.text}")
    size = abs(expected.value or Fraction(0))
    return _judged(subject, _distance(answer, expected), size, short(answer.text), short(expected.text))


def _numeral(subject: Subject) -> Numeral | None:
    """Returns the number in the answer: with the answer rule `number` the whole answer (of the kind "unclear" if it is
    more than a number), with any other rule the last number in it; None if there is none."""
    answer = str(subject.answer)
    if subject.rule.kind != "number":
        return last_numeral(answer, subject.language)
    numeral = canonical(answer) or next(iter(find_numerals(answer)), None)
    if numeral is None or numeral.text == answer:
        return numeral
    if numeral.is_number and f"{numeral.text}{numeral.behind}" == answer:
        return replace(numeral, kind="measure", text=answer)
    return Numeral("unclear", answer, why=f"{short(answer)} is no number")


def _whole(answer: Numeral, expected: Numeral) -> Verdict:
    says = f"answer {short(answer.text)}, expected {short(expected.text)}"
    if answer.kind == expected.kind:
        return Verdict(answer.text == expected.text, f"{says}: equal" if answer.text == expected.text else says)
    return Verdict(None, f"not scored: {says}: {answer.kind} and {expected.kind} are not compared")


def _unit(subject: Subject, expected: Numeral) -> Unit | None:
    """Returns the unit in which to compare: the check's option `unit`, else the unit at the end of the expected value;
    None without either."""
    if "unit" in subject.spec.options:
        return find_unit(subject.spec.options["unit"])
    return _unit_behind(expected, ends=True)


def _unit_behind(numeral: Numeral, *, ends: bool = False) -> Unit | None:
    """Returns the unit behind the number in its text, or None; with `ends`, only a unit with which the text ends."""
    unit, rest = unit_at_start(numeral.behind) or (None, "")
    return None if ends and rest.strip(" .") else unit


def _unit_of_answer(subject: Subject, answer: Numeral) -> Unit | None:
    """Returns the unit behind the number in the answer. The answer rule `number` cuts the unit off; then returns
    the unit behind the last equal number of the output that has one. None if there is no unit."""
    if (unit := _unit_behind(answer)) is not None or subject.rule.kind != "number":
        return unit
    same = (numeral for numeral in reversed(find_numerals(subject.output, subject.language)) if numeral == answer)
    return next((unit for numeral in same if (unit := _unit_behind(numeral)) is not None), None)


def _measured(subject: Subject, answer: Numeral, expected: Numeral, unit: Unit) -> Verdict:
    """Compares answer and expected value as amounts in `unit`; a number without a unit is taken to be in that unit."""
    answer_unit, target = _unit_of_answer(subject, answer), _unit_behind(expected, ends=True) or unit
    answer_text, aim = _with_unit(answer, answer_unit), _with_unit(expected, target)
    for one, text in ((target, aim), (answer_unit or unit, answer_text)):
        if one.dimension != unit.dimension:
            why = f"{text} is no {unit.dimension}"
            return Verdict(None, f"not scored: expected {why}") if one is target else Verdict(False, f"answer {why}")
    have = (answer_unit or unit).convert(answer.value or Fraction(0), unit)
    want = target.convert(expected.value or Fraction(0), unit)
    return _judged(subject, abs(have - want), abs(want), answer_text, aim, f" {unit.name}")


def _with_unit(numeral: Numeral, unit: Unit | None) -> str:
    return numeral.text if numeral.kind == "measure" or unit is None else f"{numeral.text} {unit.name}"


def _judged(subject: Subject, off: Fraction, size: Fraction, answer: str, expected: str, unit: str = "") -> Verdict:
    says = f"answer {answer}, expected {expected}"
    if off == 0:
        return Verdict(True, f"{says}: equal")
    options = subject.spec.options
    allowed = max(Fraction(options.get("tolerance", 0.0)), Fraction(options.get("relative", 0.0)) * size)
    why = f"{says}, off by {_decimal(off)}{unit}" + (f" (allowed {_decimal(allowed)})" if allowed else "")
    return Verdict(off <= allowed, why)


def _distance(answer: Numeral, expected: Numeral) -> Fraction:
    """Returns the distance of two numbers. If only one of them is a percentage, 45% may mean 0.45 or 45: the smaller
    distance counts."""
    have, want = answer.value or Fraction(0), expected.value or Fraction(0)
    apart = abs(have - want)
    if answer.percent == expected.percent:
        return apart
    as_written = [value * 100 if numeral.percent else value for numeral, value in ((answer, have), (expected, want))]
    return min(apart, abs(as_written[0] - as_written[1]))


def _decimal(value: Fraction) -> str:
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        return "more than 1e308"
