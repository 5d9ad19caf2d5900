"""Techniques of several calls, on models that follow a script. The folder golden/ has the transcripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptgrid.errors import PlanError
from promptgrid.techniques import TECHNIQUES, StepReply, progress, reached, technique_calls
from promptgrid.techniques.refinement import says
from promptgrid.techniques.steps import LONGEST
from tests.techniques.scripted import CHAINS, PROMPTS, VALUES, carry_out, transcript

GOLDEN = Path(__file__).parent / "golden"
SCRIPTS = {
    "zero-shot": {"en": ["6"], "zh": ["6"]},
    "few-shot": {"en": ["6"], "zh": ["6"]},
    "chain-of-thought": {"en": ["3 + 3 is 6.\nAnswer: 6"], "zh": ["3加3等于6。\n答案：6"]},
    "few-shot-cot": {"en": ["3 + 3 is 6.\nAnswer: 6"], "zh": ["3加3等于6。\n答案：6"]},
    "self-consistency": {"en": ["3 + 3 is 6.\nAnswer: 6"], "zh": ["3加3等于6。\n答案：6"]},
    "plan-and-solve": {"en": ["Plan: add from the left.\nAnswer: 6"], "zh": ["计划：从左到右相加。\n答案：6"]},
    "chain-of-draft": {"en": ["3; 6\nAnswer: 6"], "zh": ["3；6\n答案：6"]},
    "step-back": {
        "en": ["Addition is associative.", "1 + 2 is 3, and 3 + 3 is 6.\nAnswer: 6"],
        "zh": ["加法满足结合律。", "1加2等于3，再加3等于6。\n答案：6"],
    },
    "least-to-most": {
        "en": ["1. What is 1 + 2?\n2. What is that plus 3?", "3", "6", "Answer: 6"],
        "zh": ["一、1 + 2是多少？\n二、再加3是多少？", "3", "6", "答案：6"],
    },
    "self-refine:rounds=1": {
        "en": ["Answer: 5", "1 + 2 + 3 is not 5.", "Answer: 6"],
        "zh": ["答案：5", "1加2加3不等于5。", "答案：6"],
    },
    "chain-of-verification": {
        "en": ["Answer: 5", "- What is 1 + 2?\n- What is 3 + 3?", "3", "6", "Answer: 6"],
        "zh": ["答案：5", "1）1加2是多少？\n2）3加3是多少？", "3", "6", "答案：6"],
    },
    "tree-of-thoughts:branches=2,depth=1": {
        "en": ["1. Guess.\n2. Add from the left.", "Guessing is unsure.\nAnswer: 2", "Answer: 6"],
        "zh": ["1. 猜一个数。\n2. 从左到右相加。", "猜不可靠。\n答案：2", "答案：6"],
    },
    "tree-of-thoughts:branches=2,depth=2,choose=value": {
        "en": ["1. Guess.\n2. Add.", "Answer: 1", "Answer: 9/10", "1. Left.\n2. Right.", "5", "5", "Answer: 6"],
        "zh": ["1. 猜。\n2. 相加。", "答案：1", "答案：9", "1. 先左。\n2. 先右。", "5", "5", "答案：6"],
    },
    "best-of-n": {
        "en": ["Answer: 5", "Answer: 6", "Answer: 7", "The second is right.\nAnswer: 2"],
        "zh": ["答案：5", "答案：6", "答案：7", "第二个对。\n答案：第二个"],
    },
    "best-of-n:choose=vote": {
        "en": ["Answer: 5", "So 6.\nAnswer: 6", "Answer: 6"],
        "zh": ["答案：5", "所以是6。\n答案：6", "答案：6"],
    },
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("technique", SCRIPTS)
def test_a_strategy_asks_what_its_transcript_says(technique: str, language: str) -> None:
    golden = GOLDEN / f"{technique.replace(':', '-')}-{language}.txt"
    assert transcript(technique, language, iter(SCRIPTS[technique][language])) == golden.read_text("utf-8")


def test_every_technique_has_a_transcript() -> None:
    assert {text.partition(":")[0] for text in SCRIPTS} == TECHNIQUES.keys()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_chain_asks_what_its_transcript_says(language: str) -> None:
    script = {
        "en": ["1. What is 1 + 2?\n2. And plus 3?", "3", "6", "So it is 6.\nAnswer: 6", "six", "SIX", "Yes, 6."],
        "zh": ["一、1 + 2是多少？\n二、再加3？", "3", "6", "所以是6。\n答案：6", "六", "陆 SIX", "对，6。"],
    }
    golden = (GOLDEN / f"chain-{language}.txt").read_text("utf-8")
    assert transcript("zero-shot", language, iter(script[language]), CHAINS) == golden


def outcome(technique: str, *texts: str) -> tuple[str, str, list[str]]:
    """Returns output, note and the names of the steps; the last text answers all further calls."""
    steps, script = progress(PROMPTS["en"], VALUES, technique), [*texts]
    replies = carry_out(steps, lambda: script.pop(0) if len(script) > 1 else script[0])
    assert steps.done is not None
    return steps.done.reply.text, steps.done.note, [reply.call.ask.step for reply in replies]


@pytest.mark.parametrize(
    ("technique", "texts", "steps", "note"),
    [
        ("least-to-most", ["Let me just add.", "Answer: 6"], ["questions", "answer"], "gave no list"),
        (
            "least-to-most:questions=1",
            ["1. One?\n2. Two?", "1", "Answer: 6"],
            ["questions", "question 1", "answer"],
            "gave 2 questions; the first 1 were asked",
        ),
        ("chain-of-verification", ["Answer: 6", "It is right."], ["draft", "questions"], "the draft stands unverified"),
        ("tree-of-thoughts", ["I would add.", "Answer: 6"], ["thoughts 1", "answer"], "the tree ends there"),
        (
            "tree-of-thoughts:depth=1",
            ["1. Add.\n2. Guess.", "Both are fine.", "Answer: 6"],
            ["thoughts 1", "vote 1", "answer"],
            "step vote 1 named none of the 2, so the first was taken",
        ),
        (
            "tree-of-thoughts:depth=1,choose=value",
            ["1. Add.\n2. Guess.", "Answer: 11", "Answer: 2", "Answer: 6"],
            ["thoughts 1", "value 1.1", "value 1.2", "answer"],
            "no value could be read for branch 1 of level 1",
        ),
        (
            "best-of-n:n=2",
            ["Answer: 6", "Answer: 7", "Answer: 3"],
            ["candidate 1", "candidate 2", "judge"],
            "step judge named none of the 2",
        ),
        ("best-of-n:n=2", ["Answer: 6"], ["candidate 1", "candidate 2"], "all 2 candidates are the same text"),
        (
            "best-of-n:n=2,choose=vote",
            ["Who knows?", "Not me."],
            ["candidate 1", "candidate 2"],
            "no answer could be read in any candidate",
        ),
        (
            "best-of-n:n=2,choose=check",
            ["Answer: 6", "Answer: 7"],
            ["candidate 1", "candidate 2"],
            "no check could score a candidate without the expected answer",
        ),
        ("step-back", ["", "Answer: 6"], ["principles", "answer"], "step principles returned an empty text"),
    ],
)
def test_a_reply_that_is_not_what_was_asked_for_is_named_in_the_note(
    technique: str, texts: list[str], steps: list[str], note: str
) -> None:
    text, said, names = outcome(technique, *texts)
    assert names == steps
    assert note in said
    assert text == ("Answer: 6" if "Answer: 6" in texts else texts[0])


def test_best_of_n_by_a_check_takes_the_reply_with_the_highest_mark() -> None:
    steps = progress(PROMPTS["en"], VALUES, "best-of-n:choose=check", score=lambda text: float(len(text)))
    script = iter(["a", "abc", "ab"])
    carry_out(steps, lambda: next(script))
    assert steps.done is not None
    assert (steps.done.reply.text, steps.done.note) == ("abc", "")


def test_the_checks_of_a_chain_of_verification_do_not_see_the_draft() -> None:
    steps = progress(PROMPTS["en"], VALUES, "chain-of-verification")
    script = iter(["A DRAFT. Answer: 5", "1. What is 1 + 2?\n2. What is 3 + 3?", "3", "6", "Answer: 6"])
    replies = carry_out(steps, lambda: next(script))
    checks = [reply.call for reply in replies if reply.call.ask.step.startswith("check")]
    assert {call.round for call in checks} == {2}
    assert not any("A DRAFT" in turn.message.text for call in checks for turn in call.ask.turns)


def test_of_a_reply_of_a_megabyte_both_ends_go_on_and_the_output_is_whole() -> None:
    steps = progress(PROMPTS["en"], VALUES, "self-refine:rounds=1")
    steps.answer([StepReply(steps.calls[0], "start" + "x" * 1_000_000 + "end")])
    quoted = steps.calls[0].ask.turns[-2].message.text
    assert quoted.startswith("startx")
    assert quoted.endswith("xend")
    assert len(quoted) < LONGEST + 10
    steps.answer([StepReply(steps.calls[0], "CORRECT")])
    assert steps.done is not None
    assert len(steps.done.reply.text) == 1_000_008
    steps = progress(PROMPTS["en"], VALUES, "self-refine:rounds=1")
    script = iter(["x" * 1_000_000, "No.", "Answer: 6"])
    carry_out(steps, lambda: next(script))
    assert steps.done is not None
    assert "step draft returned 1,000,000 characters, of which 100,000 were used" in steps.done.note


@pytest.mark.parametrize(
    ("critique", "stops"),
    [
        ("CORRECT", True),
        ("**Correct.**", True),
        ("It is correct.", True),
        ("I have checked each step of the sum above.\n\nCORRECT", True),
        ("not correct", False),
        ("This is not CORRECT.", False),
        ("incorrect", False),
        ("CORRECTED: 7", False),
        ("Nothing in it is correct", False),
        ("The first step is correct. The second step is wrong: 3 + 3 is 6.", False),
        ("<think>CORRECT?</think>3 + 3 is 6, so 5 is wrong.", False),
        ("", False),
    ],
)
def test_a_critique_stops_only_where_it_says_the_stop_word(critique: str, stops: bool) -> None:
    assert says("CORRECT", critique) == stops


@pytest.mark.parametrize(
    ("critique", "stops"),
    [
        ("完全正确", True),
        ("完全正确。", True),
        ("检查过，完全正确！", True),
        ("并不完全正确", False),
        ("错了。", False),
    ],
)
def test_a_chinese_critique_stops_only_where_it_says_the_stop_word(critique: str, stops: bool) -> None:
    assert says("完全正确", critique, "zh") == stops


def test_an_empty_stop_word_never_stops() -> None:
    assert not says("", "CORRECT")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("best-of-n:choose=best", "one of judge, vote, check"),
        ("best-of-n:n=1", "from 2 to 20"),
        ("tree-of-thoughts:depth=99999999999999999999", "from 1 to 10"),
    ],
)
def test_a_value_that_an_option_cannot_have_is_refused_with_those_that_it_can(text: str, hint: str) -> None:
    with pytest.raises(PlanError) as caught:
        technique_calls(text)
    assert hint in str(caught.value)


def test_the_calls_that_earlier_replies_reach_are_known() -> None:
    steps = progress(PROMPTS["en"], VALUES, "self-refine:rounds=1")
    assert [call.ask.step for call in reached(steps, [])] == ["draft"]
    script = iter(["Answer: 5", "No.", "Answer: 6"])
    replies = carry_out(progress(PROMPTS["en"], VALUES, "self-refine:rounds=1"), lambda: next(script))
    again = reached(progress(PROMPTS["en"], VALUES, "self-refine:rounds=1"), replies)
    assert again == [reply.call for reply in replies]
    other = reached(progress(PROMPTS["en"], {"sum": "2 + 2"}, "self-refine:rounds=1"), replies)
    assert [call.ask.step for call in other] == ["draft"]
