"""A prompt as the fields of the editor: nothing is lost on the way there and back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from promptgrid.errors import PromptError
from promptgrid.library.folder import Library
from promptgrid.paths import shipped_folder
from promptgrid.prompt import AnswerRule, Example, Input, Message, Parameters, Prompt
from promptgrid.ui.compose.fields import blank, fields_of, from_json, prompt_of, to_json

PROMPT = Prompt(
    "full",
    (Message("system", "S"), Message("user", "{{ text }} {{ tone }}"), Message("assistant", "A")),
    description="D: x",
    tags=("a", "b c"),
    inputs=(Input("text", example="E"), Input("tone", default="dry")),
    examples=(Example({"text": "t"}, "yes", "because"), Example({"text": "u", "tone": "wet"}, "no")),
    answer=AnswerRule("json", schema={"type": "object", "required": ["a"]}),
    parameters=Parameters(temperature=0.0, max_tokens=5, stop=("\n\n", "END"), extra_body={"top_k": 3}, seed=0),
    language="zh",
    wording={"marker": "So:"},
    cases="cases/x.csv",
)


def test_a_prompt_with_everything_comes_back_the_same() -> None:
    assert prompt_of("full", fields_of(PROMPT)) == PROMPT


def test_every_shipped_prompt_keeps_its_version() -> None:
    entries = Library(shipped_folder() / "prompts").entries()
    assert entries
    for entry in entries:
        assert entry.prompt is not None
        again = prompt_of(entry.name, from_json(json.loads(json.dumps(to_json(fields_of(entry.prompt))))))
        assert again == entry.prompt


def test_a_draft_of_a_newer_version_is_read_without_what_is_new() -> None:
    assert from_json({**to_json(blank()), "unheard_of": 1}) == blank()


def test_a_new_variable_is_declared_with_the_value_on_the_screen() -> None:
    content = replace(fields_of(PROMPT), messages=[["user", "{{ text }} {{ place }}"]])
    assert prompt_of("p", content, {"place": "Oslo"}).inputs == (
        Input("text", example="E"),
        Input("tone", default="dry"),
        Input("place", example="Oslo"),
    )


def test_a_variable_that_is_gone_is_no_input_any_more() -> None:
    content = replace(fields_of(PROMPT), messages=[["user", "{{ tone }}"]])
    assert [item.name for item in prompt_of("p", content).inputs] == ["tone"]


@pytest.mark.parametrize(("schema", "message"), [("{", "is not JSON"), ("[1]", "is not a JSON object")])
def test_a_schema_that_is_no_object_is_refused(schema: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        prompt_of("p", replace(fields_of(PROMPT), schema=schema))


RULE = AnswerRule(
    "label",
    labels=("positive", "a: b", "neutral"),
    synonyms={"positive": ("good", "积极", 'well, "fine"'), "a: b": ("x",)},
    options="choices",
    separator=";",
)


def test_the_whole_answer_rule_comes_back_the_same() -> None:
    prompt = replace(PROMPT, answer=RULE)
    assert prompt_of("full", from_json(json.loads(json.dumps(to_json(fields_of(prompt)))))) == prompt


def test_a_draft_that_has_the_synonyms_as_a_mapping_is_read() -> None:
    draft = {**to_json(fields_of(replace(PROMPT, answer=RULE))), "synonyms": {"positive": ["good"]}}
    assert prompt_of("full", from_json(draft)).answer.synonyms == {"positive": ("good",)}


def test_other_words_are_typed_one_label_a_line_with_commas_of_either_script() -> None:
    content = replace(blank(), kind="label", labels="yes\nno", synonyms="yes: right, 对，是\n\nno：wrong\nyes: sure")
    assert prompt_of("p", content).answer.synonyms == {"yes": ("right", "对", "是", "sure"), "no": ("wrong",)}


def test_other_words_of_no_label_are_refused_with_the_label_that_was_meant() -> None:
    content = replace(blank(), kind="label", labels="yes\nno", synonyms="yess: right")
    with pytest.raises(PromptError, match=r"'yess' is none of the labels. Did you mean yes\?"):
        prompt_of("p", content)


def test_a_new_variable_whose_value_is_no_text_is_declared_with_its_kind() -> None:
    content = replace(fields_of(PROMPT), messages=[["user", "{{ tags }}"]])
    assert prompt_of("p", content, {"tags": ["a"]}).inputs[-1] == Input("tags", "array", ["a"])


def test_only_what_belongs_to_the_kind_is_kept_of_a_rule() -> None:
    content = replace(blank(), kind="label", labels=" yes \n\nno", schema="{", pattern="x")
    assert prompt_of("p", content).answer == AnswerRule("label", labels=("yes", "no"))
