"""What a model marks as its thought is reasoning; a thought that is cut leaves no answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.answers import read_answer
from promptgrid.prompt import AnswerRule

MOOD = AnswerRule("label", labels=("positive", "negative"))
# (what opens a thought, what closes it, what opens the answer, what closes it)
MARKS = [
    ("<think>", "</think>", "", ""),
    ("<thinking>", "</thinking>", "", ""),
    ("<Thought>", "</Thought>", "<response>", "</response>"),
    ("<reasoning>", "</reasoning>", "<answer>", "</answer>"),
    ("<mm:think>", "</mm:think>", "", ""),
    ("<seed:think>", "</seed:think>", "", ""),
    ("[THINK]", "[/THINK]", "", ""),
    ("◁think▷", "◁/think▷", "", ""),
    ("<|begin_of_thought|>", "<|end_of_thought|>", "<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|channel|>analysis<|message|>", "<|end|>", "<|start|>assistant<|channel|>final<|message|>", "<|return|>"),
    ("<|channel|>analysis<|message|>", "", "<|start|>assistant<|channel|>final<|message|>", ""),
    ("analysis", "assistantfinal", "", ""),
    ("Here is my thought process: ", "\nHere is my response: ", "", ""),
]


@pytest.mark.parametrize(("opens", "closes", "before", "behind"), MARKS)
def test_a_marked_thought_is_reasoning_and_never_the_answer(opens: str, closes: str, before: str, behind: str) -> None:
    answer = read_answer(MOOD, f"{opens}Is it positive? Answer: positive.{closes}{before}negative{behind}")
    assert (answer.answer, answer.reasoning.strip()) == ("negative", "Is it positive? Answer: positive.")


@pytest.mark.parametrize("opens", sorted({marks[0] for marks in MARKS[:-2]}))
def test_a_thought_that_is_cut_leaves_no_answer(opens: str) -> None:
    answer = read_answer(MOOD, f"{opens}positive, but")
    assert (answer.answer, answer.note) == (None, "the reasoning was cut before an answer came")


@pytest.mark.parametrize("closes", ["</think>", "[/THINK]", "</thinking>", "◁/think▷"])
def test_an_opening_mark_that_the_server_swallowed_is_a_thought_too(closes: str) -> None:
    assert read_answer(MOOD, f"It is positive.{closes}negative").answer == "negative"


def test_a_tag_in_a_sentence_is_text() -> None:
    assert read_answer(AnswerRule(), "Put it in the <think> tag.").answer == "Put it in the <think> tag."


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from([part for marks in MARKS for part in marks] + ["positive", "negative", "\n", " "])))
def test_any_heap_of_marks_is_read_without_a_fault(parts: list[str]) -> None:
    answer = read_answer(MOOD, "".join(parts))
    assert answer.answer or answer.note
