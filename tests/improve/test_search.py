"""The search itself: what the guide says of it, what its guards refuse, and that the same answers lead the same way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.improve import GAIN, measure, searched
from promptgrid.cases.table import Case
from promptgrid.improve.guards import copied_run, problem
from promptgrid.improve.moves import rewritten
from promptgrid.prompt import Message, Prompt
from tests.places import CHECKOUT

PROMPT = Prompt("say", (Message("system", "Answer in one word."), Message("user", "{{ text }}")))
LEARN = [
    Case("1", {"text": "the quick brown fox jumps over"}, "yes"),
    Case("2", {"text": "敏捷的棕色狐狸跳过了"}, "是"),
]


def test_the_guide_s_figures_are_those_of_the_benchmark() -> None:
    guide = (CHECKOUT / "docs" / "guides" / "improve.md").read_text("utf-8")
    for name, gain in (("null", 0.0), ("planted", GAIN)):
        for line in measure(name, gain, 20):
            assert line in guide


def test_the_same_answers_lead_to_the_same_search() -> None:
    (one, first, _), (other, second, _) = searched(3, GAIN), searched(3, GAIN)
    assert one == other
    assert first.calls == second.calls


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Answer {{ text }} in one word.", ""),
        ("Answer {{ word }} in one word.", "it has a new variable word"),
        ("Answer {{ text in one word.", "it is no template"),
        ("For The QUICK, brown fox jumps say yes.", "it copies words of a learn case: “the quick brown fox jumps”"),
        ("If it says 捷的棕色狐狸 answer 是.", "it copies words of a learn case"),
        ("word " * 80, "it has 81 tokens, and 60 are allowed"),
        ("  ", "it has an empty message"),
    ],
)
def test_a_candidate_that_wins_for_the_wrong_reason_is_refused(text: str, why: str) -> None:
    new = replace(PROMPT, messages=(Message("system", text), PROMPT.messages[1]))
    found = problem(new, PROMPT, LEARN, 60, lambda one: len(one.split()) - one.count("{{ text }}") * 2)
    assert found.startswith(why) if why else found == ""


def test_a_lost_variable_is_named_and_words_of_the_parent_may_stay() -> None:
    lost = replace(PROMPT, messages=(PROMPT.messages[0], Message("user", "Well?")))
    assert problem(lost, PROMPT, LEARN, 60, len) == "it lost the variable text"
    text = "As in: the quick brown fox jumps"
    assert copied_run(text, "", LEARN) == "the quick brown fox jumps"
    assert copied_run(text, f"{text} high", LEARN) == ""


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("Sure!\n<prompt>\nSay it briefly.\n</prompt>\nDone.", "Say it briefly."),
        ("```\nSay it briefly.\n```", "Say it briefly."),
        ("Say it briefly.", "Say it briefly."),
    ],
)
def test_the_instruction_is_read_out_of_what_the_writer_says(reply: str, text: str) -> None:
    new = rewritten(PROMPT, reply)
    assert new is not None
    assert [message.text for message in new.messages] == [text, "{{ text }}"]
    assert rewritten(PROMPT, "<prompt> </prompt>") is None
