"""The checks of a reply's tool calls. A failure begins with its status, such as `wrong value: …`.

The expected calls are those of the case's cell `expected`, or of the column that the option `column` names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from promptgrid.grading.argument_values import Leniency, Unscorable
from promptgrid.grading.call_json import expected_calls
from promptgrid.grading.call_pairs import Pairs, pair_calls
from promptgrid.grading.expected_call import OTHER_TOOL, ExpectedCall
from promptgrid.grading.schema import schema_problem
from promptgrid.grading.spec import CheckSpec
from promptgrid.grading.subject import Subject, Verdict, short
from promptgrid.prompt import AnswerRule, ToolCall
from promptgrid.prompt.tools.arguments import read_arguments
from promptgrid.suggestions import listed
from promptgrid.text import one_line, value_text

MOST_CALLS = 100
"""The calls of one reply that are judged; more than that fail."""
_WHY = 280  # characters of an explanation
_NAMED = 3  # differences, or calls, in an explanation


def tool_called(subject: Subject) -> Verdict:
    """Tells whether the tool of the option `name` is called; without it, every tool that the case expects, or any of
    the prompt's tools if the case has no expected calls."""
    known = {tool.name for tool in subject.tools}
    called = [call.name for call in subject.calls]
    wanted = [subject.spec.options["name"]] if "name" in subject.spec.options else None
    if wanted is None and (expected := _expected(subject)) is not None:
        if not expected:
            return Verdict(None, "not scored: the case expects no call, which tool-not-called checks")
        wanted = [call.name for call in expected]
    if missing := [name for name in wanted or () if name not in called]:
        return _missing(", ".join(missing), subject.calls)
    if wanted is None and not (called := [name for name in called if name in known]):
        return _missing("any tool", subject.calls)
    names = ", ".join(dict.fromkeys(wanted or called))
    return Verdict(True, _line(f"called: {names}"))


def tool_not_called(subject: Subject) -> Verdict:
    """Tells whether the tool of the option `name` is not called; without it, whether no tool is called at all."""
    name = subject.spec.options.get("name")
    if name is None and _expected(subject):
        return Verdict(None, "not scored: the case expects calls, which tool-called checks")
    unwanted = [call for call in subject.calls if name in (None, call.name)]
    if unwanted:
        return Verdict(False, _line(f"unwanted call: {_written(unwanted)}"))
    return Verdict(True, f"{short(name)} is not called" if name else "no tool is called")


def tool_args(subject: Subject) -> Verdict:
    """Tells whether each expected call has a call of its own with the expected arguments; further calls do not
    count."""
    expected = _expected(subject)
    if expected is None:
        return _no_expected(subject)
    if not expected:
        return Verdict(None, "not scored: the case expects no call, which tool-not-called checks")
    problem = _first_problem(subject, expected, pair_calls(expected, subject.calls, _leniency(subject)))
    return problem or Verdict(True, _line(f"as expected: {_written(expected)}"))


def tool_sequence(subject: Subject) -> Verdict:
    """Tells whether the calls are the expected ones. By the option `order` they must be exactly these in this order
    (`exact`), these in this order with others between them (`in-order`), or exactly these in any order (`any`)."""
    expected, order = _expected(subject), subject.spec.options.get("order", "exact")
    if expected is None:
        return _no_expected(subject)
    if not expected:
        verdict = tool_not_called(subject)
        return verdict._replace(why=f"{verdict.why}, as expected") if verdict.passed else verdict
    leniency = _leniency(subject)
    if order == "in-order":
        return _in_order(subject, expected, leniency)
    pairs = pair_calls(expected, subject.calls, leniency)
    if problem := _first_problem(subject, expected, pairs) or _surplus(subject, expected, pairs):
        return problem
    if order == "exact" and not all(_fits(*pair, leniency) for pair in zip(expected, subject.calls, strict=True)):
        return _wrong_order(subject, expected)
    return Verdict(True, _line(f"as expected: {_written(expected)}"))


def tool_schema(subject: Subject) -> Verdict:
    """Tells whether each call names a tool of the prompt, with arguments that are valid by its JSON schema (draft
    2020-12 unless the schema names another)."""
    if not subject.calls:
        return Verdict(None, "not scored: no tool is called")
    schemas = {tool.name: tool.parameters for tool in subject.tools}
    for call in subject.calls:
        if call.name not in schemas:
            return Verdict(False, _line(_unknown(call, schemas)))
        arguments = read_arguments(call.arguments)
        if arguments.problem:
            return Verdict(False, _line(f"bad arguments: {short(call.name)}: {arguments.problem}"))
        passed, why = schema_problem(arguments.values, schemas[call.name])
        if not passed:
            return Verdict(passed, why if passed is None else _line(f"not by the schema: {short(call.name)}: {why}"))
    return Verdict(True, _line(f"by the schema: {_written(subject.calls)}"))


TOOL_CHECKS: Mapping[str, Callable[[Subject], Verdict]] = MappingProxyType(
    {
        "tool-called": tool_called,
        "tool-not-called": tool_not_called,
        "tool-args": tool_args,
        "tool-sequence": tool_sequence,
        "tool-schema": tool_schema,
    }
)


