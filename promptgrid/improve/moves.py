"""Makes candidates from a parent: requests to a writing model, and changes that need no model. Pure.

Rewriting from failures is the textual gradient of R. Pryzant et al., "Automatic prompt optimization" (2023); rewriting
from the history is that of C. Yang et al., "Large language models as optimizers" (2023).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from promptgrid.cases.table import EXPECTED, Case
from promptgrid.improve.candidates import Candidate, CaseResult, Move
from promptgrid.prompt import Example, Message, Prompt
from promptgrid.prompt.chained import needed_variables
from promptgrid.techniques import TECHNIQUES
from promptgrid.text import value_text

WRITTEN: tuple[Move, ...] = ("failures", "history", "shorten")
BY = 2
"""Examples are added and dropped by two: one alone moves a score too little to be seen."""
SWAPS = ("zero-shot", "chain-of-thought")
_CHARACTERS = 600  # of a case, an output or a reason that the writer reads
_FAILURES, _HISTORY = 6, 8
_MARKED = re.compile(r"<prompt>\s*(.*?)\s*</prompt>", re.DOTALL | re.IGNORECASE)
_FENCED = re.compile(r"\A\s*```[a-z]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_TASK = """\
Below is an instruction that is given to a language model{variables}.
<prompt>
{text}
</prompt>
"""
_END = """
Write the whole instruction anew. {rules}Do not quote the cases: the instruction must serve cases that you have not \
seen. This is attempt {number}: be different from the obvious. Reply with the new instruction between <prompt> and \
</prompt>, and with nothing else."""


def instruction_at(prompt: Prompt) -> int:
    """Returns the index of the message that a writer rewrites: the first of the system that is not empty, else the last
    of the user."""
    systems = [at for at, message in enumerate(prompt.messages) if message.role == "system" and message.text.strip()]
    users = [at for at, message in enumerate(prompt.messages) if message.role == "user"]
    return systems[0] if systems else users[-1] if users else 0


def failures_request(parent: Candidate, failed: Sequence[tuple[Case, CaseResult]], number: int) -> str:
    """Returns the request to rewrite the parent by cases that it failed, each with the reason that the check gives."""
    told = "\n".join(_failure(case, result) for case, result in failed[:_FAILURES])
    return f"{_task(parent.prompt)}\nIt failed on these cases:\n{told}\n{_end(parent.prompt, number)}"


def history_request(parent: Candidate, scored: Sequence[tuple[Candidate, float]], number: int) -> str:
    """Returns the request to write an instruction that does better than these, which are given with their scores, the
    best last."""
    best = sorted(scored, key=lambda pair: pair[1])[-_HISTORY:]
    told = "\n".join(f"{100 * score:.0f} points:\n{_instruction(one.prompt)}\n" for one, score in best)
    return f"{_task(parent.prompt)}\nThese were tried, of 100 points:\n{told}{_end(parent.prompt, number)}"


def shorten_request(parent: Candidate, number: int) -> str:
    """Returns the request to say the same in fewer words."""
    return f"{_task(parent.prompt)}\nSay the same in about half as many words.\n{_end(parent.prompt, number)}"


def rewritten(parent: Prompt, reply: str) -> Prompt | None:
    """Returns the parent with the instruction that a writer has replied; None if there is none in the reply."""
    marked = _MARKED.findall(reply)
    fenced = _FENCED.match(reply)
    text = (marked[-1] if marked else fenced[1] if fenced else reply).strip()
    if not text:
        return None
    at = instruction_at(parent)
    messages = tuple(replace(one, text=text) if i == at else one for i, one in enumerate(parent.messages))
    return replace(parent, messages=messages)


def example_moves(parent: Candidate, learn: Sequence[Case]) -> list[Move]:
    """Returns the changes of examples that this parent allows."""
    shows = TECHNIQUES[parent.technique].shows_examples
    many = len(parent.prompt.examples) if shows else 0
    moves: list[Move] = ["add examples"] if len(_addable(parent.prompt, learn)) >= BY else []
    return [*moves, *(["drop examples"] if many > BY else []), *(["reorder examples"] if many > 1 else [])]  # type: ignore[list-item]


def with_examples(parent: Candidate, move: Move, learn: Sequence[Case], draw: random.Random) -> tuple[Prompt, str]:
    """Returns (the parent with two examples more or fewer, or with all in another order; its technique)."""
    examples = list(parent.prompt.examples)
    if move == "add examples":
        names = [variable.name for variable in needed_variables(parent.prompt)]
        drawn = draw.sample(_addable(parent.prompt, learn), BY)
        new = [Example({n: value_text(c.inputs[n]) for n in names}, c.expected or "") for c in drawn]
        shown = parent.technique if TECHNIQUES[parent.technique].shows_examples else "few-shot"
        before = examples if shown == parent.technique else []
        return replace(parent.prompt, examples=(*before, *new)), shown
    if move == "drop examples":
        kept = sorted(draw.sample(range(len(examples)), len(examples) - BY))
        return replace(parent.prompt, examples=tuple(examples[at] for at in kept)), parent.technique
    draw.shuffle(examples)
    return replace(parent.prompt, examples=tuple(examples)), parent.technique


def _addable(prompt: Prompt, learn: Sequence[Case]) -> list[Case]:
    """Returns the learn cases that can be examples of the prompt and are none yet."""
    names = [variable.name for variable in needed_variables(prompt)]
    shown = {tuple(sorted(one.inputs.items())) for one in prompt.examples}
    return [
        case for case in learn
        if case.expected and all(name in case.inputs for name in names)
        and tuple(sorted((name, value_text(case.inputs[name])) for name in names)) not in shown
    ]  # fmt: skip


def _task(prompt: Prompt) -> str:
    names = [variable.name for variable in needed_variables(prompt)]
    fills = f", which fills in {', '.join(names)} for each case" if names else ""
    return _TASK.format(variables=fills, text=_instruction(prompt))


def _end(prompt: Prompt, number: int) -> str:
    at = instruction_at(prompt)
    message = prompt.messages[at]
    used = [
        v.name for v in needed_variables(replace(prompt, messages=(Message(message.role, message.text),), chain=()))
    ]
    rules = f"Keep {', '.join('{{ ' + name + ' }}' for name in used)} exactly. " if used else ""
    return _END.format(rules=rules, number=number)


def _instruction(prompt: Prompt) -> str:
    return prompt.messages[instruction_at(prompt)].text


def _failure(case: Case, result: CaseResult) -> str:
    inputs = "; ".join(f"{name}: {value_text(value)}" for name, value in case.inputs.items() if name != EXPECTED)
    expected = f"\n  right: {case.expected[:_CHARACTERS]}" if case.expected else ""
    said = f"\n  it said: {result.output[:_CHARACTERS]}"
    return f"- {inputs[:_CHARACTERS]}{expected}{said}\n  why it is wrong: {result.why[:_CHARACTERS]}"
