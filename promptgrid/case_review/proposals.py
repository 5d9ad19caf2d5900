"""Cases that a model proposes for a table. A person accepts each, and none is ever in the part *prove*.

A proposal is the reply to one cell of an ordinary run, so it is priced before, kept, and resumed like any other. The
model sees the prompt under test and some cases of the part *learn*, and nothing of the other parts.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from promptgrid.cases.duplicates import PROPOSED_BY, duplicates
from promptgrid.cases.parts import of_part
from promptgrid.cases.table import EXPECTED, TOO_LARGE, Case, Cases, cases_csv, cases_jsonl, read_cases
from promptgrid.errors import CasesError, StaleSave
from promptgrid.grid import Plan
from promptgrid.library.files import write
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.prompt.chained import needed_variables
from promptgrid.store import Database, ratings, results
from promptgrid.store.ratings import Rating

MOST = 200
"""The most cases that one run proposes."""
PROMPT = "propose-cases"
"""The name of the prompt that asks for cases."""
_SHOWN = 4  # cases of the table that a request shows
_ROOM = 600  # tokens of a case
_TEMPERATURE = 1.0  # the likeliest case is always the same one
_WRITABLE = (".csv", ".jsonl")
_SYSTEM = "You write test cases for a prompt. You reply with one JSON object, and with nothing else."
_USER = """\
The prompt under test:
<prompt>
{{ task }}
</prompt>

Its cases are JSON objects with the fields {{ fields | join(", ") }}:
{% for case in shown %}{{ case }}
{% endfor %}
Write number {{ number }}{% if asked_for %}, whose right answer is {{ asked_for }}{% endif %}. It is on another \
subject than those above, in other words. Reply with the JSON object alone."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A case that a model proposes: the reply of the cell at `position` of the run. `problem` says why it cannot be
    accepted ("": it can); then `case` may lack fields."""

    run_id: str
    position: int
    model: str
    case: Case
    problem: str


@dataclass(frozen=True, slots=True)
class AddedCase:
    """A case that was added to the table at `path`: the file's content `before` and `after`."""

    path: Path
    before: bytes
    after: bytes


def run_name(table: str) -> str:
    """Returns the name of the runs that propose cases for the table with this file name."""
    return f"Cases for {table}"


def proposing_plan(
    cases: Sequence[Case], prompt: Prompt, counts: Mapping[str | None, int], model: str, table: str, budget: str = ""
) -> Plan:
    """Returns the plan of a run that asks the `model` (ENDPOINT/MODEL) for new cases of the `prompt`. `cases` are those
    of the `table` (a file name), with their parts. `counts` has the number of cases asked for by their expected answer;
    the key None stands for any answer. Raises PlanError or CasesError."""
    wanted = [asked_for for asked_for, number in counts.items() for _ in range(number)]
    if not 1 <= len(wanted) <= MOST:
        raise CasesError(f"{len(wanted):,} cases cannot be proposed at once.", hint=f"Ask for 1 to {MOST:,}.")
    learn = of_part(cases, "learn")
    names = [variable.name for variable in needed_variables(prompt)]
    answers = [EXPECTED] if any(case.expected is not None for case in cases) else []
    task = "\n".join(message.text for message in prompt.messages)
    rows = []
    for number, asked_for in enumerate(wanted, 1):
        inputs = {
            "task": task, "asked_for": asked_for or "", "fields": names if asked_for else [*names, *answers],
            "shown": _shown(learn, [*names, *answers], number), "number": number,
        }  # fmt: skip
        rows.append(Case(str(number), inputs))
    return Plan.of(
        prompts=(_prompt(names),), cases=rows, models=(model,), temperature=_TEMPERATURE, max_tokens=_ROOM,
        checks=(), fresh=True, budget=budget, name=run_name(table),
    )  # fmt: skip


def shared_out(cases: int, answers: Sequence[str]) -> dict[str | None, int]:
    """Returns how many of these `cases` to ask for with each of these expected answers, in equal shares as far as they
    go; all of them with any answer (None) if there are none."""
    asked_for: Sequence[str | None] = list(dict.fromkeys(answers)) or [None]
    share, left = divmod(cases, len(asked_for))
    return {answer: share + (number < left) for number, answer in enumerate(asked_for)}


def _shown(learn: Sequence[Case], fields: Sequence[str], number: int) -> list[str]:
    """Returns some cases as JSON, drawn by `number`."""
    drawn = random.Random(number).sample(range(len(learn)), min(_SHOWN, len(learn)))
    records = ({**learn[at].inputs, EXPECTED: learn[at].expected} for at in drawn)
    return [json.dumps({name: one.get(name) for name in fields}, ensure_ascii=False) for one in records]


