"""Resolves `${file:…}` and `${env:…}` in the front matter: files beside the prompt are read, environment variables are
not.

A prompt file may come from a stranger, and a value of the environment would be sent to a model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from promptgrid.errors import PromptError
from promptgrid.prompt.front_matter import Field, compose

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

Files = Callable[[str], str]
"""The text of a file beside the prompt's, by its path there. Raises PromptgridError."""

_REFERENCE = re.compile(r"\s*\$\{(env|file):(.*)\}\s*", re.DOTALL | re.IGNORECASE)
_TOPS = ("sample", "inputs", "outputs")
_IN_MODEL = ("parameters", "options")


def is_reference(value: Any) -> bool:
    """Tells whether a value has the form `${file:…}` or `${env:…}`. Such a text cannot be saved, because it would be
    replaced when the file is read."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def resolved(top: Mapping[str, Field], files: Files | None) -> tuple[dict[str, Field], list[str]]:
    """Returns (the top-level fields with each `${file:…}` replaced by the content that `files` returns for it, notes).
    What cannot be read, each `${env:…}`, and without `files` each `${file:…}`, is left out and gets a note."""
    notes: list[str] = []
    fields = {name: _resolved(field, files, notes) if name in _TOPS else field for name, field in top.items()}
    model = top.get("model")
    if model is not None and model.is_mapping():
        for name in _IN_MODEL:
            if name in model.fields():
                _resolved(model.fields()[name], files, notes)
    return {name: field for name, field in fields.items() if field is not None}, list(dict.fromkeys(notes))


def _resolved(field: Field, files: Files | None, notes: list[str]) -> Field | None:
    """Returns the field with its references replaced; None if the field itself is a reference that cannot be replaced.
    In a list or a mapping, the field's own node is changed. Each reference that cannot be replaced adds a sentence to
    `notes`."""
    node = field.node
    if isinstance(node.value, str):
        match = _REFERENCE.fullmatch(node.value)
        if match is None:
            return field
        followed = _followed(field, match[1].lower(), match[2].strip(), files, notes)
        return None if followed is None else Field(field.path, followed, field.before)
    if field.is_mapping():
        parts = [(key, _resolved(Field(f"{field.path}.{key.value}", value, field.before), files, notes))
                 for key, value in node.value]  # fmt: skip
        node.value = [(key, part.node) for key, part in parts if part is not None]
    else:
        items = [_resolved(item, files, notes) for item in field.items()]
        node.value = [item.node for item in items if item is not None]
    return field


def _followed(field: Field, protocol: str, target: str, files: Files | None, notes: list[str]) -> Node | None:
    if protocol == "env":
        notes.append(f"{field.path} is not taken over: {field.node.value}; values of the environment are not read.")
        return None
    if files is None:
        notes.append(f"{field.path} is not taken over: {field.node.value}; the file is not beside the prompt here.")
        return None
    try:
        node = _node(files(target), target)
    except PromptError as error:
        notes.append(f"{field.path} is not taken over: {field.node.value}; {error}")
        return None
    node.start_mark = field.node.start_mark  # errors in the file are reported at the line of the reference
    return node


def _node(text: str, target: str) -> Node:
    """Returns the text of the file `target` as a YAML node: parsed if its name ends with .json, .yaml or .yml, else as
    one text. Raises PromptError if it cannot be parsed."""
    from ruamel.yaml.nodes import ScalarNode

    if target.lower().endswith(".json"):
        try:
            text = json.dumps(json.loads(text.removeprefix("\ufeff")), ensure_ascii=False)  # YAML takes no tabs
        except (ValueError, RecursionError) as error:
            raise PromptError(f"{target} is not JSON: {error}.") from error
    elif not target.lower().endswith((".yaml", ".yml")):
        return ScalarNode("tag:yaml.org,2002:str", text)
    node = compose(text, 0)
    if node is None:
        raise PromptError(f"{target} is empty.")
    return node
