"""Converts the tools of a prompt to the texts and tables of the editor and back. Pure. A typed tool is a mapping with
`name`, `description`, `parameters` (JSON text) and `results` (rows with `when`, `text`, `column` and `nearest`; the
first and the last are JSON)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from promptgrid.errors import PromptError
from promptgrid.grading.tool_problems import tool_faults
from promptgrid.prompt import MockResult, Tool
from promptgrid.prompt.tools import NO_PARAMETERS, NearestWords, nearest_fields
from promptgrid.prompt.tools.arguments import read_arguments, strict_json
from promptgrid.prompt.tools.file import name_problem, nearest_from, nearest_problem, parameters_problem
from promptgrid.text import one_line

PARAMETER_COLUMNS = ("name", "type", "required", "description", "one of")
RESULT_COLUMNS = ("when", "text", "column", "nearest")
TYPES = ("string", "number", "integer", "boolean", "array", "object")
BLANK: Mapping[str, Any] = {"name": "", "description": "", "parameters": "", "results": []}
_UNION = " | "
_Row = Mapping[str, Any]


def typed_tools(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "parameters": _json(tool.parameters, indent=2) if tool.parameters != NO_PARAMETERS else "",
            "results": [_result_row(one) for one in tool.results],
        }
        for tool in tools
    ]


def _result_row(result: MockResult) -> dict[str, str]:
    return {
        "when": _json(result.when) if result.when else "",
        "text": result.text,
        "column": result.column,
        "nearest": _json(nearest_fields(result.nearest)) if result.nearest else "",
    }


def tools_of(typed: Sequence[_Row]) -> tuple[Tool, ...]:
    """Returns the tools. Raises PromptError for one that a file could not hold."""
    tools: list[Tool] = []
    for number, one in enumerate(typed, start=1):
        try:
            tool = _tool(one)
        except PromptError as error:
            raise PromptError(f"Tool {one_line(one['name'], 64) or number}: {error}", hint=error.hint) from error
        if tool.name in {other.name for other in tools}:
            raise PromptError(f"There is a second tool {tool.name}.", hint="Give it another name.")
        tools.append(tool)
    return tuple(tools)


def tool_problems(typed: Sequence[_Row], at: int, columns: Sequence[str]) -> list[str]:
    """Returns one sentence for each reason why the tool with index `at` cannot work; [] if it can. `columns` are those
    of the cases; without them, the columns of results are not checked."""
    try:
        tool = _tool(typed[at])
    except PromptError as error:
        return [str(error)]
    second = [f"There is a second tool {tool.name}."] if tool.name in [one["name"] for one in typed[:at]] else []
    return [*second, *tool_faults(tool, columns)]


def _tool(typed: _Row) -> Tool:
    if problem := name_problem(typed["name"]):
        raise PromptError(f"It {problem}.")
    parameters = schema_of_text(typed["parameters"])
    results = tuple(_result(row, number) for number, row in enumerate(typed["results"], start=1))
    return Tool(typed["name"], typed["description"], parameters, results)


def schema_of_text(text: str) -> Mapping[str, Any]:
    """Returns the parameters of a tool in this JSON text; a blank text has none. Raises PromptError."""
    if not text.strip():
        return NO_PARAMETERS
    try:
        schema = strict_json(text)
    except ValueError as error:
        raise PromptError(f"The parameters are not JSON: {error}.") from error
    if problem := parameters_problem(schema):
        raise PromptError(f"The parameters {problem}.")
    return dict(schema)


def _result(row: _Row, number: int) -> MockResult:
    nearest = row.get("nearest", "")  # a draft of an earlier version has none
    if sum(map(bool, (row["text"], row["column"], nearest))) > 1:
        raise PromptError(f"Result {number} has a text, a column and words at once: leave all but one empty.")
    when = read_arguments(row["when"])
    if when.problem:
        raise PromptError(f'Result {number}: {when.problem}. Write {{"city": "Oslo"}}, or nothing for every call.')
    return MockResult(row["text"], row["column"], when.values, _nearest(nearest, number))


def _nearest(text: str, number: int) -> NearestWords | None:
    if not text:
        return None
    fields = read_arguments(text)
    if problem := fields.problem or nearest_problem(fields.values):
        raise PromptError(f"Result {number}: {problem}.")
    return nearest_from(fields.values)


def result_rows(records: Sequence[_Row]) -> list[dict[str, str]]:
    """Returns the records of the table of results as texts, without empty rows."""
    rows = [{name: cell_text(record.get(name)) for name in RESULT_COLUMNS} for record in records]
    return [row for row in rows if any(row.values())]


def cell_text(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def parameter_rows(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns one row for each property of the schema: PARAMETER_COLUMNS, and its name again as `was`."""
    required = schema.get("required", ())
    return [
        {"was": name, "name": name, "required": name in required, **_cells(item if isinstance(item, Mapping) else {})}
        for name, item in schema.get("properties", {}).items()
    ]