def _prompt(names: Sequence[str]) -> Prompt:
    schema = {"type": "object", "required": [*names]}
    messages = (Message("system", _SYSTEM), Message("user", _USER))
    return Prompt(PROMPT, messages, answer=AnswerRule("json", schema=schema))


def proposals(database: Database, run_id: str, cases: Sequence[Case]) -> list[Proposal]:
    """Returns the cases that the run proposes, in its order, without those that a person has refused, and without those
    that are in the table already. `cases` are those of the table. Raises StoreError."""
    listed = list(_proposed(database, run_id))
    alike = duplicates([*cases, *(one.case for one in listed)])
    open_ = []
    for at, one in enumerate(listed, len(cases)):
        earlier = alike.get(at)
        if earlier and earlier.of < len(cases) and cases[earlier.of].inputs.get(PROPOSED_BY):
            continue  # it was accepted
        if earlier and not one.problem:
            of = f"case {cases[earlier.of].id}" if earlier.of < len(cases) else "another proposal"
            one = replace(one, problem=f"{_likeness(earlier.copy)} {of}")
        open_.append(one)
    return open_


def _likeness(copy: bool) -> str:
    return "a copy of" if copy else "nearly the same as"


def _proposed(database: Database, run_id: str) -> Iterator[Proposal]:
    for row in results.result_rows(database, run_id):
        if row.human_score == 0 or row.output is None:
            continue
        fields = row.inputs["fields"]
        values = json.loads(row.answer) if row.answer else {}
        problem = row.answer_note or "no JSON object" if not row.answer else _problem(values, fields)
        inputs = {name: values[name] for name in fields if name in values and name != EXPECTED}
        answer = row.inputs["asked_for"] or values.get(EXPECTED)
        expected = None if answer is None else str(answer)
        model = f"{row.endpoint}/{row.model}"
        case = Case(row.case_id, {**inputs, PROPOSED_BY: model}, expected)
        yield Proposal(run_id, row.position, model, case, problem)


def _problem(values: Mapping[str, Any], fields: Sequence[str]) -> str:
    lacking = [name for name in fields if values.get(name) in ("", None, [], {})]
    return f"without {', '.join(lacking)}" if lacking else ""


def refuse(database: Database, proposal: Proposal, owner: str, *, undo: bool = False) -> None:
    """Stores that the person `owner` refuses the proposal, as a thumb down on its reply; `undo` takes it back."""
    rating = Rating(proposal.position, owner, None if undo else 0.0, "thumb", "")
    ratings.put(database, proposal.run_id, rating)


def accept(path: Path, proposal: Proposal) -> AddedCase:
    """Adds the proposed case to the table at `path`, which gets the column `proposed_by`. Leaves the file as it is and
    raises CasesError if the proposal has a problem or the file is no table that can be written, and LibraryError if the
    system does not allow writing."""
    if proposal.problem:
        raise CasesError(f"This case cannot be accepted: it is {proposal.problem}.", hint="Refuse it.")
    suffix = path.suffix.lower()
    if suffix not in _WRITABLE:
        raise CasesError(f"Cases cannot be added to {path.name}.", hint="Save the table as CSV or JSON Lines first.")
    before = path.read_bytes()
    table = read_cases(before, name=path.name)
    if any(TOO_LARGE in note for note in table.notes):
        raise CasesError(f"{path.name} has rows that are too large to be kept.", hint="Split them first.")
    case = _numbered(proposal.case, table)
    cases, columns = [*table.cases, case], list(dict.fromkeys([*table.columns, *case.inputs]))
    text = cases_csv(cases, columns) if suffix == ".csv" else cases_jsonl(cases)
    write(path, text.encode())
    return AddedCase(path, before, text.encode())


def _numbered(case: Case, table: Cases) -> Case:
    """Returns the case with an id that no other case of the table has."""
    ids = {one.id for one in table.cases}
    name = next(str(number) for number in count(len(ids) + 1) if str(number) not in ids)
    of_id = {column: name for column in table.columns if column.casefold() in ("id", "case_id")}
    return Case(name, {**of_id, **case.inputs}, case.expected)


def take_back(added: AddedCase) -> None:
    """Writes the table as it was before the case was added. Raises StaleSave if it has changed since."""
    if added.path.read_bytes() != added.after:
        raise StaleSave(f"{added.path.name} has changed since.", hint="Remove the row in the file.")
    write(added.path, added.before)