def judge_calls(subject: Subject) -> Verdict:
    """Returns the verdict of a check of TOOL_CHECKS on a reply. Never raises for what a model, a case or a pattern
    holds."""
    if not subject.tools and not subject.calls:
        return Verdict(None, "not scored: the prompt has no tools")
    if len(subject.calls) > MOST_CALLS:
        return Verdict(False, f"too many calls: {len(subject.calls):,}, and at most {MOST_CALLS} are judged")
    try:
        return TOOL_CHECKS[subject.spec.kind](subject)
    except Unscorable as problem:
        return Verdict(None, _line(f"not scored: {problem}"))
    except ValueError as problem:  # from `expected_calls`
        return Verdict(None, _line(f"not scored: the expected calls cannot be read: {problem}"))


def expected_cell(spec: CheckSpec, rule: AnswerRule, expected: str | None, inputs: Mapping[str, Any]) -> str | None:
    """Returns the text of the cell with a case's expected calls: the value of the column that the check names, or
    `expected`, unless the answer rule reads a number, label or the like out of that; None if there is none. `inputs`
    are the case's columns."""
    if (column := spec.options.get("column")) is None:
        return expected if rule.kind == "text" else None
    text = value_text(inputs.get(column, ""))
    return text if text.strip() else None


def _expected(subject: Subject) -> tuple[ExpectedCall, ...] | None:
    """Returns the calls that the case expects, () for none, None if it does not say. Raises ValueError."""
    return None if subject.expected is None else expected_calls(subject.expected)


def _no_expected(subject: Subject) -> Verdict:
    column = str(subject.spec.options.get("column", ""))
    where = (
        f" in its column {short(column)}" if column else "" if subject.rule.kind == "text" else ": name their column"
    )
    return Verdict(None, f"not scored: the case has no expected calls{where}")


def _leniency(subject: Subject) -> Leniency:
    options = subject.spec.options
    return Leniency(loose=bool(options.get("loose")), extra=bool(options.get("extra")))


def _first_problem(subject: Subject, expected: Sequence[ExpectedCall], pairs: Pairs) -> Verdict | None:
    """Returns the verdict on the first expected call that has no call of its own, or differs from it; None if all
    fit."""
    names = [tool.name for tool in subject.tools]
    for one, at, mismatches in zip(expected, pairs.of, pairs.mismatches, strict=True):
        if at is None:
            return _missing(str(one), subject.calls)
        if not mismatches:
            continue
        if mismatches[0].status != OTHER_TOOL:
            return Verdict(False, _line("; ".join(map(str, mismatches[:_NAMED]))))
        call = subject.calls[at]
        if names and call.name not in names:
            return Verdict(False, _line(f"{_unknown(call, names)}; expected {one}"))
        return _missing(str(one), subject.calls)
    return None


def _surplus(subject: Subject, expected: Sequence[ExpectedCall], pairs: Pairs) -> Verdict | None:
    """Returns the verdict on calls that are left over when each expected call has its own; None if there are none."""
    if not pairs.left:
        return None
    counts = f"{len(subject.calls)}, expected {len(expected)}"
    left = _written([subject.calls[at] for at in pairs.left])
    return Verdict(False, _line(f"too many calls: {counts}; left over: {left}"))


def _in_order(subject: Subject, expected: Sequence[ExpectedCall], leniency: Leniency) -> Verdict:
    calls = iter(subject.calls)
    if all(any(_fits(one, call, leniency) for call in calls) for one in expected):  # each goes on where the last fits
        return Verdict(True, _line(f"in the expected order: {_written(expected)}"))
    return _first_problem(subject, expected, pair_calls(expected, subject.calls, leniency)) or _wrong_order(
        subject, expected
    )


def _fits(expected: ExpectedCall, call: ToolCall, leniency: Leniency) -> bool:
    return next(expected.mismatches(call, leniency), None) is None


def _wrong_order(subject: Subject, expected: Sequence[ExpectedCall]) -> Verdict:
    return Verdict(False, _line(f"wrong order: {_written(subject.calls)}; expected {_written(expected)}"))


def _missing(wanted: str, calls: Sequence[ToolCall]) -> Verdict:
    if not calls:
        return Verdict(False, _line(f"no call: expected {wanted}"))
    return Verdict(False, _line(f"missing call: {wanted}; called: {_written(calls)}"))


def _unknown(call: ToolCall, names: Iterable[str]) -> str:
    return f"unknown tool: {short(call.name)} is called. {listed('The prompt has', names)}".rstrip(".")


def _written(calls: Sequence[ToolCall | ExpectedCall]) -> str:
    """Returns the first calls in one line, each as `name(argument=value)`, or as the model wrote its arguments if they
    are no JSON object."""
    texts = [call_text(call) if isinstance(call, ToolCall) else short(str(call)) for call in calls[:_NAMED]]
    return ", ".join(texts) + " …" * (len(calls) > _NAMED)


def call_text(call: ToolCall) -> str:
    """Returns a call in one short line: `get_weather(city="Paris")`, or with the arguments as the model wrote them if
    they are no JSON object."""
    arguments = read_arguments(call.arguments)
    if arguments.problem:
        return short(f"{call.name}({call.arguments})")
    written = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.values.items())
    return short(f"{call.name}({', '.join(written)})")


def _line(text: str) -> str:
    return one_line(text, _WHY)
