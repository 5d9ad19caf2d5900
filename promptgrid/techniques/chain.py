"""Carries out the chain of a prompt: each step's output becomes a variable of the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from promptgrid.answers import case_rule, read_answer
from promptgrid.prompt import Prompt
from promptgrid.prompt.chained import step_prompt
from promptgrid.prompt.model import ChainStep
from promptgrid.techniques.steps import Done, StepReply, Steps
from promptgrid.techniques.wording import wording

Start = Callable[[Prompt, Mapping[str, Any], str], Steps]
"""Starts a technique, by its text, for a prompt and the values of its variables."""


def chained(prompt: Prompt, values: Mapping[str, Any], start: Start, marks_answer: Callable[[str], bool]) -> Any:
    """A generator like Steps: carries out the steps of the prompt's chain, and returns the values with their outputs.

    The output of a step is the answer that its prompt's rule reads out of the reply; the whole reply for a rule of the
    kind text, and where no answer can be read. A step with `repeat` is asked again with its last output as a variable,
    until that output contains the text of `until`.
    """
    known = dict(values)
    for step in prompt.chain:
        own = step_prompt(step)
        if step.repeat > 1:
            known.setdefault(step.output, "")
        for number in range(1, step.repeat + 1):
            name = step.output if step.repeat == 1 else f"{step.output} {number}"
            done: Done = yield from _named(start(own, known, step.technique), name, step, own)
            known[step.output] = _output(own, known, done.reply.text, marks_answer(step.technique))
            if step.until and step.until in done.reply.text:
                break
    return known


def _named(steps: Steps, name: str, step: ChainStep, prompt: Prompt) -> Steps:
    """The steps of a technique with the chain step's name before theirs, its model and its parameters."""
    own = prompt.parameters.given
    if step.temperature is not None:
        own["temperature"] = step.temperature
    try:
        asks = next(steps)
        while True:
            replies: Sequence[StepReply] = yield [
                replace(
                    ask, step=_joined(name, ask.step), changes={**own, **ask.changes}, model=ask.model or step.model
                )
                for ask in asks
            ]
            asks = steps.send(replies)
    except StopIteration as end:
        done: Done = end.value
        return done


def _joined(name: str, step: str) -> str:
    return name if step == "answer" else f"{name} · {step}"


def _output(prompt: Prompt, values: Mapping[str, Any], text: str, is_marked: bool) -> str:
    rule = case_rule(prompt.answer, values)
    marker = wording(prompt, "marker") if is_marked else ""
    answer = read_answer(rule, text, marker=marker, language=prompt.language).answer
    return text if answer is None else answer


def chain_calls(prompt: Prompt, most_calls: Callable[[Prompt, str], int]) -> int:
    """Returns the most calls of the prompt's chain, without those of the prompt itself. `most_calls` returns those of a
    prompt with a technique."""
    return sum(step.repeat * most_calls(step_prompt(step), step.technique) for step in prompt.chain)