def _cells(item: Mapping[str, Any]) -> dict[str, str]:
    kind, values = item.get("type", ""), item.get("enum", ())
    return {
        "type": _UNION.join(map(str, kind)) if isinstance(kind, list) else str(kind),
        "description": str(item.get("description", "")),
        "one of": _value_list(values) if isinstance(values, list) else "",
    }


def _value_list(values: Sequence[Any]) -> str:
    are_words = all(isinstance(one, str) and re.fullmatch(r"[^\s,，、\[]+( [^\s,，、\[]+)*", one) for one in values)
    return ", ".join(values) if are_words else _json(values)


def with_rows(schema: Mapping[str, Any], rows: Sequence[_Row]) -> dict[str, Any]:
    """Returns the schema with the properties that the edited rows of `parameter_rows` describe. What the columns do not
    show, such as a pattern, stays. Raises PromptError for a name that is there twice, and for values that cannot be
    read."""
    before = schema.get("properties", {})
    was = {row["was"]: row for row in parameter_rows(schema)}
    properties: dict[str, Any] = {}
    required = []
    for row in rows:
        name, old = cell_text(row.get("name")).strip(), cell_text(row.get("was"))
        if not name:
            continue
        if name in properties:
            raise PromptError(f"The argument {name} is there twice.")
        properties[name] = _property(before.get(old, {}), was.get(old, {}), row)
        required += [name] if row.get("required") is True else []
    new = {**schema, "properties": properties, "required": required}  # the order of the fields stays
    return new if required else {key: value for key, value in new.items() if key != "required"}


def _property(schema: Any, before: _Row, row: _Row) -> Any:
    """Returns the `schema` of an argument with the cells that differ from those of its row `before`."""
    changed = {name: cell_text(row.get(name)).strip() for name in ("type", "description", "one of")
               if cell_text(row.get(name)).strip() != before.get(name, "")}  # fmt: skip
    if not changed:
        return schema
    new = dict(schema) if isinstance(schema, Mapping) else {}
    for name, text in changed.items():
        key = "enum" if name == "one of" else name
        new.pop(key, None)
        if text:
            new[key] = _values(text, new.get("type")) if key == "enum" else _kind(text) if key == "type" else text
    return new


def _kind(text: str) -> Any:
    return text.split(_UNION) if _UNION in text else text


def _values(text: str, kind: Any) -> list[Any]:
    """Returns the values in a list such as `first, second`, or in a JSON list. Values of an argument of the type `kind`
    are numbers or true and false if that says so."""
    words = [one.strip() for one in re.split("[,，、]", text) if one.strip()]
    is_json = text.startswith("[")
    if not is_json and kind not in ("number", "integer", "boolean"):
        return words
    try:
        return list(strict_json(text if is_json else f"[{','.join(words)}]"))
    except ValueError as error:
        hint = "Write them as 1, 2 or as a JSON list."
        raise PromptError(f"The values {one_line(text, 60)} cannot be read: {error}.", hint=hint) from error


def schema_text(schema: Mapping[str, Any]) -> str:
    return _json(schema, indent=2)


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, default=dict)
