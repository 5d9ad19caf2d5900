"""Of each step of a cell, the messages that no earlier step has."""

from __future__ import annotations

import json

from promptgrid.ui.compare.steps import new_messages


def texts(*turns: tuple[str, str]) -> list[str]:
    request = json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]})
    return [message.text for message in new_messages(request)]


def test_a_first_call_adds_its_question() -> None:
    assert texts(("system", "Be brief."), ("user", "Which?")) == ["Which?"]


def test_the_results_of_all_calls_of_a_reply_are_new() -> None:
    turns = [("user", "Which?"), ("assistant", ""), ("tool", "old"), ("assistant", ""), ("tool", "a"), ("tool", "b")]
    assert texts(*turns) == ["a", "b"]


def test_a_plain_completion_adds_its_prompt() -> None:
    assert [message.text for message in new_messages('{"prompt": "Once"}')] == ["Once"]
