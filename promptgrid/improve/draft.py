"""Drafts a prompt from a description of the task: a start for a search, by one call of the writer."""

from __future__ import annotations

from collections.abc import Sequence

from promptgrid.cases.duplicates import PROPOSED_BY
from promptgrid.cases.parts import GROUP
from promptgrid.cases.table import EXPECTED, Case
from promptgrid.errors import PlanError
from promptgrid.grid import Plan
from promptgrid.improve.moves import rewritten
from promptgrid.prompt import AnswerRule, Input, Message, Parameters, Prompt

_PER_CLASS = 5  # with fewer cases an answer, the expected answers are texts, not labels
_REPLY = 400
_NO_INPUTS = (EXPECTED, PROPOSED_BY, GROUP, "id", "case_id", "part")
_REQUEST = """\
Write the instruction for a language model that does this task:
{{ description }}

The model is then given: {{ fields | join(", ") }}.
{% if labels %}It must answer with one of: {{ labels | join(", ") }}.
{% endif %}
Say what to do, what counts, and the form of the answer. Reply with the instruction between <prompt> and </prompt>, \
and with nothing else."""
_DRAFTER = Prompt("improve-draft", (Message("user", _REQUEST),))


def draft_plan(description: str, cases: Sequence[Case], writer: str, budget: str = "") -> Plan:
    """Returns the plan of the one call that drafts an instruction for the task, which the `cases` are of. Raises
    PlanError if the description is empty, or the cases have no columns."""
    fields = _fields(cases)
    if not description.strip() or not fields:
        raise PlanError("A draft needs a description of the task.", hint="Say in a sentence what is to be done.")
    asked = Case("1", {"description": description.strip(), "fields": fields, "labels": _labels(cases)})
    return Plan.of(
        prompts=(_DRAFTER,), cases=[asked], models=(writer,), max_tokens=_REPLY, budget=budget, name="improve draft"
    )


def drafted(name: str, description: str, cases: Sequence[Case], reply: str) -> Prompt:
    """Returns the prompt with the instruction that the writer has replied. Its variables are the columns of the cases,
    and where the expected answers are few they are its labels. Raises PlanError if the reply has no instruction."""
    fields, labels = _fields(cases), _labels(cases)
    one = len(fields) == 1
    user = "\n".join("{{ " + name + " }}" if one else f"{name}: {{{{ {name} }}}}" for name in fields)
    bare = Prompt(
        name,
        (Message("system", "-"), Message("user", user)),
        description=" ".join(description.split()),
        inputs=tuple(Input(field) for field in fields),
        answer=AnswerRule("label", labels=tuple(labels)) if labels else AnswerRule(),
        parameters=Parameters(temperature=0),
    )
    prompt = rewritten(bare, reply.replace("{{", "{").replace("}}", "}").replace("{%", "{"))
    if prompt is None:
        raise PlanError("The writer gave no instruction.", hint="Use other words, or another writer.")
    return prompt


def _fields(cases: Sequence[Case]) -> list[str]:
    names = dict.fromkeys(name for case in cases for name in case.inputs)
    return [name for name in names if name.casefold() not in _NO_INPUTS and name.isidentifier()]


def _labels(cases: Sequence[Case]) -> list[str]:
    labels = sorted({case.expected for case in cases if case.expected})
    return labels if labels and len(labels) * _PER_CLASS <= len(cases) else []
