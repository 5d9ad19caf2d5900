"""Warns about a plan before it is sent: about cases that will not be scored, and text that is sent unchanged by
mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from promptgrid.answers import case_rule, read_expected
from promptgrid.cases.table import Case, answer_columns
from promptgrid.grading import CheckSpec
from promptgrid.grading.rule_problems import check_problem, expected_problem, needs_expected, rule_problems
from promptgrid.grading.tool_checks import TOOL_CHECKS, expected_cell
from promptgrid.grading.tool_problems import impossible_call, unread_calls
from promptgrid.grid.plan import Plan
from promptgrid.prompt import Prompt
from promptgrid.prompt.braces import braces_sentence, single_braces
from promptgrid.prompt.chained import needed_variables
from promptgrid.prompt.parameters import SPECS
from promptgrid.prompt.template import variables
from promptgrid.techniques import parse_technique, select_examples, votes
from promptgrid.text import one_line

LEAST_VOTES = 3  # samples of a case, of which two can agree against one
VOTES = 5  # samples of a case that pages offer
_LISTED = 5  # the number of case ids listed in a doubt


def doubts(plan: Plan) -> list[str]:
    """Returns sentences about what may be wrong with the plan, each once; none if nothing is suspicious. Raises
    PromptError for broken Jinja."""
    columns, lines = plan.columns, [*braces_doubts(plan), *votes_doubts(plan), *_search_doubts(plan)]
    for prompt in plan.prompts:
        lines += [f'"{prompt.name}": {problem}' for problem in _blind_choices(plan, prompt)]
        lines += [f'"{prompt.name}": {problem}' for problem in rule_problems(prompt.answer, columns)]
        lines += [f'"{prompt.name}": {problem}' for problem in unread_expected(prompt, plan.cases)]
        lines += examples_doubts(prompt, plan.techniques)
        lines += [*_unscored(plan, prompt, columns), *_unused_columns(plan, prompt, columns)]
        lines += [f'"{prompt.name}": {problem}' for problem in _check_problems(plan, prompt)]
    return list(dict.fromkeys(lines))


def _blind_choices(plan: Plan, prompt: Prompt) -> Iterator[str]:
    """Yields a sentence for each technique that chooses among replies by checks, if no check can choose: those that
    compare with the expected answer or ask a model may not."""
    if any(check.plain and not needs_expected(check) for check in plan.checks_for(prompt)):
        return
    for text in plan.techniques:
        if parse_technique(text)[1].get("choose") == "check":
            yield (
                f"{text} finds no check that may choose, and takes the first reply: add one that needs no expected"
                " answer, such as length, regex or json-schema."
            )


def _unscored(plan: Plan, prompt: Prompt, columns: list[str]) -> Iterator[str]:
    """Yields a sentence if the prompt's answer rule needs expected answers and no case has one. `columns` are those of
    the cases."""
    if _is_unscored(plan, prompt):
        offered = _offered(prompt, columns)
        hint = f" Choose the column {offered[0]} for the right answers." if offered else ""
        yield f"No case has an expected answer: nothing will be scored.{hint}"


def answer_column(plan: Plan) -> str:
    """Returns a column that may hold the expected answers, if a prompt needs them and no case has one. Returns "" if
    there is no such column, or no prompt needs it."""
    columns = plan.columns
    offered = (name for prompt in plan.prompts if _is_unscored(plan, prompt) for name in _offered(prompt, columns))
    return next(offered, "")


def _is_unscored(plan: Plan, prompt: Prompt) -> bool:
    if prompt.answer.kind not in ("label", "number") or plan.has_expected:
        return False
    return not (plan.checks_for(prompt) or plan.own_checks)


def _offered(prompt: Prompt, columns: list[str]) -> list[str]:
    """Returns the columns named like expected answers that the prompt does not use."""
    used = {variable.name for variable in needed_variables(prompt)}
    return [name for name in answer_columns(columns) if name not in used]


def unread_expected(prompt: Prompt, cases: Sequence[Case]) -> Iterator[str]:
    """Yields a sentence if the prompt's answer rule cannot read the expected answers of some cases."""
    if prompt.answer.kind not in ("label", "number", "json"):
        return
    problems = {
        case.id: readings[0].problem
        for case in cases
        if case.expected is not None
        and (readings := read_expected(case_rule(prompt.answer, case.inputs), case.expected, prompt.language))
        and all(one.problem for one in readings)
    }
    yield from _unread_cases("", problems, len(cases))


def _check_problems(plan: Plan, prompt: Prompt) -> Iterator[str]:
    """Yields a sentence for each check of the run, and each that cases bring, that can score no reply or not those to
    some cases. Says nothing of what the answer rule itself cannot read, which `unread_expected` names."""
    own: dict[str, tuple[CheckSpec, list[Case]]] = {}
    for case in plan.cases:
        for check in case.checks:
            own.setdefault(str(check), (check, []))[1].append(case)
    for check, cases in [*((check, plan.cases) for check in plan.checks_for(prompt)), *own.values()]:
        expecting = [case for case in cases if case.expected is not None]
        if problem := check_problem(check, prompt.answer, prompt.tools):
            yield problem
        elif check.kind in TOOL_CHECKS:
            yield from _call_problems(check, prompt, cases)
        elif needs_expected(check) and not expecting:
            yield f"The check {check.name} scores nothing: none of its cases has an expected answer."
        elif prompt.answer.kind not in ("label", "number", "json"):
            whys = {c.id: expected_problem(check, prompt.answer, c.expected or "", prompt.language) for c in expecting}
            yield from _unread_cases(f"by {check.name} ", {id_: why for id_, why in whys.items() if why}, len(cases))


