"""Tools as texts and tables of the editor: what is not edited stays, and what cannot work is told."""

from __future__ import annotations

from typing import Any

import pytest

from promptgrid.errors import PromptError
from promptgrid.library.folder import Library
from promptgrid.prompt import MockResult, Tool
from promptgrid.prompt.tools import NearestWords, tool_fields
from promptgrid.ui.compose.fields import Fields, from_json
from promptgrid.ui.compose.tool_texts import (
    parameter_rows,
    schema_of_text,
    tool_problems,
    tools_of,
    typed_tools,
    with_rows,
)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "pattern": "^[A-Z]", "description": "A city."},
        "days": {"type": ["integer", "null"], "enum": [1, 3]},
        "unit": {"enum": ["C", "F"]},
        "any": True,
    },
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = Tool("weather", "Now.", SCHEMA, (MockResult("4", when={"city": "Oslo"}), MockResult(column="sky")))
NEAREST = MockResult(nearest=NearestWords(("king", "queen", "man"), 2, "openai/vectors"), when={"minus": []})


def typed(**changed: Any) -> dict[str, Any]:
    return {**typed_tools([TOOL])[0], **changed}


def test_tools_come_back_as_they_were(library: Library) -> None:
    shipped = [
        tool
        for name in ("travel-desk", "smart-home", "weather-zh", "word-vectors")
        for tool in library.load(name)[0].tools
    ]
    tools = (TOOL, Tool("near", results=(NEAREST,)), *shipped)
    assert tools_of(typed_tools(tools)) == tools


def test_a_draft_of_before_computed_results_keeps_its_results() -> None:
    rows = [{name: row[name] for name in ("when", "text", "column")} for row in typed()["results"]]
    assert tools_of([typed(results=rows)]) == (TOOL,)


def test_a_draft_of_before_the_editor_keeps_its_tools() -> None:
    old = {"tools": tool_fields([TOOL, Tool("plain")]), "other": {"tool_choice": "none", "beams": 2}}
    content = from_json(old)
    assert tools_of(content.tools) == (TOOL, Tool("plain"))
    assert (content.tool_choice, content.other) == ("none", {"beams": 2})
    assert from_json(Fields(tools=content.tools).__dict__).tools == content.tools


def test_rows_that_are_not_edited_change_nothing() -> None:
    assert with_rows(SCHEMA, parameter_rows(SCHEMA)) == SCHEMA


def test_an_edited_cell_changes_only_what_it_shows() -> None:
    city, days, unit, _ = parameter_rows(SCHEMA)
    new = {"was": None, "name": "hours", "type": "integer", "required": True, "description": None, "one of": "6, 12"}
    rows = [
        {**city, "name": "town", "description": "A town."},
        {**days, "type": "integer"},
        {**unit, "one of": ""},
        new,
    ]
    assert with_rows(SCHEMA, rows) == {
        "type": "object",
        "properties": {
            "town": {"type": "string", "pattern": "^[A-Z]", "description": "A town."},
            "days": {"type": "integer", "enum": [1, 3]},
            "unit": {},
            "hours": {"type": "integer", "enum": [6, 12]},
        },
        "required": ["town", "hours"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("row", "problem"),
    [({"name": "city"}, "city is there twice"), ({"name": "n", "type": "number", "one of": "1, two"}, "1, two")],
)
def test_rows_that_no_schema_can_hold_are_refused(row: dict[str, Any], problem: str) -> None:
    with pytest.raises(PromptError, match=problem):
        with_rows(SCHEMA, [*parameter_rows(SCHEMA), row])


def test_values_with_commas_and_numbers_are_written_as_json() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": ["x, y", "z"]}, "b": {"enum": ["in town", "out"]}}}
    assert [row["one of"] for row in parameter_rows(schema)] == ['["x, y", "z"]', "in town, out"]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({}, ""),
        ({"name": "two words"}, "needs a name of letters"),
        ({"name": "first"}, "There is a second tool first"),
        ({"parameters": '{"type":'}, "The parameters are not JSON"),
        ({"parameters": '{"type": "array"}'}, "must be the JSON Schema of an object"),
        (
            {"parameters": '{"type": "object", "properties": {"city": {"type": "text"}}}'},
            "schema is wrong at $.properties",
        ),
        ({"parameters": '{"type": "object", "properties": {"city": {}}, "required": ["cty"]}'}, "cty is required"),
        ({"results": [{"when": "Oslo", "text": "4", "column": ""}]}, "Result 1: the arguments Oslo are not JSON"),
        ({"results": [{"when": '{"town": 1}', "text": "", "column": ""}]}, "has no argument town"),
        ({"results": [{"when": "", "text": "4", "column": "sky"}]}, "a text, a column and words at once"),
        ({"results": [{"when": "", "text": "", "column": "", "nearest": '{"words": ["a"]}'}]}, "2 to 2,000 words"),
        ({"results": [{"when": "", "text": "", "column": "", "nearest": "a, b"}]}, "are not JSON"),
        (
            {"results": [{"when": "", "text": "", "column": "", "nearest": '{"words": ["a", "b"], "count": 1}'}]},
            "in the argument plus: weather has no argument plus",
        ),
        ({"results": [{"when": "", "text": "", "column": "sea"}]}, "no column sea"),
        ({"results": [{"when": "", "text": one, "column": ""} for one in "45"]}, "Result 2 is never given"),
    ],
)
def test_what_cannot_work_is_told(changed: dict[str, Any], problem: str) -> None:
    problems = tool_problems([{**typed(), "name": "first"}, typed(**changed)], 1, ["id", "sky"])
    assert (problem in " ".join(problems)) if problem else not problems


def test_a_blank_text_is_a_tool_without_arguments() -> None:
    assert tools_of([typed(parameters=" ", results=[])]) == (Tool("weather", "Now."),)
    assert schema_of_text("") == {"type": "object", "properties": {}}
