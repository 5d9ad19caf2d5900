"""Reads a prompt from a .prompty text: YAML front matter, then the messages under role markers.

Other tools read the same file, so Promptgrid's own fields stand under `metadata`. Both generations of prompty are read:
2 (`model.options`, `kind`, `example`) and 0.1 (`model.parameters`, `type`, `sample`). Parts of the file that a Prompt
cannot hold are listed in its notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import get_args

from promptgrid.errors import PromptError
from promptgrid.prompt.chain import read_chain
from promptgrid.prompt.front_matter import Field, read_front, split_front
from promptgrid.prompt.history import unread_roles
from promptgrid.prompt.input_fields import read_inputs
from promptgrid.prompt.model import EMPTY, AnswerKind, AnswerRule, Api, Example, Input, Message, Prompt
from promptgrid.prompt.options import read_options, read_parameters
from promptgrid.prompt.outputs import named, schema_of
from promptgrid.prompt.parameters import Parameters
from promptgrid.prompt.prompty_fields import RESERVED, is_first
from promptgrid.prompt.references import Files, resolved
from promptgrid.prompt.retrieval import read_retrieval
from promptgrid.prompt.sections import split_messages
from promptgrid.prompt.tools import TOOL_ROUNDS
from promptgrid.prompt.tools.file import MOST_ROUNDS, read_tools
from promptgrid.prompt.values import MEDIA
from promptgrid.suggestions import did_you_mean

_HANDLED = frozenset(
    {
        *("name", "displayName", "description", "authors", "tags", "version", "metadata", "inputs", "sample"),
        *("outputs", "model", "template", "tools", "base"),
    }
)
_CACHED_CHARS = 50_000  # longer texts are read each time
_METADATA_FIELDS = frozenset(
    {"tags", "language", "cases", "answer", "wording", "examples", "chain", "tools", "tool_rounds", "retrieval"}
)
_ANSWER_FIELDS = frozenset({"kind", "labels", "schema", "pattern", "options", "separator"})


def loads(text: str, name: str = "", files: Files | None = None) -> Prompt:
    """Reads the text of a .prompty file.

    `name` is the file's name; a different `name:` in the text becomes the prompt's title. `files` is called with each
    name in a `${file:…}` and returns that file's text; without `files`, such values are left out, with a note. Raises
    PromptError with the line for broken YAML, a wrong type, an unknown kind, or a body without messages.
    """
    if len(text) > _CACHED_CHARS or "${" in text:  # what a file holds may change
        return _read(text, name, files)
    return _read_once(text, name)


@lru_cache(maxsize=256)
def _read_once(text: str, name: str) -> Prompt:
    return _read(text, name, None)


def _read(text: str, name: str, files: Files | None) -> Prompt:
    front, body, before = split_front(text)
    top, notes = resolved(read_front(front, before), files)
    messages = split_messages(body)
    if not messages:
        raise PromptError("The file holds no message.", hint="Write a line `user:` and the text below it.")
    _check_template(top)
    metadata = _mapping(top, "metadata")
    model = _mapping_or_name(top, "model")
    written = _text(top, "name")
    parameters = _parameters(model, notes)
    if "retrieval" in metadata and not metadata["retrieval"].is_empty():
        parameters = replace(parameters, **read_retrieval(metadata["retrieval"]))
    tags = metadata.get("tags") or top.get("tags")
    inputs = read_inputs(top)
    answer = _answer(_mapping(metadata, "answer")) if "answer" in metadata else _outputs(top, parameters, notes)
    tools = read_tools(top.get("tools"), metadata.get("tools"), notes)
    notes += [*_notes(top, model), *_metadata_notes(metadata), *_text_notes(messages, inputs)]
    return Prompt(
        name=name or written,
        title=written if name and written != name else "",
        messages=messages,
        description=_text(top, "description"),
        tags=() if tags is None or tags.is_empty() else tags.texts(),
        inputs=inputs,
        examples=tuple(_example(item) for item in metadata["examples"].items()) if "examples" in metadata else (),
        answer=answer,
        parameters=parameters,
        language=_text(metadata, "language") or "en",
        wording={key: field.text() for key, field in _mapping(metadata, "wording").items()},
        cases=_text(metadata, "cases"),
        api=_api(model),
        chain=read_chain(metadata["chain"]) if "chain" in metadata else (),
        tools=tools,
        tool_rounds=_tool_rounds(metadata),
        notes=tuple(dict.fromkeys(notes)),
    )


def _notes(top: Mapping[str, Field], model: Mapping[str, Field]) -> list[str]:
    """Returns a sentence for each field of the file that Promptgrid does not use. `top` has the top-level fields,
    `model` those under `model`."""
    notes = []
    for name in ("id", "configuration", "connection"):
        if name in model and not model[name].is_empty():
            notes.append(f"model.{name} is not taken over: the model and its endpoint are chosen for a run.")
    if "model" in top and not top["model"].is_mapping() and not top["model"].is_empty():
        notes.append("model is not taken over: the model is chosen for a run.")
    if "base" in top:
        notes.append(f"base is not taken over: {_text(top, 'base')} is not read.")
    if "metadata" in top and is_first(top):
        notes.append("metadata is Promptgrid's own: prompty 0.1 does not load a file that has it.")
    return notes + list(_unknown(top, _HANDLED))


def _metadata_notes(metadata: Mapping[str, Field]) -> list[str]:
    """Returns a sentence for each field under `metadata` and under `metadata.answer` that Promptgrid does not know."""
    hints = {"language": "Write it as metadata.language.", "synonyms": "Write them as labels: {LABEL: [WORD, …]}."}
    answer = _mapping(metadata, "answer")
    return [
        *_unknown(metadata, _METADATA_FIELDS, "metadata."),
        *_unknown(answer, _ANSWER_FIELDS, "metadata.answer.", hints),
    ]


def _unknown(
    fields: Mapping[str, Field], known: frozenset[str], place: str = "", hints: Mapping[str, str] = EMPTY
) -> Iterator[str]:
    """Yields a sentence for each of the fields that is not `known`, with its hint or the name that was perhaps meant.
    `place` stands before the names."""
    for name in fields:
        if name not in known:
            yield f"{place}{name} is not taken over. {hints.get(name) or did_you_mean(name, sorted(known), '')}".strip()


def _text_notes(messages: Sequence[Message], inputs: Sequence[Input]) -> list[str]:
    media = [item for item in inputs if item.kind in MEDIA]
    roles = [message.role for message in messages if unread_roles(message.text)]
    return [
        *(f"inputs.{item.name} is of the kind {item.kind}, which cannot be sent." for item in media),
        *(f"The {role} message prints a role: it is sent as text, not as a message of its own." for role in roles),
    ]


def _tool_rounds(metadata: Mapping[str, Field]) -> int:
    field = metadata.get("tool_rounds")
    if field is None or field.is_empty():
        return TOOL_ROUNDS
    if not 0 <= field.whole() <= MOST_ROUNDS:
        raise field.error(f"is {field.whole()}, and goes from 0 (results are not sent back) to {MOST_ROUNDS}")
    return field.whole()


def _text(fields: Mapping[str, Field], name: str) -> str:
    return fields[name].text() if name in fields and not fields[name].is_empty() else ""


def _mapping(fields: Mapping[str, Field], name: str) -> dict[str, Field]:
    return fields[name].fields() if name in fields and not fields[name].is_empty() else {}


def _mapping_or_name(fields: Mapping[str, Field], name: str) -> dict[str, Field]:
    """Returns the fields under `name`; {} if it is missing or a text, as in `model: gpt-4o`. That text is not used,
    because the model is chosen for a run."""
    return _mapping(fields, name) if name not in fields or fields[name].is_mapping() else {}


def _parameters(model: Mapping[str, Field], notes: list[str]) -> Parameters:
    """Returns the parameters in `model.options` and `model.parameters`; the first take precedence. Unknown ones add a
    sentence to `notes`."""
    older = read_parameters(_mapping(model, "parameters"), notes)
    return read_options(_mapping(model, "options"), notes).over(older)


def _check_template(top: Mapping[str, Field]) -> None:
    template = top.get("template")
    if template is None or template.is_empty():
        return
    fields = template.fields() if template.is_mapping() else {"format": template}
    kind = fields.get("format") or fields.get("type")
    if kind is not None and kind.is_mapping():
        kind = kind.fields().get("kind")
    if kind is not None:
        kind.choice(["jinja2"])


def _api(model: Mapping[str, Field]) -> Api:
    kind = model.get("apiType") or model.get("api")
    if kind is None or kind.is_empty():
        return "chat"
    return "completion" if kind.choice(["chat", "completion", "responses"]) == "completion" else "chat"


def _outputs(top: Mapping[str, Field], parameters: Parameters, notes: list[str]) -> AnswerRule:
    """Returns the answer rule of kind json with the schema in `outputs`; a rule for text if `outputs` is missing or has
    no entries. In a file of prompty 0.1 `outputs` are read only if the response format in `parameters` is JSON:
    otherwise a sentence is added to `notes`, and the rule is for text. Adds another sentence if no response format is
    set, since the schema is then not sent."""
    outputs = top.get("outputs")
    if outputs is None or outputs.is_empty():
        return AnswerRule()
    wants_json = (parameters.response_format or {}).get("type") in ("json_object", "json_schema")
    if is_first(top) and not wants_json:
        notes.append("outputs are not taken over: the reply is not asked for as JSON.")
        return AnswerRule()
    if not named(outputs):
        return AnswerRule()
    if "response_format" not in parameters.given:
        notes.append("outputs are read as the answer rule json; the schema is not sent to the model.")
    return AnswerRule("json", schema=schema_of(outputs))


def _example(item: Field) -> Example:
    """Reads an example: `{text: …, answer: …}`, where `text` is the name of an input. If an input is called `answer` or
    `reasoning`, all inputs are nested: `{inputs: {answer: …}, answer: …}`."""
    fields = item.fields()
    answer = _required(item, "answer").text()
    nested = "inputs" in fields and fields["inputs"].is_mapping()
    values = fields["inputs"].fields() if nested else {n: f for n, f in fields.items() if n not in RESERVED}
    inputs = {name: field.text() for name, field in values.items()}
    return Example(inputs, answer, fields["reasoning"].text() if "reasoning" in fields else "")


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
    """Returns (labels, synonyms by label) of the field, which is a list of labels, or a mapping of each label to its
    synonyms."""
    if not field.is_mapping():
        return field.texts(), {}
    words = {label: () if item.is_empty() else item.texts() for label, item in field.fields().items()}
    return tuple(words), {label: names for label, names in words.items() if names}