def _call_problems(check: CheckSpec, prompt: Prompt, cases: Sequence[Case]) -> Iterator[str]:
    """Yields a sentence if none of the cases has the expected calls that the check needs, and one each on the cases
    whose expected calls cannot be read, or can be made by no reply to the prompt."""
    of_cases = {case.id: expected_cell(check, prompt.answer, case.expected, case.inputs) for case in cases}
    cells = {id_: cell for id_, cell in of_cases.items() if cell is not None}
    if not cells and needs_expected(check):
        column = check.options.get("column")
        where = f"the column {column}" if column else "its cell of the expected answer"
        if not column and prompt.answer.kind != "text":
            where = f"a column of their own, which column=NAME names (the expected answer is a {prompt.answer.kind})"
        yield f"The check {check.name} scores nothing: no case has expected calls in {where}."
    if check.kind == "tool-schema" or "name" in check.options:
        return
    unread = {id_: why for id_, cell in cells.items() if (why := unread_calls(cell))}
    impossible = {
        id_: why for id_, cell in cells.items() if id_ not in unread and (why := impossible_call(cell, prompt.tools))
    }
    yield from _unread_cases(f"by {check.name} ", unread, len(cases))
    yield from _unread_cases("", impossible, len(cases), "expect calls that no valid reply makes")


def _unread_cases(by: str, problems: Mapping[str, str], count: int, what: str = "are not scored") -> Iterator[str]:
    """Yields a sentence on the cases (id -> why) of `count` that are not scored, or of which `what` is true; nothing if
    there are none. `by` names the check ("": the answer rule)."""
    if problems:
        ids = ", ".join(list(problems)[:_LISTED]) + (" …" if len(problems) > _LISTED else "")
        first = one_line(next(iter(problems.values())))
        end = "" if first.endswith(("?", ".")) else "."
        yield f"{len(problems):,} of {count:,} cases {what} {by}({ids}): {first}{end}"


def braces_doubts(plan: Plan) -> dict[str, tuple[Prompt, list[str]]]:
    """Returns the doubts about names in single braces, which are sent unchanged: each sentence maps to (the prompt, the
    names)."""
    columns = plan.columns
    names = [(p, single_braces(p.messages, [*columns, *(item.name for item in p.inputs)])) for p in plan.prompts]
    return {f'"{prompt.name}": {braces_sentence(single)}': (prompt, single) for prompt, single in names if single}


def examples_doubts(prompt: Prompt, techniques: Sequence[str]) -> list[str]:
    """Returns a sentence if the techniques send examples that have a value for none of the variables of the prompt's
    last user message, so that each example asks the question of the case itself; else []."""
    question = next((message for message in reversed(prompt.messages) if message.role == "user"), None)
    asked = {variable.name for variable in variables([question])} if question else set()
    sent = {id(example) for text in techniques for example in select_examples(prompt, text)}
    open_ = [str(i) for i, one in enumerate(prompt.examples, 1) if id(one) in sent and asked.isdisjoint(one.inputs)]
    if not asked or not open_:
        return []
    which = f"Example {open_[0]} has" if len(open_) == 1 else f"Examples {', '.join(open_[:_LISTED])} have"
    return [
        f'"{prompt.name}": {which} no value for {" or ".join(sorted(asked))}: the question of each case is sent in its'
        " place, with the example's answer."
    ]


def votes_doubts(plan: Plan) -> list[str]:
    """Returns a sentence if a technique of the plan takes the most frequent answer of a case's samples, and the plan
    has too few samples for that, or sends all at temperature 0, where they are nearly the same; else []."""
    voting = ", ".join(name for name in plan.techniques if votes(name))
    if not voting:
        return []
    if plan.samples < LEAST_VOTES:
        return [
            f"{voting} takes the most frequent answer of several samples of a case, and the plan has {plan.samples}:"
            f" without {LEAST_VOTES} or more it is chain-of-thought."
        ]
    temperature = next(spec for spec in SPECS if spec.name == "temperature")
    values = plan.values_of(temperature) or [prompt.parameters.temperature for prompt in plan.prompts]
    if all(value == 0 for value in values):
        return [f"{voting} needs samples that differ, and at temperature 0 they are nearly the same: take 0.7."]
    return []


def _search_doubts(plan: Plan) -> Iterator[str]:
    """Yields a sentence if a beam search, which draws nothing, is sent for several samples of a case."""
    beams = next(spec for spec in SPECS if spec.name == "beams")
    values = plan.values_of(beams) or [prompt.parameters.beams for prompt in plan.prompts]
    if plan.samples > 1 and any(isinstance(value, int) and value > 1 for value in values):
        yield f"A beam search draws nothing: its {plan.samples} samples of a case are nearly the same. One is enough."


def _unused_columns(plan: Plan, prompt: Prompt, columns: list[str]) -> Iterator[str]:
    """Yields a sentence if the prompt uses none of the `columns` of the cases, so that every case is sent the same
    text."""
    used = {variable.name for variable in needed_variables(prompt)}
    if len(plan.cases) > 1 and columns and used.isdisjoint(columns):
        listed = ", ".join(columns[:_LISTED])
        yield f'"{prompt.name}" uses no column of the cases ({listed}): each is sent the same text.'
