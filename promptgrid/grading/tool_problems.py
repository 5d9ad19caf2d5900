"""Says before a call is made or judged why a tool, a check of tool calls, or the expected calls of a case cannot
work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from promptgrid.grading.call_json import expected_calls
from promptgrid.grading.schema import schema_problem
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
        named = call.arguments.values if call.arguments is not None else {}
        if problem := _unknown_argument(named, schemas[call.name]):
            return f"{call.name} {problem}"
    return ""


def tool_faults(tool: Tool, columns: Sequence[str] = ()) -> Iterator[str]:
    """Yields a sentence for each part of the tool that can never work: a schema that is invalid or requires what it
    does not describe, and a mock result that fits no call. `columns` are those of the cases; without them, the columns
    of results are not checked."""
    passed, why = schema_problem({}, tool.parameters)
    if passed is None:
        yield f"{why.removeprefix('not scored: ').removesuffix('.').capitalize()}."
    properties, required = tool.parameters.get("properties", {}), tool.parameters.get("required", ())
    for name in required if isinstance(required, (list, tuple)) else ():
        if isinstance(name, str) and name not in properties:
            yield f"The argument {name} is required, but not described. {did_you_mean(name, properties)}".rstrip()
    for number, result in enumerate(tool.results, start=1):
        earlier = tool.results[: number - 1]
        every = next((at for at, one in enumerate(earlier, start=1) if one.fits_always), 0)
        if every:
            yield f"Result {number} is never given: result {every} fits every call. Put it last."
        if unknown := _unknown_argument(result.when, tool.parameters):
            yield f"Result {number} is never given: {tool.name} {unknown}."
        if result.nearest and (unknown := _unknown_argument({"plus": []}, tool.parameters)):
            yield f"Result {number} is computed from the words in the argument plus: {tool.name} {unknown}."
        if result.column and columns and result.column not in columns:
            hint = did_you_mean(result.column, columns, listed("The columns are", columns))
            yield f"The cases have no column {result.column} for result {number}. {hint}"


def _unknown_argument(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Returns which of the arguments a tool with these parameters does not have; "" if it may have all."""
    properties = schema.get("properties")
    open_ = "patternProperties" in schema or schema.get("additionalProperties", False) not in (False, None)
    if open_ or not isinstance(properties, Mapping):
        return ""
    for name in arguments:
        if name not in properties:
            otherwise = listed("It has", properties) or "It has none."
            return f"has no argument {name}. {did_you_mean(name, properties, otherwise)}".rstrip(".")
    return ""
