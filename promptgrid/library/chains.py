"""Loads the prompts that a chain's steps name, and says why a step cannot work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from promptgrid.errors import PromptError, PromptgridError
from promptgrid.prompt import Prompt, dumps
from promptgrid.prompt.chain import step_problem
from promptgrid.prompt.chained import needed_variables, step_prompt
from promptgrid.prompt.model import ChainStep
from promptgrid.techniques import unavailable


def with_texts(prompt: Prompt, load: Callable[[str], Prompt]) -> Prompt:
    """Returns the prompt with the text of each step that names a prompt of the library: what is run and stored is this
    text, even if the library changes. `load` returns the prompt of a name or name@version.

    Raises PromptError for a circle, LibraryError or PromptError for a prompt that cannot be loaded.
    """
    return _with_texts(prompt, load, (prompt.name,))


def step_problems(name: str, steps: Sequence[ChainStep], load: Callable[[str], Prompt]) -> list[str]:
    """Returns for each step of a chain of the prompt `name` why it cannot work; "" if it can. `load` is that of
    `with_texts`."""
    return [_step_problem(name, steps, at, load) for at in range(len(steps))]


def _step_problem(name: str, steps: Sequence[ChainStep], at: int, load: Callable[[str], Prompt]) -> str:
    step = steps[at]
    if problem := step_problem(step, {one.output for one in steps[:at]}):
        return f"The step {problem}."
    later = {one.output for one in steps[at if step.repeat == 1 else at + 1 :]}
    try:
        own = step_prompt(_with_text(step, load, (name,)))
        reason = unavailable(own, step.technique)
        early = [variable.name for variable in needed_variables(own) if variable.name in later]
    except PromptgridError as error:
        return str(error)
    if early:
        return f"The step uses {early[0]}, which no earlier step gives."
    return f"The step cannot use {step.technique}: {reason}." if reason else ""


def _with_texts(prompt: Prompt, load: Callable[[str], Prompt], path: tuple[str, ...]) -> Prompt:
    if not prompt.chain:
        return prompt
    return replace(prompt, chain=tuple(_with_text(step, load, path) for step in prompt.chain))


def _with_text(step: ChainStep, load: Callable[[str], Prompt], path: tuple[str, ...]) -> ChainStep:
    if step.text.strip():
        return step
    name = step.prompt.partition("@")[0]
    if name in path:
        circle = " → ".join((*path, name))
        raise PromptError(
            f"Step {step.output}: the chain is a circle: {circle}.", hint="Let a step name another prompt."
        )
    return replace(step, text=dumps(_with_texts(load(step.prompt), load, (*path, name))))
