"""Warns about a plan before it is sent: about cases that will not be scored, and text that is sent unchanged by
mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator

from promptgrid.answers import read_expected
from promptgrid.cases.table import answer_columns
from promptgrid.grid.plan import Plan
from promptgrid.prompt import Prompt, variables
from promptgrid.text import one_line

_SINGLE_BRACES = re.compile(r"(?<![{%#\\$])\{ *([A-Za-z_]\w*) *\}(?!\})")
_LISTED = 5  # the number of case ids listed in a doubt


def doubts(plan: Plan) -> list[str]:
    """Returns sentences about what may be wrong with the plan, each once; none if nothing is suspicious. Raises
    PromptError for broken Jinja."""
    columns = list(dict.fromkeys(name for case in plan.cases for name in case.inputs))
    lines = []
    for prompt in plan.prompts:
        lines += [*_unscored(plan, prompt, columns), *_unread(plan, prompt), *_sent_as_it_stands(plan, prompt, columns)]
    return list(dict.fromkeys(lines))


def _unscored(plan: Plan, prompt: Prompt, columns: list[str]) -> Iterator[str]:
    """Yields a sentence if the prompt's answer rule needs expected answers and no case has one. `columns` are those of
    the cases."""
    if prompt.answer.kind not in ("label", "number") or any(case.expected is not None for case in plan.cases):
        return
    if plan.checks_for(prompt) or plan.own_checks:
        return
    used = {variable.name for variable in variables(prompt.messages, prompt.inputs)}
    offered = [name for name in answer_columns(columns) if name not in used]
    hint = f" Is it {offered[0]}? (--expected {offered[0]})" if offered else ""
    yield f"No case has an expected answer: nothing will be scored.{hint}"


def _unread(plan: Plan, prompt: Prompt) -> Iterator[str]:
    """Yields a sentence if the prompt's answer rule cannot read the expected answers of some cases, which are then not
    scored."""
    if prompt.answer.kind not in ("label", "number", "json"):
        return
    problems = {
        case.id: read[0].problem
        for case in plan.cases
        if case.expected is not None
        and (read := read_expected(prompt.answer, case.expected, prompt.language))
        and all(one.problem for one in read)
    }
    if problems:
        ids = ", ".join(list(problems)[:_LISTED]) + (" …" if len(problems) > _LISTED else "")
        first = one_line(next(iter(problems.values())))
        yield f'"{prompt.name}": {len(problems):,} of {len(plan.cases):,} cases are not scored ({ids}): {first}.'


def _sent_as_it_stands(plan: Plan, prompt: Prompt, columns: list[str]) -> Iterator[str]:
    """Yields sentences about text that may be meant as a variable: a column's name in single braces, which is sent as
    it is, and a prompt that uses no column."""
    used = {variable.name for variable in variables(prompt.messages, prompt.inputs)}
    names = {*columns, *(item.name for item in prompt.inputs)}
    for name in dict.fromkeys(m[1] for message in prompt.messages for m in _SINGLE_BRACES.finditer(message.text)):
        if name in names and name not in used:
            yield f'"{prompt.name}": {{{name}}} is sent as it stands; write {{{{ {name} }}}}.'
    if len(plan.cases) > 1 and columns and used.isdisjoint(columns):
        listed = ", ".join(columns[:_LISTED])
        yield f'"{prompt.name}" uses no column of the cases ({listed}): each is sent the same text.'
