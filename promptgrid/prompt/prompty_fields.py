"""Converts a prompt to the plain data of its front matter, in the form of the file that it is written to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptgrid.errors import PromptError
from promptgrid.prompt.chain import chain_fields
from promptgrid.prompt.front_matter import Field
from promptgrid.prompt.model import AnswerRule, Example, Input, Prompt
from promptgrid.prompt.options import write_options, write_parameters
from promptgrid.prompt.outputs import named
from promptgrid.prompt.references import is_reference
from promptgrid.prompt.retrieval import retrieval_fields
from promptgrid.prompt.tools import TOOL_ROUNDS
from promptgrid.prompt.tools.file import prompty_form, write_tools
from promptgrid.prompt.values import kind_of

TEMPLATE: Mapping[str, Any] = {"format": {"kind": "jinja2"}, "parser": {"kind": "prompty"}}
RESERVED = ("answer", "reasoning")  # keys of an example beside its inputs
# prompty 2 refuses an array without the kind of its items.
_REQUIRED: Mapping[str, Mapping[str, Any]] = {"array": {"items": {"kind": "any"}}}
_OLD_MODEL = ("api", "configuration", "parameters", "response")
_NEW_MODEL = ("id", "apiType", "options", "connection", "provider")
_OLD_TOP = ("sample", "authors", "tags", "version", "base")


@dataclass(frozen=True, slots=True)
class FileForm:
    """The form in which a prompt file is written. Saving keeps the form, so that the program that wrote the file can
    still read it.

    first     the file is of prompty 0.1: `model.parameters`, `type`, `sample`
    template  the file has a `template` field; without one, none is added
    outputs   the file has `outputs`: the answer rule is always written, else it would be read from `outputs`
    inputs    the names under `inputs`; other inputs stand only in the sample
    tools     the tools that are written under `tools`, by name; others stand under `metadata.tools`
    """

    first: bool = False
    template: bool = True
    outputs: bool = False
    inputs: frozenset[str] = frozenset()
    tools: Mapping[str, Any] = field(default_factory=dict)


def form_of(top: Mapping[str, Field]) -> FileForm:
    """Returns the form of the file whose front matter has these top-level fields."""
    inputs = top.get("inputs")
    is_there = inputs is not None and not inputs.is_empty() and not isinstance(inputs.node.value, str)
    names = frozenset(named(inputs)) if inputs is not None and is_there else frozenset()
    return FileForm(is_first(top), "template" in top, "outputs" in top, names, prompty_form(top.get("tools")))


def is_first(top: Mapping[str, Field]) -> bool:
    """Tells whether a file with these top-level fields is of prompty 0.1, the first generation of the format."""
    model = top["model"].fields() if "model" in top and top["model"].is_mapping() else {}
    if any(name in model for name in _NEW_MODEL):
        return False
    if any(name in model for name in _OLD_MODEL) or any(name in top for name in _OLD_TOP):
        return True
    inputs = top.get("inputs")
    entries = list(inputs.fields().values()) if inputs is not None and inputs.is_mapping() else []
    return any(entry.is_mapping() and "type" in entry.fields() for entry in entries)


def fields_of(prompt: Prompt, form: FileForm) -> dict[str, Any]:
    """Returns the front matter of the prompt as plain data, in the form of its file. Empty values and defaults are left
    out. Raises PromptError if an input's example or default would be read as a reference to a file."""
    _check_references(prompt)
    tools, own_tools = write_tools(prompt.tools, form.tools)
    metadata = {
        "tags": [] if form.first else list(prompt.tags),
        "language": "" if prompt.language == "en" else prompt.language,
        "cases": prompt.cases,
        "answer": _answer_fields(prompt.answer, always=form.outputs),
        "wording": dict(prompt.wording),
        "examples": [_example_fields(example) for example in prompt.examples],
        "chain": chain_fields(prompt.chain),
        "retrieval": retrieval_fields(prompt.parameters),
        "tools": own_tools,
    }
    rounds = {} if prompt.tool_rounds == TOOL_ROUNDS else {"tool_rounds": prompt.tool_rounds}
    fields: dict[str, Any] = {"name": prompt.title or prompt.name, "description": prompt.description}
    fields["metadata"] = _filled(metadata) | rounds
    fields |= _first_fields(prompt, form) if form.first else _second_fields(prompt)
    return _filled({**fields, "tools": tools, "template": dict(TEMPLATE) if form.template and not form.first else {}})


def _second_fields(prompt: Prompt) -> dict[str, Any]:
    api = "" if prompt.api == "chat" else prompt.api
    inputs = [
        {"name": item.name, **_input_fields(item, "kind"), **_default(item), **_REQUIRED.get(item.kind, {})}
        for item in prompt.inputs
    ]
    return {"inputs": inputs, "model": _filled({"apiType": api, "options": write_options(prompt.parameters)})}


def _first_fields(prompt: Prompt, form: FileForm) -> dict[str, Any]:
    api = "" if prompt.api == "chat" else prompt.api
    inputs = {
        item.name: {**_input_fields(_without_example(item), "type"), **_default(item)}
        for item in prompt.inputs
        if item.name in form.inputs or not _is_sample_only(item)
    }
    return {
        "tags": list(prompt.tags),
        "model": _filled({"api": api, "parameters": write_parameters(prompt.parameters)}),
        "inputs": inputs,
        "sample": {item.name: item.example for item in prompt.inputs if item.has_example},
    }


def _without_example(item: Input) -> Input:
    """Returns the input without its example, which prompty 0.1 keeps in the sample."""
    return Input(item.name, item.kind, "", item.default, item.description, item.allowed)


def _is_sample_only(item: Input) -> bool:
    plain = item.default is None and not item.description and not item.allowed
    return plain and item.has_example and item.kind == kind_of(item.example)


def _input_fields(item: Input, kind: str) -> dict[str, Any]:
    fields: dict[str, Any] = {kind: item.kind}
    fields |= {"description": item.description} if item.description else {}
    fields |= {"example": item.example} if item.has_example else {}
    return fields | ({"enumValues": list(item.allowed)} if item.allowed else {})


def _default(item: Input) -> dict[str, Any]:
    return {} if item.default is None else {"default": item.default}


def _example_fields(example: Example) -> dict[str, Any]:
    nested = any(name in RESERVED for name in example.inputs) or not isinstance(example.inputs.get("inputs", ""), str)
    inputs: dict[str, Any] = {"inputs": dict(example.inputs)} if nested else dict(example.inputs)
    fields = {**inputs, "answer": example.answer}
    return {**fields, "reasoning": example.reasoning} if example.reasoning else fields


def _answer_fields(rule: AnswerRule, *, always: bool) -> dict[str, Any]:
    labels: Any = list(rule.labels)
    if rule.synonyms:
        labels = {label: list(rule.synonyms.get(label, ())) for label in rule.labels}
    fields = _filled(
        {
            "labels": labels,
            "schema": rule.schema,
            "pattern": rule.pattern,
            "options": rule.options,
            "separator": rule.separator,
        }
    )
    return {"kind": rule.kind, **fields} if fields or rule.kind != "text" or always else {}


def _check_references(prompt: Prompt) -> None:
    """Raises PromptError if the example or the default of an input has the form `${file:…}` or `${env:…}`: on reading,
    it would be replaced."""
    for item in prompt.inputs:
        for value in (item.example, item.default):
            if is_reference(value):
                hint = "Put a blank or a word beside it."
                raise PromptError(f"{item.name} is {value!r}, which prompty replaces by something else.", hint=hint)


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
