"""What a conversation can become: a prompt, a case, a page of Markdown."""

from __future__ import annotations

import pytest

from promptgrid import chat, techniques
from promptgrid.cases.table import Cases, read_cases
from promptgrid.errors import PromptError
from promptgrid.library.folder import Library
from promptgrid.paths import shipped_folder
from promptgrid.prompt import Message, dumps, loads, render

MESSAGES = [
    Message("system", "Use {{ braces }} and {% signs %}."),
    Message("user", "one {# no comment #}"),
    Message("assistant", "two"),
    Message("user", "three {{ x }}"),
    Message("assistant", "four"),
]


@pytest.mark.parametrize("how", ["messages", "examples"])
def test_as_a_prompt_it_asks_what_was_asked(how: chat.conversion.As) -> None:
    prompt = chat.as_prompt(MESSAGES, "talk", how)
    prompt = loads(dumps(prompt), "talk")
    values = {"question": prompt.inputs[0].example}
    rendered = render(prompt.messages, values, prompt.inputs)
    if how == "messages":
        assert list(rendered) == MESSAGES[:4]
    else:
        assert list(rendered) == [MESSAGES[0], MESSAGES[3]]
        assert [(e.inputs["question"], e.answer) for e in prompt.examples] == [("one {# no comment #}", "two")]
        turns = techniques.build_turns(prompt, values, "few-shot")
        assert [turn.message for turn in turns] == MESSAGES[:4]


def test_what_no_prompt_can_say_is_refused() -> None:
    with pytest.raises(PromptError, match="no user turn"):
        chat.as_prompt(MESSAGES[:1], "talk", "messages")
    with pytest.raises(PromptError, match="endraw"):
        chat.as_prompt([Message("system", "{% raw %}{% endraw %}"), Message("user", "x")], "talk", "messages")


def test_as_a_case_the_reply_is_what_is_expected() -> None:
    def read(csv: str) -> Cases:
        return read_cases(csv.encode())

    first = read(chat.with_case(MESSAGES))
    assert [(dict(case.inputs), case.expected) for case in first.cases] == [({"question": "three {{ x }}"}, "four")]
    second = read(chat.with_case(MESSAGES[:4], first))
    assert [case.expected for case in second.cases] == ["four", None]
    other = read(chat.with_case(MESSAGES, read_cases(b"id,text,lang\n7,old,en\n")))
    assert [dict(case.inputs) for case in other.cases] == [
        {"id": "7", "text": "old", "lang": "en"},
        {"id": "chat-2", "text": "three {{ x }}", "lang": ""},
    ]
    assert [case.expected for case in other.cases] == [None, "four"]


def test_markdown_has_each_turn_in_a_fence_of_its_own() -> None:
    text = chat.as_markdown("a\n# name", [Message("user", "```\n![x](http://y)\n```"), Message("assistant", "fine")])
    assert text.startswith("# a # name\n\n**user**\n\n````text\n```\n")
    assert text.endswith("**assistant**\n\n```text\nfine\n```\n")


def test_the_food_order_begins_with_its_greeting_and_leaves_the_order_to_be_sent() -> None:
    turns, question = chat.opening(Library(shipped_folder() / "prompts").load("food-order")[0])
    assert [turn.message.role for turn in turns] == ["system", "user", "assistant", "user", "assistant"]
    assert "burger" in question


def test_every_shipped_prompt_can_begin_a_conversation() -> None:
    for entry in Library(shipped_folder() / "prompts").entries():
        assert entry.prompt is not None
        assert chat.opening(entry.prompt)[1]
