"""Definitions of tools as other programs have them are read, and what is none is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptgrid.errors import PromptError
from promptgrid.prompt import Tool
from promptgrid.prompt.tools.definitions import read_definitions
from promptgrid.prompt.tools.protocol import definitions

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = Tool("weather", "Now.", SCHEMA)
FIELDS = {"name": "weather", "description": "Now."}


@pytest.mark.parametrize(
    "value",
    [
        definitions([WEATHER]),
        definitions([WEATHER])[0],
        {"model": "m", "messages": [], "tools": definitions([WEATHER])},
        {"functions": [{**FIELDS, "parameters": SCHEMA}]},
        {"type": "function", **FIELDS, "parameters": SCHEMA, "strict": True},
        [{**FIELDS, "input_schema": SCHEMA}],
    ],
)
def test_definitions_of_every_common_form_are_read(value: Any) -> None:
    assert read_definitions(json.dumps(value)) == [WEATHER]


def test_a_function_without_parameters_takes_none() -> None:
    assert read_definitions('{"type": "function", "function": {"name": "now"}}') == [Tool("now")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON"),
        ("[{", "not JSON"),
        ("[]", "no definition"),
        ("7", "no definition"),
        ('["weather"]', "Definition 1 is no JSON object"),
        ('{"type": "web_search"}', "of the type 'web_search'"),
        ('{"name": "two words"}', "needs a name"),
        ('{"name": 7}', "a name that is no text"),
        ('{"name": "a", "description": ["x"]}', "description of a"),
        ('{"name": "a", "parameters": {"type": "string"}}', "parameters of a must be"),
        ('{"name": "a", "parameters": 7}', "parameters of a must be"),
        ('[{"name": "a"}, {"name": "a"}]', "two tools a"),
    ],
)
def test_what_is_no_definition_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(PromptError, match=problem):
        read_definitions(text)
