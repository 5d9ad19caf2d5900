"""Techniques that ask something simpler first: for principles, or for the parts of the task."""

from __future__ import annotations

from promptgrid.techniques.lists import items
from promptgrid.techniques.steps import PROPOSING, Done, Steps, Task, after, one
from promptgrid.techniques.turns import Turn
from promptgrid.techniques.wording import phrase


def step_back(task: Task) -> Steps:
    """Asks for the principles that the task rests on, then for the answer on their basis.

    Source: Zheng et al. 2023, "Take a Step Back: Evoking Reasoning via Abstraction in Large Language Models".
    """
    question = task.asking(phrase(task.prompt, "step_back"))
    principles = yield from one("principles", question, **PROPOSING)
    request = phrase(task.prompt, "on_principles")
    return Done((yield from one("answer", after(question, principles, request))))


def least_to_most(task: Task) -> Steps:
    """Asks for simpler questions that lead to the answer, answers them one after another, each with the answers before
    it, then the whole task. A reply without a list makes it a chain of thought.

    Source: Zhou et al. 2022, "Least-to-Most Prompting Enables Complex Reasoning in Large Language Models".
    """
    most = task.options["questions"]
    listed = yield from one("questions", task.asking(phrase(task.prompt, "decompose", number=most)), **PROPOSING)
    questions, notes = items(listed), []
    if not questions:
        reply = yield from one("answer", task.asking(phrase(task.prompt, "reason")))
        return Done(reply, "step questions gave no list, so the task was asked in one step")
    if len(questions) > most:
        notes.append(f"step questions gave {len(questions):,} questions; the first {most} were asked")
    turns: tuple[Turn, ...] = ()
    for number, question in enumerate(questions[:most], 1):
        request = phrase(task.prompt, "subquestion", question=question)
        turns = after(turns, reply, request) if turns else task.asking(request)
        reply = yield from one(f"question {number}", turns, **PROPOSING)
    return Done((yield from one("answer", after(turns, reply, phrase(task.prompt, "whole_task")))), "; ".join(notes))
