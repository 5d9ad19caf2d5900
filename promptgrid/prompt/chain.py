"""Reads and writes the steps of a chain: prompts that are asked before the prompt itself, under `metadata.chain`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from promptgrid.prompt.front_matter import Field
from promptgrid.prompt.model import ChainStep

MOST_REPEATS = 20
_FIELDS = ("as", "prompt", "text", "technique", "model", "temperature", "repeat", "until")


def read_chain(chain: Field) -> tuple[ChainStep, ...]:
    """Returns the steps in the field. Raises PromptError with the line for an unknown field, a step that names no
    output or neither a prompt nor a text, and for two steps with one output."""
    steps: list[ChainStep] = []
    for item in chain.items():
        fields = item.fields()
        for name, field in fields.items():
            if name not in _FIELDS:
                raise field.error(f"is not known: a step has {', '.join(_FIELDS)}")
        step = ChainStep(
            output=fields["as"].text() if "as" in fields else "",
            **{name: fields[name].text() for name in ("prompt", "text", "model", "until") if name in fields},
            technique=fields["technique"].text() if "technique" in fields else "zero-shot",
            temperature=float(fields["temperature"].number()) if "temperature" in fields else None,
            repeat=fields["repeat"].whole() if "repeat" in fields else 1,
        )
        if problem := step_problem(step, {one.output for one in steps}):
            raise item.error(problem)
        steps.append(step)
    return tuple(steps)


def step_problem(step: ChainStep, earlier: Collection[str]) -> str:
    """Returns why the step cannot be in a chain after steps with the outputs `earlier`; "" if it can."""
    if not step.output.isidentifier():
        return "needs `as:`, the name of the variable that holds its output"
    if step.output in earlier:
        return f"has the output {step.output!r} of an earlier step"
    if not step.prompt and not step.text.strip():
        return "needs `prompt:`, a prompt of the library, or `text:`, a prompt of its own"
    if not 1 <= step.repeat <= MOST_REPEATS:
        return f"has repeat {step.repeat}; it goes from 1 to {MOST_REPEATS}"
    return ""


def chain_fields(steps: Sequence[ChainStep]) -> list[dict[str, Any]]:
    """Returns the steps as plain data, as `read_chain` reads them; defaults are left out."""
    usual = ChainStep("")
    return [
        {"as": step.output}
        | {name: getattr(step, name) for name in _FIELDS[1:] if getattr(step, name) != getattr(usual, name)}
        for step in steps
    ]
