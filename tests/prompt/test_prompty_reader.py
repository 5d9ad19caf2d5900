"""What is read of a .prompty text, and what is said about its errors."""

from __future__ import annotations

from itertools import pairwise

import pytest

from promptgrid.errors import PromptError
from promptgrid.prompt import (
    AnswerRule,
    Example,
    Input,
    Message,
    Parameters,
    Prompt,
    front_matter,
    loads,
)
from tests.prompt.prompty_files import FILE, front


def test_every_field_is_read() -> None:
    assert loads(FILE) == Prompt(
        name="sentiment",
        messages=(
            Message("system", "You label product reviews."),
            Message("user", "Review: {{ text }}"),
            Message("assistant", "ok"),
        ),
        description="Label a review",
        tags=("classification",),
        inputs=(Input("text", example="1.0", default="yes", description="The review"),),
        examples=(
            Example({"text": "Arrived broken."}, "no", "It names a defect."),
            Example({"text": "12:30"}, "007"),
            Example({"text": "null"}, "~"),
        ),
        answer=AnswerRule("label", ("positive", "no", "1.0")),
        parameters=Parameters(
            temperature=0.7,
            top_p=0.9,
            max_tokens=64,
            seed=3,
            stop=("\n\n", "no"),
            reasoning_effort="low",
            response_format={"type": "json_object"},
            extra_body={"top_k": 40, "min_p": 0.05},
        ),
        language="zh",
        wording={"answer_line": "Antwort:"},
        cases="cases/sentiment.csv",
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (front("name: a\ndescription: b: c"), 3, "not valid YAML"),
        (front("name: a\nname: b"), 3, "'name' twice"),
        (front("- a"), 2, "must be a mapping"),
        (front("name: [a]"), 2, "name must be a text, and is a list"),
        (front("metadata:\n  answer: {kind: letter}"), 3, "text, label, number, json, regex"),
        (front("metadata:\n  answer: {kind: json, schema: x}"), 3, "JSON schema"),
        (front("metadata:\n  tags: a"), 3, "metadata.tags must be a list"),
        (front("metadata:\n  examples:\n    - {text: a}"), 4, "metadata.examples[1] has no 'answer'"),
        (front("metadata:\n  examples:\n    - {answer: [1]}"), 4, "metadata.examples[1].answer must be a text"),
        (front("inputs:\n  - {kind: string}"), 3, "has no 'name'"),
        (front("inputs: [{name: a}, {name: a}]"), 2, "a twice"),
        (front("model:\n  options: {temperature: hot}"), 3, "must be a number, and is 'hot'"),
        (front("model:\n  options: {temperature: true}"), 3, "must be a number"),
        (front("model:\n  options: {seed: 1.5}"), 3, "must be a whole number"),
        (front("model: {apiType: image}"), 2, "must be one of chat, completion"),
        (front("template: {format: {kind: mustache}}"), 2, "must be one of jinja2"),
        (front("a: \x07"), 2, "not valid YAML"),
        ("---\nname: a\nuser:\nHi\n", 1, "has no end"),
        (front("name: a").replace("user:\nHi\n", ""), 0, "no message"),
        ("\n\n---\n\nname: [\n---\nuser:\nHi\n", 6, "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(PromptError) as caught:
        loads(text)
    assert words in str(caught.value)
    assert caught.value.line == line


def test_a_few_lines_that_stand_for_billions_are_refused() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(PromptError, match="more than 50,000 values"):
        loads(front(f"a0: &a0 x\n{levels}"))
    with pytest.raises(PromptError, match="more than 50,000 values"):
        loads(front("a: &a [*a]"))


@pytest.mark.parametrize(
    "yaml",
    [
        "inputs: {text: hello}",
        "inputs: {text: {kind: string, example: hello}}",
        "inputs: [{name: text, example: hello}]",
    ],
)
def test_inputs_may_be_written_in_all_of_promptys_ways(yaml: str) -> None:
    assert loads(front(yaml)).inputs == (Input("text", example="hello"),)


def test_a_file_without_front_matter_is_all_body() -> None:
    assert loads("\ufeffsystem:\r\nBe kind.\r\nuser:\r\nHi\r\n", "plain") == Prompt(
        "plain", (Message("system", "Be kind."), Message("user", "Hi"))
    )


def test_a_list_with_too_many_values_is_refused_at_the_first_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_matter, "MAX_NODES", 100)
    with pytest.raises(PromptError, match="more than 100 values"):  # the unclosed quote at its end is never reached
        loads(front("sample:\n  a:\n" + "    - x\n" * 200 + "    - 'unclosed"))


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]\n" for last, name in pairwise("abcdefg")
)
DEEP = "metadata: {answer: {kind: json, schema: " + '{"properties": {"a": ' * 300 + "{}" + "}}" * 301 + "}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "more than 50,000 values"),
        ("sample: &a {b: *a}", "more than 50,000 values"),
        ("x: &x {<<: *x}", "more than 50,000 values"),
        ("sample:\n  a: " + "[" * 300 + "]" * 300, "more than 100 lists or mappings"),
        ("sample:\n" + "".join(f"{' ' * depth}a:\n" for depth in range(1, 301)), "more than 100 lists or mappings"),
        (DEEP, "more than 100 lists or mappings"),
    ],
)
def test_front_matter_that_grows_or_nests_is_refused(text: str, words: str) -> None:
    with pytest.raises(PromptError, match=words):
        loads(front(text))


@pytest.mark.parametrize(
    ("value", "plain"),
    [("!!python/object/apply:os.getcwd []", []), ("!!python/name:os.system x", None), ("!own x", None)],
)
def test_a_tag_makes_no_object(value: str, plain: object) -> None:
    text = front(f"sample: {{a: {value}}}")
    if plain is None:
        with pytest.raises(PromptError, match="cannot be read"):
            loads(text)
    else:
        assert [one.example for one in loads(text).inputs] == [plain]
