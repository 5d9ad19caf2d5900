"""Reads the variables of a prompt file: `inputs` in every form that prompty allows, and the `sample` of prompty 0.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from promptgrid.prompt.front_matter import Field
from promptgrid.prompt.model import Input
from promptgrid.prompt.prompty_fields import is_first
from promptgrid.prompt.values import holds_text, kind_of

_KEYS = frozenset(
    {
        *("name", "kind", "type", "description", "required", "nullable", "default", "example", "sample"),
        *("enumValues", "items", "properties", "strict"),
    }
)


def read_inputs(top: Mapping[str, Field]) -> tuple[Input, ...]:
    """Returns the variables that the file declares under `inputs`, then those that only its `sample` names. `top` has
    the file's top-level fields. Raises PromptError for a duplicate name."""
    inputs = [*_declared(top)]
    sample = top.get("sample")
    if sample is None or not sample.is_mapping():
        return tuple(inputs)
    fields = sample.fields()
    inputs = [_sampled(item, fields[item.name]) if item.name in fields else item for item in inputs]
    names = {item.name for item in inputs}
    return (*inputs, *(_sampled(Input(name, ""), field) for name, field in fields.items() if name not in names))


def _declared(top: Mapping[str, Field]) -> list[Input]:
    if "inputs" not in top or top["inputs"].is_empty():
        return []
    listed = top["inputs"]
    usual = "" if is_first(top) else "string"
    if listed.is_mapping():
        return [_input(name, field, usual) for name, field in listed.fields().items()]
    inputs = [_named(item, usual) for item in listed.items()]
    names = [item.name for item in inputs]
    if twice := {name for name in names if names.count(name) > 1}:
        raise listed.error(f"has {', '.join(sorted(twice))} twice")
    return inputs


def _named(item: Field, usual: str) -> Input:
    if "name" not in item.fields():
        raise item.error("has no 'name'")
    return _input(item.fields()["name"].text(), item, usual)


def _input(name: str, place: Field, usual: str) -> Input:
    """Reads the input `name` from its field. `usual` is the kind of an input that states none; with "" the kind of its
    value applies."""
    if place.is_empty():
        return Input(name)
    if not place.is_mapping() or not _KEYS & place.fields().keys():
        return _with(Input(name, "string"), example=_value(place, "string"))
    fields = place.fields()
    kind = next((fields[key].text() for key in ("kind", "type") if key in fields), usual)
    example = fields.get("example") or fields.get("sample")
    default = fields.get("default")
    return _with(
        Input(
            name,
            kind,
            description=fields["description"].text() if "description" in fields else "",
            allowed=tuple(_value(one, kind) for one in fields["enumValues"].items()) if "enumValues" in fields else (),
        ),
        example="" if example is None else _value(example, kind),
        default=None if default is None else _value(default, kind),
    )


def _sampled(item: Input, field: Field) -> Input:
    return _with(item, example=_value(field, item.kind))


def _with(item: Input, *, example: Any = None, default: Any = None) -> Input:
    """Returns the input with this example and default (None: unchanged). If the input has no kind, or is a text and
    gets a list or a mapping, its kind becomes that of the value."""
    example = item.example if example is None else example
    default = item.default if default is None else default
    value = default if example == "" and default is not None else example
    kind = item.kind
    if not kind or (holds_text(kind) and isinstance(value, (list, dict))):
        kind = kind_of(value)
    return replace(item, kind=kind, example=example, default=default)


def _value(field: Field, kind: str) -> Any:
    """Returns the field's value. For a kind that is a text the characters stay as typed: `no`, `12:30` and `007` are
    not converted."""
    is_scalar = isinstance(field.node.value, str)
    return field.text() if is_scalar and kind and holds_text(kind) else field.value()
