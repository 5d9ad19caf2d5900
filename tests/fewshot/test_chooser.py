"""Which examples each selector and order shows."""

from __future__ import annotations

from typing import Any

import pytest

from promptgrid.cases.table import Case
from promptgrid.errors import PlanError
from promptgrid.fewshot import Chooser, Order, Selector, pooled, with_shown
from promptgrid.fewshot.chooser import ShownExamples
from promptgrid.prompt import AnswerRule, Example, Message, Parameters, Prompt

TEXTS = ("red apple pie", "red apple pies", "blue car", "fast car race", "slow boat", "apple car boat")
ANSWERS = ("food", "food", "thing", "thing", "thing", "food")
EXAMPLES = tuple(Example({"q": text}, answer) for text, answer in zip(TEXTS, ANSWERS, strict=True))
PROMPT = Prompt("kinds", (Message("user", "{{ q }}"),), examples=EXAMPLES)


def shown(q: str = "an apple pie", **parameters: Any) -> list[int]:
    chosen = Chooser(PROMPT, "few-shot").shown(Parameters(**parameters), {"q": q})
    assert chosen is not None
    return list(chosen.indices)


def test_without_a_word_on_examples_nothing_is_chosen() -> None:
    assert Chooser(PROMPT, "few-shot").shown(Parameters(), {"q": "x"}) is None
    assert Chooser(PROMPT, "zero-shot").shown(Parameters(shots=2), {"q": "x"}) is None


def test_selectors() -> None:
    assert shown(shots=2) == [0, 1]
    assert shown(shots=0) == []
    assert shown(selector="first") == [0, 1, 2, 3, 4, 5]
    assert shown(shots=4, selector="balanced") == [0, 1, 2, 3]
    assert shown(shots=3, selector="balanced") == [0, 1, 2]  # food, thing, food
    assert set(shown(shots=1, selector="bm25")) == {0}
    assert set(shown("a race of boats", shots=2, selector="bm25")) == {3, 4}
    near, apart = set(shown(shots=2, selector="bm25")), set(shown(shots=2, selector="diverse"))
    assert near == {0, 1}
    assert apart == {0, 5}  # another apple, and less like the first


def test_a_draw_is_repeated_by_its_seed_and_more_shots_keep_those_of_fewer() -> None:
    draws = [tuple(shown(shots=3, selector=f"random:seed={seed}")) for seed in range(8)]
    assert draws == [tuple(shown("other", shots=3, selector=f"random:seed={seed}")) for seed in range(8)]
    assert len(set(draws)) > 4
    assert set(shown(shots=2, selector="random:seed=3")) < set(shown(shots=4, selector="random:seed=3"))


def test_orders() -> None:
    assert shown(shots=3, shot_order="reversed") == [2, 1, 0]
    assert shown("a boat is slow", shots=6, shot_order="nearest-last")[-2:] == [5, 4]
    assert sorted(shown(shot_order="shuffled:seed=1")) == [0, 1, 2, 3, 4, 5]
    assert len({tuple(shown(shot_order=f"shuffled:seed={seed}")) for seed in range(6)}) > 4


def test_the_case_itself_is_never_shown_and_the_cell_says_so() -> None:
    chosen = Chooser(PROMPT, "few-shot").shown(Parameters(shots=2), {"q": "Red apple-pie!"})
    assert chosen == ShownExamples((1, 2), ((0, "the case itself"),))
    assert chosen.text == "2, 3; left out: 1 (the case itself)"
    assert with_shown(PROMPT, chosen.text).examples == EXAMPLES[1:3]


@pytest.mark.parametrize(
    ("text", "hint"),
    [("frist", "Did you mean first?"), ("bm25:seed=1", "bm25 takes none"), ("random:seed=a", "seed=1")],
)
def test_a_selector_that_is_none_is_refused(text: str, hint: str) -> None:
    with pytest.raises(PlanError) as error:
        Selector.of(text)
    assert hint in f"{error.value} {error.value.hint}"


def test_an_order_that_is_none_is_refused() -> None:
    with pytest.raises(PlanError, match="'up' is no order of examples"):
        Order.of("up")


def test_vectors_choose_where_they_are_there_and_bm25_else() -> None:
    by_length = Chooser(PROMPT, "few-shot", lambda embedder, texts, query: [-len(text) for text in texts])
    first = by_length.shown(Parameters(shots=2, selector="embedding"), {"q": "apple"})
    assert first is not None
    assert set(first.indices) == {2, 4}
    missing = Chooser(PROMPT, "few-shot", lambda embedder, texts, query: None)
    assert missing.shown(Parameters(shots=2, selector="embedding"), {"q": "an apple pie"}) == ShownExamples((0, 1))


def test_only_examples_with_reasoning_are_shown_where_the_technique_needs_it() -> None:
    reasoned = Prompt("r", PROMPT.messages, examples=(*EXAMPLES[:2], Example({"q": "x y"}, "thing", "because")))
    chosen = Chooser(reasoned, "few-shot-cot").shown(Parameters(shots=2), {"q": "apple"})
    assert chosen == ShownExamples((2,))


def test_a_pool_is_made_of_cases_with_the_first_accepted_answer() -> None:
    rule = AnswerRule("label", ("food", "thing"))
    cases = [Case("1", {"q": "plum", "other": "x", "reasoning": "It grows."}, '["food", "thing"]')]
    (example,) = pooled(Prompt("p", PROMPT.messages, answer=rule), cases).examples
    assert example == Example({"q": "plum"}, "food", "It grows.")
