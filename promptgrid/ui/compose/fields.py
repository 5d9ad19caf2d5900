"""Converts a prompt to the typed fields of the editor and back. Pure. A draft stores the fields as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, cast, get_args

from promptgrid.errors import PromptError
from promptgrid.prompt import AnswerKind, AnswerRule, Api, Example, Input, Message, Parameters, Prompt, Role, variables
from promptgrid.prompt.chain import step_problem
from promptgrid.prompt.model import ChainStep
from promptgrid.prompt.tools import TOOL_ROUNDS, tools_from
from promptgrid.prompt.tools.file import MOST_ROUNDS
from promptgrid.prompt.values import kind_of, typed_value
from promptgrid.suggestions import did_you_mean
from promptgrid.ui.compose.tool_texts import tools_of, typed_tools

ROLES: tuple[Role, ...] = ("system", "user", "assistant")
KINDS: tuple[AnswerKind, ...] = get_args(AnswerKind)
ANSWER_COLUMNS = ("reasoning", "answer")
_SEPARATED = re.compile(r'[,，、"]')
_WORD = re.compile(r'"((?:[^"]|"")+)"|([^,，、"]+)')
_NUMBERS = ("temperature", "top_p", "max_tokens", "seed")
_ON_TOOLS = ("tool_choice", "parallel_tool_calls")


@dataclass(frozen=True)
class Fields:
    """The content of the editor.

    `messages` are pairs [role, text]. `labels` and `stop` hold one entry per line (`\\n` in a stop text is a newline);
    `tags` are separated by commas. `synonyms` holds the other words for the labels, as `synonym_lines` writes them.
    `examples` are the rows of the table of examples, each {column: text}: the variables, `reasoning` and `answer`.
    `inputs` are the variables that the file declares. `other` holds the parameters that have no field on the page, by
    name. `title` is the `name:` that the file itself has. `chain` has the steps of a chain, by the names of ChainStep.
    `tools` are the functions that the model may call, as `tool_texts` has them, and `tool_rounds` their bound.
    """

    messages: list[list[str]] = field(default_factory=lambda: [["system", ""], ["user", ""]])
    examples: list[dict[str, str]] = field(default_factory=list)
    description: str = ""
    tags: str = ""
    language: str = "en"
    wording: dict[str, str] = field(default_factory=dict)
    cases: str = ""
    api: str = "chat"
    kind: str = "text"
    labels: str = ""
    schema: str = ""
    pattern: str = ""
    synonyms: str = ""
    options: str = ""
    separator: str = ""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: str = ""
    inputs: list[dict[str, Any]] = field(default_factory=list)
    other: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    chain: list[dict[str, Any]] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_rounds: int = TOOL_ROUNDS
    tool_choice: str = ""
    parallel_tool_calls: str = ""


def blank() -> Fields:
    """Returns the fields of a new prompt: one variable, and at most 256 tokens for the reply."""
    return Fields(messages=[["system", ""], ["user", "{{ text }}"]], temperature=0.7, max_tokens=256)


def to_json(fields_: Fields) -> dict[str, Any]:
    return asdict(fields_)


def from_json(data: Mapping[str, Any]) -> Fields:
    """Returns the fields of a stored draft; ignores names that `Fields` does not define. Older drafts have the synonyms
    as a mapping, the tools as a file has them, and the parameters on tools in `other`."""
    known = {item.name: data[item.name] for item in fields(Fields) if item.name in data}
    if isinstance(known.get("synonyms"), Mapping):
        known["synonyms"] = synonym_lines(known["synonyms"])
    for name in _ON_TOOLS:
        if name in known.get("other", {}):
            known["other"] = dict(known["other"])
            known[name] = known["other"].pop(name)
    known["tools"] = [tool if isinstance(tool.get("parameters"), str) else typed_tools(tools_from([tool]))[0]
                      for tool in known.get("tools", ())]  # fmt: skip
    return Fields(**known)


def fields_of(prompt: Prompt) -> Fields:
    rule, parameters = prompt.answer, prompt.parameters.given
    numbers = {name: parameters.pop(name, None) for name in _NUMBERS}
    on_tools = {name: parameters.pop(name, "") for name in _ON_TOOLS}
    stop = parameters.pop("stop", None) or ()
    return Fields(
        messages=[[m.role, m.text] for m in prompt.messages],
        examples=[{**_columns(e.inputs), "reasoning": e.reasoning, "answer": e.answer} for e in prompt.examples],
        description=prompt.description,
        tags=", ".join(prompt.tags),
        language=prompt.language,
        wording=dict(prompt.wording),
        cases=prompt.cases,
        api=prompt.api,
        kind=rule.kind,
        labels="\n".join(rule.labels),
        schema=json.dumps(rule.schema, ensure_ascii=False, indent=2, default=dict) if rule.schema else "",
        pattern=rule.pattern,
        synonyms=synonym_lines(rule.synonyms),
        options=rule.options,
        separator=rule.separator,
        stop="\n".join(text.replace("\n", "\\n") for text in stop),
        inputs=[_input_json(item) for item in prompt.inputs],
        other=_jsonable(parameters),
        title=prompt.title,
        chain=[asdict(step) for step in prompt.chain],
        tools=typed_tools(prompt.tools),
        tool_rounds=prompt.tool_rounds,
        **on_tools,
        **numbers,
    )


def prompt_of(name: str, content: Fields, values: Mapping[str, Any] | None = None) -> Prompt:
    """Returns the content of the editor as a prompt called `name`. `values` are new examples of its variables; those
    of declared inputs replace their examples.

    Raises PromptError for broken Jinja and for an answer rule that `rule_of` refuses, PlanError for a parameter that is
    out of range.
    """
    messages = tuple(Message(cast(Role, role), text) for role, text in content.messages)
    return Prompt(
        name=name,
        messages=messages,
        description=content.description,
        tags=tuple(filter(None, (tag.strip() for tag in content.tags.split(",")))),
        inputs=_inputs(content, messages, values or {}),
        examples=tuple(_example(row) for row in content.examples),
        answer=rule_of(content),
        parameters=_parameters(content),
        language=content.language,
        wording={key: text for key, text in content.wording.items() if text},
        cases=content.cases,
        api=cast(Api, content.api),
        title=content.title,
        chain=_chain(content),
        tools=tools_of(content.tools),
        tool_rounds=_rounds(content.tool_rounds),
    )


def used_variables(messages: Sequence[Sequence[str]]) -> list[str]:
    """Returns the names of the variables in the messages, which are pairs (role, text), in order of first use. Raises
    PromptError for broken Jinja."""
    return [v.name for v in variables([Message(cast(Role, role), text) for role, text in messages])]


def _input_json(item: Input) -> dict[str, Any]:
    row = {name: getattr(item, name) for name in ("name", "kind", "example", "default", "description")}
    return {**row, "allowed": list(item.allowed)} if item.allowed else row


def _inputs(content: Fields, messages: Sequence[Message], values: Mapping[str, Any]) -> tuple[Input, ...]:
    """Returns the declared variables that are used or have a default, then the used variables not yet declared, with
    their `values` as examples."""
    declared = {row["name"]: Input(**{**row, "allowed": tuple(row.get("allowed", ()))}) for row in content.inputs}
    names = [v.name for v in variables(messages)]
    used = [item for name, item in declared.items() if name in names or item.default is not None]
    new = {name: values.get(name, "") for name in names if name not in declared}
    examples = (_with_example(item, values[item.name]) if item.name in values else item for item in used)
    return (*examples, *(Input(name, kind_of(value), value) for name, value in new.items()))


def _with_example(item: Input, value: Any) -> Input:
    """Returns the input with this example. A text that can be read as the input's kind, such as `7`, is stored as a
    value of that kind."""
    with suppress(PromptError):
        value = typed_value(item, value)
    return replace(item, example=value)


def _example(row: Mapping[str, str]) -> Example:
    inputs = {_variable(name): text for name, text in row.items() if name not in ANSWER_COLUMNS}
    return Example(inputs, row.get("answer", ""), row.get("reasoning", ""))


def column_of(variable: str) -> str:
    """Returns the column of a variable in the table of examples: its name, or `{{ name }}` if the name is `reasoning`
    or `answer`, which are columns of the table itself."""
    return f"{{{{ {variable} }}}}" if variable in ANSWER_COLUMNS else variable


def _columns(inputs: Mapping[str, str]) -> dict[str, str]:
    return {column_of(name): text for name, text in inputs.items()}


def _variable(column: str) -> str:
    return next((name for name in ANSWER_COLUMNS if column_of(name) == column), column)


def _chain(content: Fields) -> tuple[ChainStep, ...]:
    """Returns the steps of the chain. Raises PromptError for one that a file could not hold."""
    steps = tuple(ChainStep(**step) for step in content.chain)
    for at, step in enumerate(steps):
        if problem := step_problem(step, {one.output for one in steps[:at]}):
            raise PromptError(f"Step {at + 1} of the chain {problem}.")
    return steps


def _rounds(rounds: int) -> int:
    """Returns the number. Raises PromptError for one that a file could not hold."""
    if not 0 <= rounds <= MOST_ROUNDS:
        raise PromptError(f"Results of tools cannot be sent back {rounds:,} times.", hint=f"From 0 to {MOST_ROUNDS}.")
    return rounds


def rule_of(content: Fields) -> AnswerRule:
    """Returns the answer rule with only the fields that its kind uses. Raises PromptError for a schema that is not a
    JSON object, and for synonyms of no label."""
    kind = cast(AnswerKind, content.kind)
    if kind == "label":
        labels = tuple(filter(None, map(str.strip, content.labels.splitlines())))
        synonyms = _synonyms(content.synonyms, labels)
        return AnswerRule(kind, labels=labels, synonyms=synonyms, options=content.options, separator=content.separator)
    if kind == "json":
        return AnswerRule(kind, schema=_schema(content.schema), separator=content.separator)
    pattern = content.pattern if kind == "regex" else ""
    return AnswerRule(kind, pattern=pattern, separator=content.separator)


def synonym_lines(synonyms: Mapping[str, Iterable[str]]) -> str:
    """Returns one line for each label, `positive: good, fine`; a word with a comma or a quote is in quotes."""
    return "\n".join(f"{label}: {', '.join(map(_quoted, words))}" for label, words in synonyms.items())


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"' if _SEPARATED.search(word) else word


def _synonyms(lines: str, labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    synonyms: dict[str, tuple[str, ...]] = {}
    for line in filter(None, map(str.strip, lines.splitlines())):
        label, words = _label_and_words(line, labels)
        synonyms[label] = (*synonyms.get(label, ()), *words)
    return {label: words for label, words in synonyms.items() if words}


def _label_and_words(line: str, labels: Sequence[str]) -> tuple[str, list[str]]:
    """Splits a line such as `positive: good, fine` into (label, other words). Raises PromptError if it does not begin
    with one of the `labels`."""
    for label in sorted(labels, key=len, reverse=True):
        if match := re.match(rf"{re.escape(label)}[ ]*[:：](.*)", line):
            words = (quoted.replace('""', '"') or word.strip() for quoted, word in _WORD.findall(match[1].strip()))
            return label, [word for word in words if word]
    name = re.split("[:：]", line)[0].strip()
    hint = did_you_mean(name, labels, "Write a label, a colon and its other words: positive: good, fine.")
    raise PromptError(f"{name!r} is none of the labels.", hint=hint)


def _schema(text: str) -> Mapping[str, Any]:
    if not text.strip():
        return {}
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise PromptError(f"The answer's schema is not JSON: {error}.", hint="Fix it, or leave it empty.") from error
    if not isinstance(schema, dict):
        raise PromptError("The answer's schema is not a JSON object.", hint='Start it like {"type": "object"}.')
    return schema


def _parameters(content: Fields) -> Parameters:
    numbers = {name: getattr(content, name) for name in _NUMBERS if getattr(content, name) is not None}
    stop = tuple(line.replace("\\n", "\n") for line in content.stop.splitlines() if line)
    on_tools = {name: getattr(content, name) for name in _ON_TOOLS if getattr(content, name)}
    parameters = Parameters(**numbers, **on_tools, stop=stop or None, **content.other)
    parameters.check()
    return parameters


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _jsonable(item) for name, item in value.items()}
    return [_jsonable(item) for item in value] if isinstance(value, (list, tuple)) else value
