"""Whatever a model replies, a technique ends without an exception, within its calls, with one of the replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptgrid.techniques import TECHNIQUES, progress, technique_calls
from promptgrid.techniques.refinement import says
from tests.fuzz.inputs import FUZZ, odd_texts
from tests.techniques.scripted import PROMPTS, VALUES, carry_out

LISTS = [
    "1. ", "2) ", "(3) ", "①", "一、", "第二步：", "Step 1: ", "- ", "• ", '["a", "b"]', "?\n", "？\n", "\n\n",
    "CORRECT", "not ", "完全正确", "{marker}", "{candidates}", "{{ sum }}", "Answer: 2", "答案：第二个", "8/10",
    "<think>", "x" * 70_000,
]  # fmt: skip
replies = st.lists(st.sampled_from(LISTS) | odd_texts, max_size=8).map("".join)
STRATEGIES = [
    *(name for name in TECHNIQUES if technique_calls(name) > 1),
    "tree-of-thoughts:branches=4,depth=3,choose=value",
    "best-of-n:n=5,choose=vote",
    "best-of-n:choose=check",
]


@pytest.mark.parametrize("technique", STRATEGIES)
@FUZZ
@given(st.lists(replies, min_size=1, max_size=20), st.sampled_from(["en", "zh"]))
def test_a_technique_ends_with_one_of_the_replies(technique: str, texts: list[str], language: str) -> None:
    steps = progress(PROMPTS[language], VALUES, technique, score=lambda text: len(text) % 7 or None)
    numbers = iter(range(10_000))
    given_replies = carry_out(steps, lambda: texts[next(numbers) % len(texts)])
    assert steps.done is not None
    assert steps.done.reply in given_replies
    assert len(given_replies) <= technique_calls(technique)


@FUZZ
@given(replies, st.sampled_from(["CORRECT", "完全正确", ""]))
def test_any_critique_either_stops_or_not(critique: str, stop: str) -> None:
    assert says(stop, critique) in (True, False)
