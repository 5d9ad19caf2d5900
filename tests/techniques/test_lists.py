"""Lists and numbers in replies are read in any style of writing, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from promptgrid.techniques import Ask, StepCall, StepReply, Task
from promptgrid.techniques.lists import LONGEST_ITEM, items, number_in
from tests.techniques.scripted import PROMPTS


def reply(text: str) -> StepReply:
    return StepReply(StepCall(0, 0, 0, Ask("a", ())), text)


@pytest.mark.parametrize(
    "text",
    [
        "1. one\n2. two",
        "1) one\n2) two",
        "(1) one\n(2) two",
        "[1] one\n[2] two",
        "1: one\n2: two",
        "１．one\n２．two",
        "1、one\n2、two",
        "①one\n② two",
        "一、one\n二、two",
        "（一）one\n（二）two",
        "第一步：one\n第二步：two",
        "问题1：one\n问题2：two",
        "步骤 1：one\n步骤 2：two",
        "Step 1: one\nStep 2: two",
        "Question 1: one\n\nQuestion 2: two",
        "Q1: one\nQ2: two",
        "**1.** one\n**2.** two",
        "**1. one**\n**2. two**",
        "### 1. one\n### 2. two",
        "a) one\nb) two",
        "I. one\nII. two",
        "- one\n- two",
        "* one\n* two",
        "• one\n• two",
        "Here are the questions:\n\n1. one\n2. two\n\nTell me if you want more.",
        '["one", "two"]',
        '```json\n["one", "two"]\n```',
        "<think>1. three\n2. four</think>\n1. one\n2. two",
    ],
)
def test_a_list_is_read_in_any_style(text: str) -> None:
    assert items(reply(text)) == ["one", "two"]


def test_lines_below_an_item_belong_to_it() -> None:
    text = "1. one\n   - inside\nand more\n\nThat is all.\n\n2. two"
    assert items(reply(text)) == [
        "one\n   - inside\nand more",
        "two",
    ]


def test_lines_that_are_questions_are_a_list() -> None:
    assert items(reply("Sure!\nWhat is 1 + 2?\n再加3是多少？")) == ["What is 1 + 2?", "再加3是多少？"]


@pytest.mark.parametrize("text", ["", "No list here.", "3.5 is it\n4.5 too", "See [1] and [2].", "[1, 2]", "A dog."])
def test_what_is_no_list_has_no_items(text: str) -> None:
    assert items(reply(text)) == []


def test_a_long_item_is_cut() -> None:
    assert len(items(reply("1. " + "x" * 9_000))[0]) == LONGEST_ITEM


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", 2),
        ("Answer: 2", 2),
        ("1 is short, 2 is better.\nAnswer: 2", 2),
        ("Candidate 2", 2),
        ("**Answer: 2**", 2),
        ("答案：2", 2),
        ("第二个", 2),
        ("Answer: 8/10", 8),
        ("Answer: 10", 10),
        ("Answer: 0", None),
        ("Answer: 11", None),
        ("Answer: 2.5", None),
        ("Answer: -2", None),
        ("Both.", None),
        ("", None),
    ],
)
def test_a_number_is_read_within_its_range(text: str, number: int | None) -> None:
    assert number_in(Task(PROMPTS["en"], {}), reply(text), 10) == number
