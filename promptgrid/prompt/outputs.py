"""Converts `outputs` of a prompt file to a JSON schema for the reply."""

from __future__ import annotations

from typing import Any

from promptgrid.prompt.front_matter import Field
from promptgrid.prompt.values import base_kind

JSON_TYPES = {"string": "string", "integer": "integer", "float": "number", "boolean": "boolean"}


def schema_of(outputs: Field, *, usual: bool = True) -> dict[str, Any]:
    """Returns a JSON schema: an object with the properties that the field, such as `outputs` of a prompt file,
    declares, as a list of entries with names or as a mapping by name. `usual` tells whether a property is required that
    does not say so."""
    properties = named(outputs)
    required = [name for name, item in properties.items() if _is_required(item, usual)]
    schema = {"type": "object", "properties": {name: _schema(item, usual) for name, item in properties.items()}}
    return {**schema, "required": required} if required else schema


def named(listed: Field) -> dict[str, Field]:
    """Returns the entries of the field by name. The field is a mapping by name, or a list whose entries have a
    `name`."""
    if listed.is_mapping():
        return listed.fields()
    return {item.fields()["name"].text(): item for item in listed.items() if "name" in item.fields()}


def _is_required(item: Field, usual: bool) -> bool:
    is_there = item.is_mapping() and "required" in item.fields()
    return item.fields()["required"].value() is not False if is_there else usual


def _schema(item: Field, usual: bool) -> dict[str, Any]:
    if not item.is_mapping():
        return {}
    fields = item.fields()
    kind = next((base_kind(fields[key].text()) for key in ("kind", "type") if key in fields), "")
    schema: dict[str, Any] = {"type": JSON_TYPES[kind]} if kind in JSON_TYPES else {}
    if "description" in fields:
        schema["description"] = fields["description"].text()
    if "enumValues" in fields:
        schema["enum"] = fields["enumValues"].value()
    if kind == "array":
        schema["type"] = "array"
        schema |= {"items": _schema(fields["items"], usual)} if "items" in fields else {}
    if kind == "object":
        schema |= schema_of(fields["properties"], usual=usual) if "properties" in fields else {"type": "object"}
    if "nullable" in fields and fields["nullable"].value() is True and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    return schema
