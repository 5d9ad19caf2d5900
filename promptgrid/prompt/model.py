"""The classes of a prompt: Message, Example, Input, AnswerRule, Prompt. Pure data; no templates, no files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from promptgrid.prompt.parameters import Parameters
from promptgrid.prompt.tools import TOOL_ROUNDS, Tool, ToolCall, tool_fields
from promptgrid.text import value_text

Role = Literal["system", "user", "assistant", "tool"]
AnswerKind = Literal["text", "label", "number", "json", "regex"]
Api = Literal["chat", "completion"]

EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: in a Prompt its text is a Jinja2 template, in a request it is the text that the model reads.

    tool_calls    the calls of tools in a turn of the assistant
    tool_call_id  for the role tool, whose text is the result of a call: the id of that call
    """

    role: Role
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One few-shot example: values for the variables, the answer, and the reasoning that leads to the answer."""

    inputs: Mapping[str, str]
    answer: str
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Input:
    """A declared variable; its values are any JSON.

    kind     as the file names it: string, integer, array … (see values.py)
    example  fills the preview, and the only case of a prompt without cases; "": none
    default  replaces a missing value; None: the variable is required
    allowed  the values that the variable may have; empty: any
    """

    name: str
    kind: str = "string"
    example: Any = ""
    default: Any = None
    description: str = ""
    allowed: tuple[Any, ...] = ()

    @property
    def has_example(self) -> bool:
        return bool(self.example != "")


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """How the answer is read out of a reply. `kind` names the method: label uses the field `labels`, json uses
    `schema`, regex uses `pattern`; text and number use none of the three.

    synonyms   label -> other words for it, in a reply and in the expected cell
    options    the case's column that holds the texts of the options (multiple choice)
    separator  separates several accepted answers in the expected cell
    """

    kind: AnswerKind = "text"
    labels: tuple[str, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    pattern: str = ""
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: EMPTY)
    options: str = ""
    separator: str = ""

    @property
    def content(self) -> list[Any]:
        """Returns the rule as JSON values, for the hash of the prompt's version. `synonyms`, `options` and `separator`
        are left out if they are not set: older versions, which lacked them, keep their hash."""
        more = {"synonyms": _plain(self.synonyms), "options": self.options, "separator": self.separator}
        named = {name: value for name, value in more.items() if value}
        return [self.kind, self.labels, _plain(self.schema), self.pattern, *([named] if named else [])]


@dataclass(frozen=True, slots=True)
class ChainStep:
    """One step of a chain: a prompt that is asked before the prompt itself. Its `output` is the name of the variable
    that holds what it gave.

    prompt       a prompt of the library, by name or name@version; "": the step has a `text` of its own
    text         the step's prompt as the text of a .prompty file; for a `prompt` it is loaded when a run is planned
    technique    how the step is put to the model
    model        ENDPOINT/MODEL; "": that of the run
    temperature  None: that of the step's prompt, else that of the run
    repeat       how often the step is asked at most; it ends early once its output contains `until`
    """

    output: str
    prompt: str = ""
    text: str = ""
    technique: str = "zero-shot"
    model: str = ""
    temperature: float | None = None
    repeat: int = 1
    until: str = ""


@dataclass(frozen=True)  # no slots, so that the version can be cached
class Prompt:
    """A prompt template with its variables, examples, answer rule and parameters.

    `language` is that of the sentences that techniques add; `wording` overrides these sentences, by name (see
    techniques.WORDING). `cases` names the CSV that the prompt is usually run on, relative to the prompt's folder. `api`
    is the protocol: "chat", or "completion" for a plain continuation. `title` is the `name:` in the file if that
    differs from the file's name. `chain` has the steps that are asked before the prompt. `tools` are the functions that
    the model may call, and `tool_rounds` is how often at most their results are sent back to it (0: never). `notes`
    list the parts of the file that were not read.
    """

    name: str
    messages: tuple[Message, ...]
    description: str = ""
    tags: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    examples: tuple[Example, ...] = ()
    answer: AnswerRule = field(default_factory=AnswerRule)
    parameters: Parameters = field(default_factory=Parameters)
    language: str = "en"
    wording: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    cases: str = ""
    api: Api = "chat"
    title: str = ""
    chain: tuple[ChainStep, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_rounds: int = TOOL_ROUNDS
    notes: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def version(self) -> str:
        """Returns 12 hex digits of a hash over everything that affects what is sent or how the answer is read from a
        reply; name, description and tags do not count."""
        content = {
            "messages": [[m.role, m.text] for m in self.messages],
            "examples": [[dict(e.inputs), e.answer, e.reasoning] for e in self.examples],
            "inputs": [[i.name, i.kind, _default(i.default)] for i in self.inputs],
            "answer": self.answer.content,
            "parameters": _plain(self.parameters.given),
            "language": self.language,
            "wording": dict(self.wording),
            "api": self.api,
        }
        if self.chain:  # older versions, which had none, keep their hash
            content["chain"] = [[getattr(step, name) for name in ChainStep.__slots__] for step in self.chain]
        if self.tools:
            content["tools"] = [self.tool_rounds, _plain(tool_fields(self.tools))]
        text = json.dumps(content, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def given_examples(self) -> dict[str, str]:
        """Returns, by name, the example of each input that has one, as text: the values of the only case of a prompt
        without cases."""
        return {item.name: value_text(item.example) for item in self.inputs if item.has_example}

    @property
    def example_values(self) -> dict[str, Any]:
        """Returns a value for each input, by name, for the preview: its example, else its default, else (for a text)
        its name in brackets."""
        named = {item.name: f"[{item.name}]" for item in self.inputs if item.kind == "string"}
        defaults = {item.name: item.default for item in self.inputs if item.default not in (None, "")}
        return named | defaults | {item.name: item.example for item in self.inputs if item.has_example}


def _default(value: Any) -> Any:
    """Returns an input's default in the form that enters the hash of a prompt's version: numbers and booleans as texts,
    because defaults were texts when the first versions were stored, and their hashes must not change."""
    return value_text(value) if isinstance(value, (bool, int, float)) else value


def _plain(value: Any) -> Any:
    """Returns the value with every mapping as a dict and every sequence as a list, as JSON can write it. 1.0 becomes 1:
    a model treats both the same."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
