"""Files of prompty 0.1 and prompty 2 as people have them: what is taken over, what is listed, what is saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import prompty
import pytest

from promptgrid.errors import MissingVariables, PromptError
from promptgrid.prompt import AnswerRule, Input, Message, Parameters, Prompt, dumps, loads, render
from promptgrid.techniques import build_turns

OLD = """---
name: Shop Chat   # the title
description: |
  Answers questions
  of customers.
authors: [someone]
tags: [chat, shop]
model:
  api: chat
  configuration:
    type: azure_openai
    azure_deployment: gpt-4o
  parameters:
    max_tokens: 128
    temperature: 0.2
    top_p: 0.9
    stop: [END]
    presence_penalty: 0.5
    response_format: {type: json_object}
    tools: [{type: function}]
    stream: true
inputs:
  question: {type: string}
  customer:
    type: object
  chat_history: {type: list, default: []}
  answer: {type: string, default: none yet}
sample:
  question: 007
  customer: {name: Ann, orders: [{id: 1}]}
  city: Paris
---
system:
You help {{ customer.name }} in {{ city }}.

{% for item in chat_history %}
{{ item.role }}:
{{ item.content }}
{% endfor %}

user:
{{ question }} ({{ answer }})
"""
NEW = """---
name: shop
inputs:
  - {name: question, kind: string, required: true}
  - {name: tone, kind: string, enumValues: [kind, short], default: kind}
  - {name: n, kind: integer, default: 3}
  - {name: chat, kind: thread, default: []}
outputs:
  - {name: label, kind: string, enumValues: [a, b], description: The label}
  - {name: score, kind: float, required: false}
  - name: parts
    kind: array
    items: {kind: integer}
