"""Says before a reply is judged why a check of tool calls, or the expected calls of a case, cannot work. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from promptgrid.grading.call_json import expected_calls
from promptgrid.grading.expected_call import ExpectedCall
from promptgrid.grading.spec import CheckSpec
from promptgrid.prompt import Tool
from promptgrid.suggestions import did_you_mean, listed


def tool_check_problem(spec: CheckSpec, tools: Sequence[Tool]) -> str:
    """Returns a phrase on why the check can score no reply to a prompt with these tools; "" if it can."""
    names = [tool.name for tool in tools]
    if not names:
        return "the prompt has no tools"
    name = spec.options.get("name")
    if name is None or name in names:
        return ""
    return f"the prompt has no tool {name}. {did_you_mean(name, names, listed('There are', names))}".rstrip(".")


def unread_calls(cell: str) -> str:
    """Returns why the cell's expected calls cannot be read; "" if they can."""
    try:
        expected_calls(cell)
    except ValueError as error:
        return f"expected calls are not readable: {error}"
    return ""


def impossible_call(cell: str, tools: Sequence[Tool]) -> str:
    """Returns why no valid reply can make the calls that the cell expects, which can be read: one names a tool that is
    not there, or an argument that the tool does not have. Returns "" if a reply can."""
    schemas = {tool.name: tool.parameters for tool in tools}
    for call in expected_calls(cell):
        if call.name not in schemas:
            return f"there is no tool {call.name}. {did_you_mean(call.name, schemas)}".rstrip(".")
        if problem := _unknown_argument(call, schemas[call.name]):
            return problem
    return ""


def _unknown_argument(call: ExpectedCall, schema: Mapping[str, Any]) -> str:
    properties = schema.get("properties")
    open_ = "patternProperties" in schema or schema.get("additionalProperties", False) not in (False, None)
    if call.arguments is None or not isinstance(properties, Mapping) or open_:
        return ""
    for name in call.arguments.values:
        if name not in properties:
            otherwise = listed("It has", properties) or "It has none."
            return f"{call.name} has no argument {name}. {did_you_mean(name, properties, otherwise)}".rstrip(".")
    return ""
