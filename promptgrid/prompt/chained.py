"""The prompts of a chain's steps, and the variables that a whole chain needs."""

from __future__ import annotations

from functools import lru_cache

from promptgrid.errors import PromptError
from promptgrid.prompt.model import ChainStep, Prompt
from promptgrid.prompt.prompty_reader import loads
from promptgrid.prompt.retrieval import CHUNKS, CONTEXT
from promptgrid.prompt.template import Variable, variables


def step_prompt(step: ChainStep) -> Prompt:
    """Returns the prompt of a chain's step. Raises PromptError, with the step's name, if its text cannot be read or was
    not loaded from the library (see `library.chains.with_texts`)."""
    if not step.text.strip():
        raise PromptError(f'Step {step.output}: the prompt "{step.prompt}" is not loaded.')
    try:
        return _loaded(step.text, step.prompt or step.output)
    except PromptError as error:
        raise PromptError(f"Step {step.output}: {error.message}", hint=error.hint) from error


@lru_cache(maxsize=256)
def _loaded(text: str, name: str) -> Prompt:
    return loads(text, name)


def needed_variables(prompt: Prompt) -> list[Variable]:
    """Returns the variables that a case has to give for the prompt and, before it, each step of its chain: all that
    they use, except the outputs of earlier steps and what retrieval fills. Steps that are not loaded are left out."""
    needed: dict[str, Variable] = {}
    outputs: set[str] = {CONTEXT, CHUNKS} if prompt.parameters.collection else set()
    for step in prompt.chain:
        if not step.text.strip():
            continue
        outputs |= {step.output} if step.repeat > 1 else set()  # a repeated step may use its last output
        _add(needed, needed_variables(step_prompt(step)), outputs)
        outputs.add(step.output)
    _add(needed, variables(prompt.messages, prompt.inputs), outputs)
    return list(needed.values())


def shows_context(prompt: Prompt) -> bool:
    """Whether a message of the prompt, or of a step of its chain, uses `context` or `chunks`."""
    used = {variable.name for variable in variables(prompt.messages, prompt.inputs)}
    steps = (step_prompt(step) for step in prompt.chain if step.text.strip())
    return not used.isdisjoint((CONTEXT, CHUNKS)) or any(shows_context(step) for step in steps)


def step_models(prompt: Prompt) -> list[str]:
    """Returns the models, ENDPOINT/MODEL, that the steps of the prompt's chain name, also in chains within it."""
    models: list[str] = []
    for step in prompt.chain:
        models += [*([step.model] if step.model else []), *step_models(step_prompt(step))]
    return models


def _add(needed: dict[str, Variable], used: list[Variable], outputs: set[str]) -> None:
    for variable in used:
        known = needed.get(variable.name)
        if variable.name not in outputs and (known is None or (variable.required and not known.required)):
            needed[variable.name] = variable
