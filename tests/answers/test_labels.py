"""A label is read where the reply answers with it; negated, asked, joined or merely named, it is unread."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.answers import case_rule, read_answer, read_expected
from promptgrid.prompt import AnswerRule

MOOD = AnswerRule("label", labels=("positive", "negative", "mixed"))
YES = AnswerRule("label", labels=("yes", "no"))
OPTIONS = AnswerRule("label", labels=("A", "B", "C", "D"))
MARKS = AnswerRule("label", labels=("1", "2", "3", "4", "5"))
HAN = AnswerRule("label", labels=("是", "否"))
RULES = (MOOD, YES, OPTIONS, MARKS, AnswerRule("label", labels=("very positive", "positive", "n/a")))

# how a reply says that it is this one
SAID = (
    "{}",
    "{}.",
    "**{}**",
    "({})",
    "[{}]",
    '"{}"',
    "Answer: {}",
    "The answer is {}.",
    "So the answer is ({}).",
    "\\boxed{{{}}}",
    "<answer>{}</answer>",
    "Final answer: **{}**",
    "label: {}, reason: none of the others fits.",
    "Well.\n\n{}",
    "### Answer\n{}",
    '{{"label": "{}", "why": "so"}}',
    "答案是{}。",
    "<think>{other}? {other}.</think>{}",
    "The answer is {}. Many fall for {other}.",
    "{other} or {}? {}.",
    "\\boxed{{\\text{{{}}}}}",
    "The correct option is {}.",
    "Verdict: {}",
    "The answer is: {}",
)
# how it says nothing for sure
UNSURE = (
    "{} and {other}",
    "{}/{other}",
    "{} or {other}",
    "Either {} or {other}.",
    "The answer is {} or {other}.",
    "{}, {other}",
    "Answer: {} and {other}",
    "**{}:** this\n**{other}:** that",
    "Is it {}?",
    "It is neither {} nor {other}.",
    "Not {}.",
    "The answer is not {}.",
    "Both {} and {other} fit.",
    "I cannot say.",
    "The answer is none of them.",
)


@pytest.mark.parametrize("sentence", SAID)
def test_a_label_is_read_in_every_way_of_saying_it(sentence: str) -> None:
    for rule in RULES[:4]:
        for label in rule.labels:
            other = next(name for name in rule.labels if name != label)
            if rule is MARKS and "or" in sentence.split():
                continue
            assert read_answer(rule, sentence.format(label, label, other=other)).answer == label, (sentence, label)


@pytest.mark.parametrize("unsure", UNSURE)
def test_what_names_no_one_label_is_unread_and_says_why(unsure: str) -> None:
    for rule in RULES[:4]:
        for label in rule.labels[:3]:
            other = next(name for name in rule.labels if name != label)
            answer = read_answer(rule, unsure.format(label, other=other))
            assert answer.answer is None, (unsure, label, answer)
            assert answer.note


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(RULES), st.sampled_from(SAID + UNSURE), st.data())
def test_a_label_is_read_back_or_unread_and_never_another(rule: AnswerRule, sentence: str, data: st.DataObject) -> None:
    label = data.draw(st.sampled_from(rule.labels))
    other = data.draw(st.sampled_from([name for name in rule.labels if name != label]))
    spelled = label if len(label) == 1 else data.draw(st.sampled_from([label, label.upper(), label.capitalize()]))
    answer = read_answer(rule, sentence.format(spelled, spelled, other=other))
    assert answer.answer in (label, None), answer
    assert answer.answer or answer.note


@pytest.mark.parametrize(
    ("rule", "reply", "answer"),
    [
        (OPTIONS, "I think a dog is best. Sorry.", None),
        (OPTIONS, "b", "B"),
        (OPTIONS, "b) because of that", "B"),
        (OPTIONS, "Hose A and hose B fill it.", None),
        (OPTIONS, "Therefore, C.", "C"),
        (OPTIONS, "The answer is (G).", None),
        (OPTIONS, "So the answer is (None of the above).", None),
        (OPTIONS, "D: A long pipe", "D"),
        (OPTIONS, "The answer is A because B is wrong.", "A"),
        (MOOD, "The sentiment of this review is positive.", "positive"),
        (MOOD, "The review isn't positive.", None),
        (MOOD, "Not positive, but mixed.", "mixed"),
        (MOOD, "The answer is neutral. Some positive words.", None),
        (MOOD, "Positive points: sharp.\nNegative points: dull.", None),
        (YES, "No, it does not.", "no"),
        (YES, "No problem, here it comes.", None),
        (YES, "There is no doubt: yes.", "yes"),
        (HAN, "是。", "是"),
        (HAN, "这是积极的", None),
        (HAN, "答案：否", "否"),
        (MARKS, "4/5", "4"),
        (MARKS, "Rating: 4 out of 5 stars", "4"),
        (MARKS, "four", "4"),
        (MARKS, "6", None),
        (MARKS, "between 3 and 4", None),
        (AnswerRule("label", labels=("toxic", "non-toxic")), "Non-toxic", "non-toxic"),
        (AnswerRule("label", labels=("positive", "not positive")), "Not positive.", "not positive"),
        (
            MOOD,
            "It is a long review. It names a positive thing. " + "Then there is a long story of the day. " * 8,
            None,
        ),
    ],
)
def test_labels_in_sentences(rule: AnswerRule, reply: str, answer: str | None) -> None:
    assert read_answer(rule, reply).answer == answer


def test_other_words_of_the_rule_mean_the_label() -> None:
    rule = AnswerRule(
        "label", labels=("positive", "negative"), synonyms={"positive": ("good", "积极"), "negative": ("bad",)}
    )
    assert read_answer(rule, "It is good.").answer == "positive"
    assert read_answer(rule, "这条评论是积极的").answer == "positive"
    assert read_answer(rule, "not bad").answer is None
    assert read_answer(rule, "good and bad").answer is None


@pytest.mark.parametrize(
    "cell",
    [
        '["a short rope", "a long pipe", "a ball", "a box"]',
        "A) a short rope\nB) a long pipe\nC) a ball\nD) a box",
        '{"A": "a short rope", "B": "a long pipe"}',
    ],
)
def test_the_text_of_an_option_means_its_letter(cell: str) -> None:
    rule = case_rule(AnswerRule("label", labels=("A", "B", "C", "D"), options="choices"), {"choices": cell})
    for reply in ("A long pipe.", "(B) a long pipe", "The answer is a long pipe.", "B"):
        assert read_answer(rule, reply).answer == "B"


@pytest.mark.parametrize("labels", [("(A)", "(B)", "(C)"), ("A)", "B)", "C)"), ("A.", "B.", "C.")])
@pytest.mark.parametrize("reply", ["B", "b", "(B)", "B) cat", "The answer is B.", "Answer: (b)", "**B.** bird"])
def test_labels_written_as_options_are_read_like_their_letters(labels: tuple[str, ...], reply: str) -> None:
    rule = AnswerRule("label", labels=labels)
    plain = read_answer(AnswerRule("label", labels=("A", "B", "C")), reply).answer
    assert read_answer(rule, reply).answer == (labels[1] if plain else None)
    assert [expected.text for expected in read_expected(rule, "B")] == [labels[1]]