model: {id: gpt-4o, options: {temperature: 0.1, allowMultipleToolCalls: true}}
tools: [{name: search, kind: function}]
template: {format: {kind: jinja2}, parser: {kind: prompty}}
---
system:
Be {{ tone }}.
{{ chat }}
user:
{{ question }}{% if n == 3 %}!{% endif %}
"""
HISTORY = [{"role": "user", "content": "user:\nHi {{ x }}"}, {"role": "assistant", "content": "Hello"}]


def front(yaml: str, body: str = "user:\nHi {{ x }}") -> str:
    return f"---\n{yaml}\n---\n{body}\n"


def texts(prompt: Prompt, **values: Any) -> list[tuple[str, str]]:
    return [(m.role, m.text) for m in render(prompt.messages, {**prompt.given_examples, **values}, prompt.inputs)]


def test_an_older_file_keeps_its_parameters_sample_defaults_and_title() -> None:
    prompt = loads(OLD, "shop-chat")
    assert (prompt.name, prompt.title, prompt.tags) == ("shop-chat", "Shop Chat", ("chat", "shop"))
    assert prompt.parameters == Parameters(
        temperature=0.2, top_p=0.9, max_tokens=128, stop=("END",), response_format={"type": "json_object"},
        extra_body={"presence_penalty": 0.5},
    )  # fmt: skip
    assert prompt.inputs == (
        Input("question", "string", "007"),
        Input("customer", "object", {"name": "Ann", "orders": [{"id": 1}]}),
        Input("chat_history", "list", default=[]),
        Input("answer", "string", default="none yet"),
        Input("city", "string", "Paris"),
    )


def test_what_of_a_file_is_not_taken_over_is_listed() -> None:
    assert loads(OLD).notes == (
        "model.parameters.tools is not taken over.",
        "model.parameters.stream is not taken over.",
        "model.configuration is not taken over: the model and its endpoint are chosen for a run.",
    )
    assert loads(NEW).notes == (
        "outputs are read as the answer rule json; the schema is not sent to the model.",
        "model.id is not taken over: the model and its endpoint are chosen for a run.",
    )
    assert loads(front("name: a\nodd: 1")).notes == ("odd is not taken over.",)
    assert loads(front("name: a\nversion: 1\nauthors: [b]")).notes == ()


def test_a_field_that_no_answer_rule_has_is_listed_with_where_it_belongs() -> None:
    rule = "metadata: {answer: {kind: number, language: de, tolerance: 1}}"
    assert loads(front(f"name: a\n{rule}")).notes == (
        "metadata.answer.language is not taken over. Write it as metadata.language.",
        "metadata.answer.tolerance is not taken over.",
    )
    assert loads(front("name: a\nmetadata: {language: de, answer: {kind: number, separator: ;}}")).notes == ()


def test_an_unknown_field_under_metadata_is_listed_with_the_name_that_was_meant() -> None:
    assert loads(front("name: a\nmetadata: {example: [], lang: de, wordings: {}, team: x}")).notes == (
        "metadata.example is not taken over. Did you mean examples?",
        "metadata.lang is not taken over. Did you mean language?",
        "metadata.wordings is not taken over. Did you mean wording?",
        "metadata.team is not taken over.",
    )


def test_a_wrong_type_in_older_parameters_is_listed_and_the_rest_taken_over() -> None:
    prompt = loads(front("model: {parameters: {temperature: hot, seed: 3, max_completion_tokens: 9, stop: '.'}}"))
    assert prompt.parameters == Parameters(seed=3, max_tokens=9, stop=(".",))
    assert prompt.notes[0].startswith("model.parameters.temperature is not taken over. Line 2")


def test_the_sample_of_an_older_file_is_sent_where_nothing_else_is_given() -> None:
    assert texts(loads(OLD)) == [("system", "You help Ann in Paris."), ("user", "007 (none yet)")]


@pytest.mark.parametrize("text", [front("inputs: {x: {type: string}}"), front("inputs: [{name: x, kind: string}]")])
def test_no_variable_is_sent_empty_because_it_was_not_given(text: str) -> None:
    with pytest.raises(MissingVariables):
        texts(loads(text))


def test_a_history_of_either_generation_becomes_messages_whose_texts_are_no_templates() -> None:
    old = texts(loads(OLD), chat_history=HISTORY)
    assert old[1:3] == [("user", "user:\nHi {{ x }}"), ("assistant", "Hello")]
    assert [role for role, _ in old] == ["system", "user", "assistant", "user"]
    new = texts(loads(NEW), question="Why?", chat=HISTORY)
    assert new == [("system", "Be kind."), *old[1:3], ("user", "Why?!")]


def test_a_history_is_prepared_as_prompty_does(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    bodies = ("system:\nA {{ chat }} B\nuser:\n{{ q }}", "{{ chat }}\nuser:\n{{ q }}", "system:\nA\nuser:\n{{ q }}")
    for body in (*bodies, "system:\nA chat\nuser:\n{{ q }}"):  # the word is not the variable
        text = front("inputs: [{name: chat, kind: thread}, {name: q, kind: string}]", body)
        (tmp_path / "x.prompty").write_text(text)
        theirs = prompty.prepare(prompty.load(tmp_path / "x.prompty"), {"chat": turns, "q": "?"})
        prepared = [(m.role, "".join(part.value for part in m.parts)) for m in theirs]
        assert texts(loads(text), chat=turns, q="?") == prepared


def test_techniques_and_json_texts_see_the_history_too() -> None:
    prompt = loads(OLD)
    values = {**prompt.given_examples, "chat_history": '[{"role": "user", "content": "Hi {% raw %}"}]'}
    turns = build_turns(prompt, values, "chain-of-thought")
    assert [turn.message.role for turn in turns] == ["system", "user", "user"]
    assert turns[1].message.text == "Hi {% raw %}"
    assert "step" in turns[2].message.text


@pytest.mark.parametrize(
    "history",
    ["no JSON", "7", [{"role": "tool", "content": "x"}], [{"role": "user"}], [{"role": "user", "content": 1}]],
)
def test_a_history_that_is_no_list_of_turns_is_refused(history: Any) -> None:
    with pytest.raises(PromptError, match="chat"):
        texts(loads(NEW), question="?", chat=history)


def test_a_loop_that_prints_a_role_in_another_way_is_listed() -> None:
    body = "{% for m in h %}\n{{ m.role }}:\n- {{ m.content }}\n{% endfor %}"
    assert loads(front("name: a", body)).notes == (
        "The system message prints a role: it is sent as text, not as a message of its own.",
    )


@pytest.mark.parametrize(
    ("kind", "template", "value", "text"),
    [
        ("integer", "{% if x == 1 %}First{% else %}Later{% endif %}", "1", "First"),
        ("int", "{{ x + 1 }}", 1, "2"),
        ("boolean", "{% if x %}yes{% else %}no{% endif %}", "False", "no"),
        ("float", "{{ x * 2 }}", "0.5", "1.0"),
        ("list", "{{ x | length }}", '["a", "b"]', "2"),
        ("array", "{% for one in x %}{{ one.name }}{% endfor %}", [{"name": "Ann"}], "Ann"),
        ("object", "{{ x.name }}", '{"name": "Ann"}', "Ann"),
        ("string", "{{ x }}", "007", "007"),
    ],
)
def test_a_value_has_the_type_of_its_kind(kind: str, template: str, value: Any, text: str) -> None:
    assert render([Message("user", template)], {"x": value}, [Input("x", kind)])[0].text == text


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("integer", "007"), ("integer", "1.5"), ("integer", True), ("boolean", "maybe"), ("list", "a, b")),
        *(("object", "[]"), ("image", "http://x/y.png"), ("audio", "x.wav"), ("file", "x.pdf")),
    ],
)
def test_a_value_that_its_kind_does_not_have_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(PromptError, match="x is"):
        render([Message("user", "{{ x }}")], {"x": value}, [Input("x", kind)])
    assert render([Message("user", "no x")], {"x": value}, [Input("x", kind)])[0].text == "no x"


def test_only_the_values_that_an_input_allows_are_sent() -> None:
    assert texts(loads(NEW), question="?", tone="short")[0] == ("system", "Be short.")
    with pytest.raises(PromptError, match="tone is 'loud', which is not allowed"):
        texts(loads(NEW), question="?", tone="loud")


def test_outputs_become_the_answer_rule() -> None:
    rule = loads(NEW).answer
    assert rule == AnswerRule(
        "json",
        schema={
            "type": "object",
            "properties": {
                "label": {"type": "string", "description": "The label", "enum": ["a", "b"]},
                "score": {"type": "number"},
                "parts": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["label", "parts"],
        },
    )
    assert loads(NEW.replace("tools:", "metadata: {answer: {kind: text}}\ntools:")).answer == AnswerRule()
    older = front("outputs: {joke: {type: string}}\nmodel: {api: chat}")
    assert loads(older).answer == AnswerRule()
    assert loads(older).notes == ("outputs are not taken over: the reply is not asked for as JSON.",)


EDITS: dict[str, Any] = {
    "nothing": lambda p: p,
    "description": lambda p: replace(p, description="New"),
    "text": lambda p: replace(p, messages=(*p.messages, Message("user", "More"))),
    "temperature": lambda p: replace(p, parameters=replace(p.parameters, temperature=1)),
    "parameters": lambda p: replace(p, parameters=Parameters(stop=("a",), extra_body={"min_p": 1, "other": 2})),
    "tags": lambda p: replace(p, tags=("one",)),
    "sample": lambda p: replace(p, inputs=(replace(p.inputs[0], example="new"), *p.inputs[1:])),
    "input": lambda p: replace(p, inputs=(*p.inputs, Input("more", "array", [1]))),
    "fewer": lambda p: replace(p, inputs=p.inputs[:1]),
    "rule": lambda p: replace(p, answer=AnswerRule("label", ("a", "b"))),
    "no rule": lambda p: replace(p, answer=AnswerRule()),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("text", [OLD, NEW, front("name: a\ninputs: {x: {type: string}, y: {type: list}}")])
def test_an_edited_file_is_read_back_as_it_was_saved(text: str, edit: str) -> None:
    changed = EDITS[edit](loads(text, "shop-chat"))
    assert loads(dumps(changed, text), "shop-chat") == changed
    assert loads(dumps(changed), "shop-chat") == changed


@pytest.mark.parametrize("edit", EDITS)
def test_prompty_prepares_an_edited_file_as_we_do(tmp_path: Path, edit: str) -> None:
    text = dumps(EDITS[edit](loads(NEW, "shop")), NEW)
    (tmp_path / "x.prompty").write_text(text)
    values = {"question": "?", "tone": "kind", "n": 3, "chat": [{"role": "user", "content": "Hi"}]}
    theirs = prompty.prepare(prompty.load(tmp_path / "x.prompty"), values)
    assert texts(loads(text), **values) == [(m.role, "".join(part.value for part in m.parts)) for m in theirs]


@pytest.mark.parametrize("text", [OLD, NEW])
def test_saving_what_was_loaded_changes_no_byte(text: str) -> None:
    assert dumps(loads(text, "x"), text) == text


def test_an_older_file_stays_one_of_prompty_0_1() -> None:
    """Its loader knows these keys only, and raises for any other."""
    changed = EDITS["input"](EDITS["temperature"](EDITS["tags"](EDITS["text"](loads(OLD, "shop-chat")))))
    yaml = dumps(changed, OLD).split("---")[1]
    from ruamel.yaml import YAML

    top = YAML(typ="safe").load(yaml)
    assert set(top) == {"name", "description", "authors", "tags", "model", "inputs", "sample"}
    assert set(top["model"]) == {"api", "configuration", "parameters"}
    assert all(set(item) <= {"type", "default", "description"} for item in top["inputs"].values())
    assert (top["name"], top["tags"], top["sample"]["more"]) == ("Shop Chat", ["one"], [1])


def test_what_is_ours_alone_in_an_older_file_is_listed() -> None:
    text = dumps(replace(loads(OLD), language="zh"), OLD)
    assert "metadata is Promptgrid's own: prompty 0.1 does not load a file that has it." in loads(text).notes


def files(target: str) -> str:
    texts_by_name = {
        "s.json": '{"x": {"a": [1,\t2]}}',
        "i.json": '{"x": {"type": "object"}}',
        "t.txt": "text: [",
        "b.json": "{",
    }
    if target not in texts_by_name:
        raise PromptError(f"There is no {target}.")
    return texts_by_name[target]


def test_values_are_read_from_files_beside_the_prompt_and_the_reference_stays() -> None:
    text = front("inputs: ${file:i.json}\nsample: ${file:s.json}", "user:\nHi {{ x.a }}")
    prompt = loads(text, "x", files)
    assert prompt.inputs == (Input("x", "object", {"a": [1, 2]}),)
    assert prompt.notes == ()
    saved = dumps(replace(prompt, description="New"), text, files)
    assert "${file:i.json}" in saved
    assert "${file:s.json}" in saved
    assert loads(saved, "x", files) == replace(prompt, description="New")
    assert loads(dumps(prompt), "x") == prompt  # as a run keeps it


@pytest.mark.parametrize("value", ["${env:HOME}", "${file:none.json}", "${file:b.json}"])
@pytest.mark.parametrize("place", ["inputs: [{{name: x, default: '{}'}}]", "sample: {{x: '{}'}}", "sample: '{}'"])
def test_a_reference_that_is_not_followed_is_listed_and_gives_no_value(place: str, value: str) -> None:
    prompt = loads(front(place.format(value)), "x", files)
    assert value in prompt.notes[0]
    with pytest.raises(MissingVariables):
        texts(prompt)
    assert value in loads(front(place.format("${file:s.json}").replace("s.json", "t.txt"))).notes[0].replace(
        "${file:t.txt}", value
    )


def test_a_default_is_part_of_the_version_as_it_was_before_values_had_types() -> None:
    plain = Prompt("x", (Message("user", "Hi"),), inputs=(Input("n", "integer", default="3"),))
    assert plain.version == replace(plain, inputs=(Input("n", "integer", default=3),)).version
    assert plain.version != replace(plain, inputs=(Input("n", "integer", default=[3]),)).version


def test_a_front_matter_may_end_with_an_indented_line() -> None:
    assert loads("---\nname: a\n ---\nuser:\nHi\n").messages == (Message("user", "Hi"),)


@pytest.mark.parametrize("template", ["template: mustache", "template: {type: handlebars}", "model: {api: embedding}"])
def test_what_cannot_be_a_prompt_here_is_refused(template: str) -> None:
    with pytest.raises(PromptError, match="must be one of"):
        loads(front(template))
