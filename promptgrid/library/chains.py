"""Loads the prompts that a chain's steps name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from promptgrid.errors import PromptError
from promptgrid.prompt import Prompt, dumps
from promptgrid.prompt.model import ChainStep


def with_texts(prompt: Prompt, load: Callable[[str], Prompt]) -> Prompt:
    """Returns the prompt with the text of each step that names a prompt of the library: what is run and stored is this
    text, even if the library changes. `load` returns the prompt of a name or name@version.

    Raises PromptError for a circle, LibraryError or PromptError for a prompt that cannot be loaded.
    """
    return _with_texts(prompt, load, (prompt.name,))


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
