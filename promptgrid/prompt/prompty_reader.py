"""A prompt as a .prompty text file: YAML front matter, then the messages under role markers.

Other tools read the same file, so what is ours alone stands under `metadata`. The front matter that `fields_of` makes
is what `loads` reads; what the file holds beyond it is kept when saving (see saving.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from promptgrid.errors import PromptError
from promptgrid.prompt.front_matter import Field, read_front, split_front
from promptgrid.prompt.model import AnswerKind, AnswerRule, Api, Example, Input, Prompt
from promptgrid.prompt.parameters import Parameters
from promptgrid.prompt.sections import split_messages

TEMPLATE: Mapping[str, Any] = {"format": {"kind": "jinja2"}, "parser": {"kind": "prompty"}}

# prompty's name of an option, ours, and how it is read. Options that only some endpoints take are `extra_body` to us.
_OPTIONS: Mapping[str, tuple[str, Callable[[Field], Any]]] = {
    "temperature": ("temperature", Field.number),
    "topP": ("top_p", Field.number),
    "maxOutputTokens": ("max_tokens", Field.whole),
    "seed": ("seed", Field.whole),
    "stopSequences": ("stop", lambda field: field.texts()),
    "reasoningEffort": ("reasoning_effort", Field.text),
}
_EXTRA: Mapping[str, tuple[str, Callable[[Field], Any]]] = {
    "frequencyPenalty": ("frequency_penalty", Field.number),
    "presencePenalty": ("presence_penalty", Field.number),
    "topK": ("top_k", Field.whole),
}
_RESERVED = ("answer", "reasoning")  # keys of an example beside its inputs


def loads(text: str, name: str = "") -> Prompt:
    """Reads the text of a .prompty file; `name` stands in where the front matter has none.

    Raises PromptError with the line for broken YAML, a wrong type, an unknown kind, or a body without messages.
    """
    front, body, before = split_front(text)
    top = read_front(front, before)
    messages = split_messages(body)
    if not messages:
        raise PromptError("The file holds no message.", hint="Write a line `user:` and the text below it.")
    _check_template(top)
    metadata = _mapping(top, "metadata")
    model = _mapping_or_name(top, "model")
    inputs = _inputs(top)
    return Prompt(
        name=_text(top, "name") or name,
        messages=messages,
        description=_text(top, "description"),
        tags=metadata["tags"].texts() if "tags" in metadata else (),
        inputs=inputs,
        examples=tuple(_example(item) for item in metadata["examples"].items()) if "examples" in metadata else (),
        answer=_answer(_mapping(metadata, "answer")),
        parameters=_parameters(_mapping(model, "options")),
        language=_text(metadata, "language") or "en",
        wording={key: field.text() for key, field in _mapping(metadata, "wording").items()},
        cases=_text(metadata, "cases"),
        api=_api(model),
    )


def fields_of(prompt: Prompt) -> dict[str, Any]:
    """The front matter of a prompt as plain data, without what is empty or the default."""
    check_names(prompt)
    metadata = {
        "tags": list(prompt.tags),
        "language": "" if prompt.language == "en" else prompt.language,
        "cases": prompt.cases,
        "answer": _answer_fields(prompt.answer),
        "wording": dict(prompt.wording),
        "examples": [_example_fields(example) for example in prompt.examples],
    }
    model = {"apiType": "" if prompt.api == "chat" else prompt.api, "options": _option_fields(prompt.parameters)}
    return _filled(
        {
            "name": prompt.name,
            "description": prompt.description,
            "metadata": _filled(metadata),
            "inputs": [_input_fields(item) for item in prompt.inputs],
            "model": _filled(model),
            "template": dict(TEMPLATE),
        }
    )


def check_names(prompt: Prompt) -> None:
    """Raises PromptError where an input has the name of an example's own keys."""
    names = [item.name for item in prompt.inputs] + [name for example in prompt.examples for name in example.inputs]
    for name in names:
        if name in _RESERVED:
            raise _reserved(name)


def _text(fields: Mapping[str, Field], name: str) -> str:
    return fields[name].text() if name in fields and not fields[name].is_empty() else ""


def _mapping(fields: Mapping[str, Field], name: str) -> dict[str, Field]:
    return fields[name].fields() if name in fields and not fields[name].is_empty() else {}


def _mapping_or_name(fields: Mapping[str, Field], name: str) -> dict[str, Field]:
    """prompty takes `model: gpt-4o` too; which model runs is not the prompt's to say here."""
    return _mapping(fields, name) if name not in fields or fields[name].is_mapping() else {}


def _check_template(top: Mapping[str, Field]) -> None:
    template = top.get("template")
    if template is None or template.is_empty():
        return
    kind = template.fields().get("format") if template.is_mapping() else template
    if kind is not None and kind.is_mapping():
        kind = kind.fields().get("kind")
    if kind is not None:
        kind.choice(["jinja2"])


