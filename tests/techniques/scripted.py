"""Carries a technique out on a model that follows a script, and writes down what was asked and replied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from promptgrid.prompt import AnswerRule, Example, Message, Prompt, dumps
from promptgrid.prompt.model import ChainStep
from promptgrid.techniques import Progress, StepReply, progress

PROMPTS = {
    "en": Prompt(
        "sum",
        (Message("system", "You add."), Message("user", "What is {{ sum }}?")),
        examples=(Example({"sum": "2 + 2"}, "4", "2 and 2 more are 4."),),
        answer=AnswerRule("number"),
    ),
    "zh": Prompt(
        "sum",
        (Message("user", "{{ sum }}是多少？"),),
        examples=(Example({"sum": "2 + 2"}, "4", "2加2等于4。"),),
        answer=AnswerRule("number"),
        language="zh",
    ),
}
CHAINS = {
    language: replace(
        PROMPTS[language],
        name="chain",
        messages=(Message("user", last),),
        chain=(
            ChainStep("total", text=dumps(PROMPTS[language]), technique="least-to-most:questions=2"),
            ChainStep("word", text=f"user:\n{named}", repeat=3, until="SIX", temperature=0.5),
        ),
    )
    for language, named, last in (
        ("en", "Write {{ total }} as a word, better than <{{ word }}>.", "Is {{ word }} right for {{ sum }}?"),
        ("zh", "把{{ total }}写成文字，比<{{ word }}>更好。", "{{ sum }}等于{{ word }}，对吗？"),
    )
}
"""A step with a technique of its own, whose answer goes to one that is repeated, before the prompt itself."""
VALUES = {"sum": "1 + 2 + 3"}


def carry_out(steps: Progress, reply: Callable[[], str]) -> list[StepReply]:
    """Answers each call of the technique with the next text, until it is done; returns all replies."""
    replies: list[StepReply] = []
    while steps.done is None:
        mine = [StepReply(call, reply()) for call in steps.calls]
        replies += mine
        steps.answer(mine)
    return replies


def transcript(technique: str, language: str, script: Iterator[str], prompts: Mapping[str, Prompt] = PROMPTS) -> str:
    """Returns all calls of the technique with their messages and replies, then the output and the note."""
    steps = progress(prompts[language], VALUES, technique)
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
