"""Makes examples of cases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from promptgrid.answers import accepted
from promptgrid.cases.table import Case
from promptgrid.prompt import Example, Prompt
from promptgrid.prompt.chained import needed_variables
from promptgrid.text import value_text

REASONING = "reasoning"
"""The column with the reasoning of an example."""


def pooled(prompt: Prompt, cases: Iterable[Case]) -> Prompt:
    """Returns the prompt with these cases, which have expected answers, as its examples. Of several accepted answers
    the first is shown."""
    names = {variable.name for variable in needed_variables(prompt)}
    examples = tuple(
        Example(
            {name: value_text(value) for name, value in case.inputs.items() if name in names},
            accepted(prompt.answer, case.expected or "")[0],
            str(case.inputs.get(REASONING, "")),
        )
        for case in cases
    )
    return replace(prompt, examples=examples)
