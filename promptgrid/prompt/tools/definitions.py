"""Reads definitions of tools in the JSON of an API, as they stand in the code of other programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptgrid.errors import PromptError
from promptgrid.prompt.tools.arguments import strict_json
from promptgrid.prompt.tools.file import name_problem, parameters_problem
from promptgrid.prompt.tools.tool import NO_PARAMETERS, Tool

_HINT = 'Paste the list "tools" of a request: [{"type": "function", "function": {"name": …, "parameters": …}}].'


def read_definitions(text: str) -> list[Tool]:
    """Returns the tools in a JSON text: one definition, a list of them, or a request with `tools` or `functions`. A
    definition has `function`, or its fields stand by themselves, with `parameters` or `input_schema`.

    Raises PromptError for text that is no such JSON, for a tool that is no function, and for two of one name.
    """
    try:
        value = strict_json(text)
    except ValueError as error:
        raise PromptError(f"The definitions are not JSON: {error}.", hint=_HINT) from error
    if isinstance(value, dict):
        value = value.get("tools", value.get("functions", [value]))
    if not isinstance(value, list) or not value:
        raise PromptError("There is no definition of a tool in this JSON.", hint=_HINT)
    tools = [_definition(item, number) for number, item in enumerate(value, start=1)]
    names = [tool.name for tool in tools]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise PromptError(f"There are two tools {twice}.", hint="Give one of them another name.")
    return tools


def _definition(item: Any, number: int) -> Tool:
    if not isinstance(item, dict):
        raise PromptError(f"Definition {number} is no JSON object.", hint=_HINT)
    kind = item.get("type", "function")
    if kind not in ("function", "custom", "object") or (kind == "custom" and "input_schema" not in item):
        raise PromptError(f"Definition {number} is of the type {kind!r}.", hint="Only functions can be offered.")
    fields: Mapping[str, Any] = item["function"] if isinstance(item.get("function"), dict) else item
    name, description = fields.get("name", ""), fields.get("description") or ""
    if problem := name_problem(name) if isinstance(name, str) else "has a name that is no text":
        raise PromptError(f"Definition {number} {problem}.", hint=_HINT)
    if not isinstance(description, str):
        raise PromptError(f"The description of {name} is no text.")
    parameters = fields.get("parameters", fields.get("input_schema")) or dict(NO_PARAMETERS)
    if problem := parameters_problem(parameters):
        raise PromptError(f"The parameters of {name} {problem}.")
    return Tool(name, description, parameters)
