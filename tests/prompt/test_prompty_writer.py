"""What is written as a .prompty text: read back by us and by prompty's own reader, it is the same prompt."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import prompty
import pytest

from promptgrid import paths
from promptgrid.errors import PromptError
from promptgrid.prompt import (
    AnswerRule,
    Example,
    Input,
    Message,
    Parameters,
    Prompt,
    dumps,
    loads,
)
from promptgrid.prompt.values import holds_text
from tests.prompt.prompty_files import FILE, front, ours, prepared


def test_saving_what_was_loaded_changes_nothing() -> None:
    assert dumps(loads(FILE), FILE) == FILE


def test_a_change_leaves_comments_order_and_foreign_keys_alone() -> None:
    prompt = loads(FILE)
    parameters = replace(prompt.parameters, temperature=1.0)
    changed = replace(prompt, description="New: words", parameters=parameters, examples=prompt.examples[1:])
    text = dumps(changed, FILE)
    expected = (
        FILE.replace("description: Label a review  ", 'description: "New: words"')
        .replace("temperature: 0.70", "temperature: 1.0")
        .replace("    - {text: Arrived broken., answer: no, reasoning: It names a defect.}\n", "")
    )
    assert [line.split("#")[0].rstrip() for line in text.splitlines() if "odd" not in line] == [
        line.split("#")[0].rstrip() for line in expected.splitlines() if "odd" not in line
    ]
    assert re.findall(r"#.*", text) == re.findall(r"#.*", FILE)
    assert loads(text) == changed


def test_keys_beside_ours_outlive_both_adding_and_removing() -> None:
    plain = front("metadata: {authors: [a]}\nmodel: {id: gpt, connection: {kind: key}}\nfoo: 1")
    full = replace(loads(plain), tags=("t",), parameters=Parameters(temperature=0))
    text = dumps(full, plain)
    assert "metadata: {authors: [a], tags: [t]}\nmodel: {id: gpt, connection: {kind: key}, options: {temp" in text
    assert loads(text) == full
    assert dumps(loads(plain), text).split("template")[0] == dumps(loads(plain), plain).split("template")[0]


def test_a_short_model_makes_room_for_options(tmp_path: Path) -> None:
    prompt = replace(loads(front("model: gpt-4o")), parameters=Parameters(temperature=0.5))
    (tmp_path / "x.prompty").write_text(dumps(prompt, front("model: gpt-4o")))
    model = prompty.load(tmp_path / "x.prompty").model
    assert model is not None
    assert model.options is not None
    assert (model.id, model.options.temperature) == ("gpt-4o", 0.5)


def test_a_new_file_reads_well() -> None:
    prompt = Prompt(
        "greeting",
        (Message("user", "Greet {{ name }}."),),
        tags=("short", "no"),
        inputs=(Input("name", example="007"),),
        examples=(Example({"name": "Ann"}, "Hi\nAnn!"),),
        parameters=Parameters(temperature=0),
    )
    assert dumps(prompt) == (
        "---\n"
        "name: greeting\n"
        "metadata:\n"
        '  tags: [short, "no"]\n'
        "  examples:\n"
        "    - name: Ann\n"
        "      answer: |-\n"
        "        Hi\n"
        "        Ann!\n"
        "inputs:\n"
        "  - name: name\n"
        "    kind: string\n"
        '    example: "007"\n'
        "model:\n"
        "  options:\n"
        "    temperature: 0\n"
        "template: {format: {kind: jinja2}, parser: {kind: prompty}}\n"
        "---\n"
        "user:\n"
        "Greet {{ name }}.\n"
    )


def test_rulers_in_comments_do_not_end_the_front_matter_for_prompty(tmp_path: Path) -> None:
    previous = "---\n# ----- head -----\nname: a  # --- why\nmine: x --- y\nlong: |\n  +++\n---\nuser:\nHi\n"
    text = dumps(loads(previous), previous)
    assert "# ===== head =====" in text
    assert "# === why" in text
    assert prepared(text, tmp_path, {}) == [("user", "Hi")]
    assert prompty.load(tmp_path / "x.prompty").name == "a"


def test_what_no_file_can_keep_is_refused() -> None:
    with pytest.raises(PromptError, match="half a character"):
        dumps(Prompt("x", (Message("user", "\ud83d"),)))
    with pytest.raises(PromptError, match="at least one message"):
        dumps(Prompt("x", ()))
    with pytest.raises(PromptError, match="replaces by something else"):
        dumps(Prompt("x", (Message("user", "a"),), inputs=(Input("a", default="${env:HOME}"),)))


def test_a_plain_continuation_keeps_its_kind() -> None:
    prompt = Prompt("x", (Message("user", "我今天真"),), api="completion")
    assert "apiType: completion" in dumps(prompt)
    assert loads(dumps(prompt)) == prompt


@pytest.mark.parametrize("kind", ["string", "integer", "float", "boolean", "array", "list", "object", "thread", "any"])
def test_prompty_loads_an_input_of_any_kind(tmp_path: Path, kind: str) -> None:
    value = "a" if holds_text(kind) else [1]
    item = Input("x", kind, value, value, "Words", (value,))
    text = dumps(Prompt("x", (Message("user", "Hi"),), inputs=(item,)))
    (tmp_path / "x.prompty").write_text(text)
    [theirs] = prompty.load(tmp_path / "x.prompty").inputs or []
    assert (theirs.kind, theirs.example, theirs.default, theirs.enum_values) == (kind, value, value, [value])
    assert loads(text).inputs == (item,)


@pytest.mark.parametrize("text", ["  indented", "\u3000\u3000中文", "\u2028", "\x1cab", "a\u2028b", "  \n user:\nHi"])
def test_a_text_without_front_matter_keeps_its_messages(text: str) -> None:
    assert loads(dumps(loads(text, "x"), text)) == loads(text, "x")


@pytest.mark.parametrize(
    ("old", "new"),
    [("0", False), ("1", True), ("1", 1.0), ("1.0", 1), ('"1"', 1), ('"false"', False), ("false", "false")],
)
def test_a_value_whose_type_was_corrected_is_saved_with_that_type(old: str, new: Any) -> None:
    previous = front(f"metadata:\n  answer: {{kind: json, schema: {{a: {old}, b: [{old}]}}}}")
    changed = replace(loads(previous), answer=AnswerRule("json", schema={"a": new, "b": [new]}))
    saved = loads(dumps(changed, previous)).answer.schema
    assert repr(saved) == repr(changed.answer.schema)


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\u2029", "\ufeff"])
@pytest.mark.parametrize("line", ["mine: a{}b", "mine: 'a{}b'", "name: x # c{}d", "# c{}d", "mine: |\n  a{}b"])
def test_odd_line_breaks_in_the_front_matter_are_saved_readable(mark: str, line: str) -> None:
    try:
        prompt = loads(front(line.format(mark)), "x")
    except PromptError:
        return  # YAML does not take it there
    changed = replace(prompt, description="new")
    assert loads(dumps(changed, front(line.format(mark))), "x") == changed


def shipped() -> list[Any]:
    return sorted((paths.shipped_folder() / "prompts").glob("*.prompty"))


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_prompty_prepares_our_templates_as_we_do(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    prompt = loads(text)
    values = {item.name: item.example or f"some {item.name}" for item in prompt.inputs}
    assert prepared(text, tmp_path, values) == ours(prompt, values)
    assert dumps(prompt, text) == text
    assert loads(dumps(prompt)) == prompt


def test_a_short_model_stays_short_while_it_can() -> None:
    text = front("name: a\nmodel: gpt-4o\ntemplate: jinja2")
    assert dumps(loads(text), text) == text
