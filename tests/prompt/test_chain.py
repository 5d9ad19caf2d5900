"""Chains in prompt files: what is read, written and refused."""

from __future__ import annotations

import pytest

from promptgrid.errors import PromptError
from promptgrid.library.chains import with_texts
from promptgrid.prompt import Message, Prompt, dumps, loads
from promptgrid.prompt.chained import needed_variables, step_models
from promptgrid.prompt.model import ChainStep

TEXT = """---
name: reply
metadata:
  chain:
    - {as: tone, prompt: sentiment, temperature: 0}
    - as: draft
      technique: chain-of-thought
      model: openai/gpt-4o
      text: |
        user:
        Draft a reply to {{ text }}; the tone is {{ tone }}.
      repeat: 3
      until: GOOD
---
user:
Shorten for {{ customer }}: {{ draft }}
"""


def test_a_chain_is_read_and_written_as_it_was() -> None:
    prompt = loads(TEXT)
    assert prompt.chain[0] == ChainStep("tone", prompt="sentiment", temperature=0.0)
    assert prompt.chain[1].technique == "chain-of-thought"
    assert (prompt.chain[1].repeat, prompt.chain[1].until) == (3, "GOOD")
    assert dumps(prompt, TEXT) == TEXT
    assert loads(dumps(prompt)) == prompt
    assert prompt.notes == ()


def test_a_chain_is_a_part_of_the_version_and_its_lack_changes_no_old_one() -> None:
    prompt = loads(TEXT)
    plain = Prompt("reply", prompt.messages)
    assert plain.version == Prompt("reply", prompt.messages, chain=()).version != prompt.version


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("{prompt: a}", "needs `as:`"),
        ("{as: a b, prompt: a}", "needs `as:`"),
        ("{as: x}", "needs `prompt:`"),
        ("{as: x, prompt: a, repeat: 0}", "from 1 to 20"),
        ("{as: x, prompt: a, model_: b}", "is not known"),
        ("{as: x, prompt: a, temperature: warm}", "must be a number"),
    ],
)
def test_a_wrong_step_is_refused_with_its_line(step: str, says: str) -> None:
    with pytest.raises(PromptError, match=r"Line 4: metadata\.chain\[1\]") as caught:
        loads(f"---\nmetadata:\n  chain:\n    - {step}\n---\nuser:\nHi {{{{ x }}}}\n")
    assert says in str(caught.value)


def test_a_case_gives_what_no_step_gives() -> None:
    sentiment = Prompt("sentiment", (Message("user", "{{ text }} {{ scale }}"),))
    prompt = with_texts(loads(TEXT), {"sentiment": sentiment}.__getitem__)
    assert [variable.name for variable in needed_variables(prompt)] == ["text", "scale", "customer"]
    assert step_models(prompt) == ["openai/gpt-4o"]


def test_a_circle_is_refused_with_its_path() -> None:
    a = Prompt("a", (Message("user", "{{ x }}"),), chain=(ChainStep("x", prompt="b"),))
    b = Prompt("b", (Message("user", "{{ y }}"),), chain=(ChainStep("y", prompt="a"),))
    with pytest.raises(PromptError, match="a → b → a"):
        with_texts(a, {"a": a, "b": b}.__getitem__)
