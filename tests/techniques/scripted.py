"""Carries a technique out on a model that follows a script, and writes down what was asked and replied."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.techniques import Progress, StepReply, progress

PROMPTS = {
    "en": Prompt(
        "sum",
        (Message("system", "You add."), Message("user", "What is {{ sum }}?")),
        answer=AnswerRule("number"),
    ),
    "zh": Prompt("sum", (Message("user", "{{ sum }}是多少？"),), answer=AnswerRule("number"), language="zh"),
}
VALUES = {"sum": "1 + 2 + 3"}


def carry_out(steps: Progress, reply: Callable[[], str]) -> list[StepReply]:
    """Answers each call of the technique with the next text, until it is done; returns all replies."""
    replies: list[StepReply] = []
    while steps.done is None:
        mine = [StepReply(call, reply()) for call in steps.calls]
        replies += mine
        steps.answer(mine)
    return replies


def transcript(technique: str, language: str, script: Iterator[str]) -> str:
    """Returns all calls of the technique with their messages and replies, then the output and the note."""
    steps = progress(PROMPTS[language], VALUES, technique)
    parts = []
    for reply in carry_out(steps, lambda: next(script)):
        call = reply.call
        changed = f" · {', '.join(f'{name}={value}' for name, value in call.ask.changes.items())}"
        parts.append(f"=== {call.number} · round {call.round} · {call.ask.step}{changed if call.ask.changes else ''}")
        parts += [f"[{turn.message.role}]\n{turn.message.text}" for turn in call.ask.turns]
        parts.append(f"[reply]\n{reply.text}")
    assert steps.done is not None
    parts.append(f"=== output of call {steps.done.reply.call.number}\n{steps.done.reply.text}")
    return "\n\n".join([*parts, *([f"=== note\n{steps.done.note}"] if steps.done.note else [])]) + "\n"