def _api(model: Mapping[str, Field]) -> Api:
    if "apiType" not in model:
        return "chat"
    return "completion" if model["apiType"].choice(["chat", "completion", "responses"]) == "completion" else "chat"


def _inputs(top: Mapping[str, Field]) -> tuple[Input, ...]:
    if "inputs" not in top or top["inputs"].is_empty():
        return ()
    listed = top["inputs"]
    if listed.is_mapping():
        found = [_input(name, field, field) for name, field in listed.fields().items()]
    else:
        found = [_input(_required(item, "name").text(), item, item) for item in listed.items()]
    twice = {item.name for item in found if [other.name for other in found].count(item.name) > 1}
    if twice:
        raise listed.error(f"has {', '.join(sorted(twice))} twice")
    return tuple(found)


def _input(name: str, value: Field, place: Field) -> Input:
    if name in _RESERVED:
        raise place.error(f"is named {name!r}, which an example needs for itself")
    if not value.is_mapping():
        return Input(name, example=value.text())
    fields = value.fields()
    default = fields.get("default")
    return Input(
        name=name,
        kind=_text(fields, "kind") or "string",
        example=fields["example"].text() if "example" in fields else "",
        default=default.text() if default is not None else None,
        description=_text(fields, "description"),
    )


def _input_fields(item: Input) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": item.name, "kind": item.kind}
    fields |= _filled({"description": item.description, "example": item.example})
    return fields if item.default is None else {**fields, "default": item.default}


def _example(item: Field) -> Example:
    fields = item.fields()
    answer = _required(item, "answer").text()
    inputs = {name: field.text() for name, field in fields.items() if name not in _RESERVED}
    return Example(inputs, answer, fields["reasoning"].text() if "reasoning" in fields else "")


def _example_fields(example: Example) -> dict[str, Any]:
    fields = {**example.inputs, "answer": example.answer}
    return {**fields, "reasoning": example.reasoning} if example.reasoning else fields


def _required(item: Field, name: str) -> Field:
    fields = item.fields()
    if name not in fields:
        raise item.error(f"has no {name!r}")
    return fields[name]


def _answer(fields: Mapping[str, Field]) -> AnswerRule:
    if not fields:
        return AnswerRule()
    kinds: dict[str, AnswerKind] = {kind: kind for kind in get_args(AnswerKind)}
    kind = kinds[fields["kind"].choice(list(kinds))] if "kind" in fields else "text"
    labels, synonyms = _labels(fields["labels"]) if "labels" in fields else ((), {})
    if "schema" in fields and not fields["schema"].is_mapping():
        raise fields["schema"].error("must be a mapping: a JSON schema")
    schema = fields["schema"].value() if "schema" in fields else {}
    options, separator = _text(fields, "options"), _text(fields, "separator")
    return AnswerRule(kind, labels, schema, _text(fields, "pattern"), synonyms, options, separator)


def _labels(field: Field) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """A list of labels, or a mapping of each label to the other words that mean it."""
    if not field.is_mapping():
        return field.texts(), {}
    words = {label: () if item.is_empty() else item.texts() for label, item in field.fields().items()}
    return tuple(words), {label: names for label, names in words.items() if names}


def _answer_fields(rule: AnswerRule) -> dict[str, Any]:
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
    return {"kind": rule.kind, **fields} if fields or rule.kind != "text" else {}


def _parameters(options: Mapping[str, Field]) -> Parameters:
    found = {ours: read(options[theirs]) for theirs, (ours, read) in _OPTIONS.items() if theirs in options}
    extra = {ours: read(options[theirs]) for theirs, (ours, read) in _EXTRA.items() if theirs in options}
    more = _mapping(options, "additionalProperties")
    extra |= {name: field.value() for name, field in _mapping(more, "extra_body").items()}
    if "response_format" in more:
        found["response_format"] = {name: field.value() for name, field in more["response_format"].fields().items()}
    return Parameters(**found, extra_body=extra or None)


def _option_fields(parameters: Parameters) -> dict[str, Any]:
    known = {ours: theirs for theirs, (ours, _) in _OPTIONS.items()}
    fields = {known[name]: value for name, value in parameters.given.items() if name in known}
    if "stopSequences" in fields:
        fields["stopSequences"] = list(fields["stopSequences"])
    extra = dict(parameters.extra_body or {})
    fields |= {theirs: extra.pop(ours) for theirs, (ours, _) in _EXTRA.items() if ours in extra}
    more = _filled({"response_format": parameters.response_format, "extra_body": extra})
    return {**fields, "additionalProperties": more} if more else fields


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _reserved(name: str) -> PromptError:
    return PromptError(f"An input cannot be named {name!r}: an example needs that name for itself.", hint="Rename it.")
