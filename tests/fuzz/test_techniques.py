"""Whatever a model replies, a technique ends without an exception, within its calls, with one of the replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptgrid.answers import read_answer
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.prompt.model import ChainStep
from promptgrid.techniques import TECHNIQUES, Progress, progress, technique_calls
from promptgrid.techniques.refinement import says
from tests.fuzz.inputs import FUZZ, odd_texts
from tests.techniques.scripted import PROMPTS, VALUES, carry_out

LISTS = [
    "1. ", "2) ", "(3) ", "①", "一、", "第二步：", "Step 1: ", "- ", "• ", '["a", "b"]', "?\n", "？\n", "\n\n",
    "CORRECT", "not ", "完全正确", "{marker}", "{candidates}", "{{ sum }}", "Answer: 2", "答案：第二个", "8/10",
    "<think>",
]  # fmt: skip
LANGUAGES = ["Ответ: 2\n", "1. Сколько будет 1 + 2?\n", "答えは2です。\n", "الجواب: ٢\n", "ข้อ ๑ ", "é", "👩‍🚀"]
HOSTILE = ["\x00", "\x1b[2J", "\x07", "\x7f", "\r", "\x85", "\u2028", "\u202e", "\ufeff", "\ud800", "\udfff1. "]
NUMBERS = ["9" * 5_000, "[" + "9" * 5_000 + "]", "Answer: 1e999", "-1", "0" * 5_000 + "1", "NaN", "∞", "第" + "九" * 99]
LONG = [("[", 3_000), ('{"a":', 3_000), ("1. ", 3_000), ("*_#> ", 3_000), ("第", 3_000), ("?", 3_000), ("x", 70_000)]
MEGABYTES = [("x", 10**6), ("1. x\n", 200_000), ("\n", 10**6), ("是多少？\n", 200_000), ('["a"]', 200_000)]
Piece = str | tuple[str, int]  # a text, or a text so many times
pieces = st.sampled_from([*LISTS, *LANGUAGES, *HOSTILE, *NUMBERS]) | odd_texts
long_pieces: st.SearchStrategy[list[Piece]] = st.lists(pieces | st.sampled_from(LONG), max_size=2)
huge_pieces: st.SearchStrategy[list[Piece]] = st.lists(st.sampled_from(MEGABYTES) | pieces, min_size=1, max_size=2)
short_pieces: st.SearchStrategy[list[Piece]] = st.lists(pieces, max_size=4)
# Each of these takes a second of reading, so one reply in 50 is one.
replies = st.integers(0, 49).flatmap(
    lambda number: huge_pieces if number == 49 else long_pieces if number > 30 else short_pieces
)
scripts = st.lists(replies, min_size=1, max_size=5)


def joined(reply: list[Piece]) -> str:
    """Long texts are made here, since Hypothesis keeps what it has drawn."""
    return "".join(one if isinstance(one, str) else one[0] * one[1] for one in reply)


STRATEGIES = [
    *(name for name in TECHNIQUES if technique_calls(name) > 1),
    "tree-of-thoughts:branches=4,depth=3,choose=value",
    "best-of-n:n=5,choose=vote",
    "best-of-n:choose=check",
]
CHAIN = Prompt(
    "chain",
    (Message("user", "Is {{ total }} right for {{ sum }}? {{ better }}"),),
    chain=(
        ChainStep("total", text="user:\nWhat is {{ sum }}?", technique="least-to-most:questions=2"),
        ChainStep("better", text="user:\nBetter than {{ better }} for {{ total }}", repeat=3, until="CORRECT"),
    ),
)


def ends_within_its_calls(steps: Progress, script: list[list[Piece]]) -> None:
    """Carries the technique out on these replies, over and over, and reads the answer of its output."""
    texts = list(map(joined, script))
    numbers = iter(range(10_000))
    given_replies = carry_out(steps, lambda: texts[next(numbers) % len(texts)])
    assert steps.done is not None
    assert steps.done.reply in given_replies
    assert len(given_replies) <= steps.most
    read_answer(AnswerRule("number"), steps.done.reply.text, marker="Answer:")


@pytest.mark.parametrize("technique", STRATEGIES)
@FUZZ
@given(scripts, st.sampled_from(["en", "zh"]))
def test_a_technique_ends_with_one_of_the_replies(technique: str, script: list[list[Piece]], language: str) -> None:
    steps = progress(PROMPTS[language], VALUES, technique, score=lambda text: len(text) % 7 or None)
    assert steps.most == technique_calls(technique)
    ends_within_its_calls(steps, script)


@FUZZ
@given(scripts, st.sampled_from(["zero-shot", "self-refine"]))
def test_a_chain_ends_with_one_of_the_replies(script: list[list[Piece]], technique: str) -> None:
    steps = progress(CHAIN, VALUES, technique)
    assert steps.most == 4 + 3 + technique_calls(technique)
    ends_within_its_calls(steps, script)


@FUZZ
@given(replies, st.sampled_from(["CORRECT", "完全正确", ""]))
def test_any_critique_either_stops_or_not(critique: list[Piece], stop: str) -> None:
    assert says(stop, joined(critique)) in (True, False)
