"""The context budget adds up; the memory window cuts as little as it must, in the order of its policy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptgrid import builtin, connections, tokens
from promptgrid.prompt import Api, Message
from promptgrid.techniques import Turn
from promptgrid.tokens import POLICIES, Count, WindowPolicy
from promptgrid.tokens.context import units

BUILTIN = connections.DEFAULT_MODEL
GPT = "openai/gpt-4o"


SYSTEM = [Turn(Message("system", "You label product reviews."), "system")]
EXAMPLES = [
    turn
    for number in (1, 2, 3)
    for turn in (
        Turn(Message("user", "Arrived broken."), "examples", number),
        Turn(Message("assistant", "negative"), "examples", number),
    )
]
QUESTION = [Turn(Message("user", "What a great day!"), "question")]
TURNS = [*SYSTEM, *EXAMPLES, *QUESTION]


def budget(turns: list[Turn], model: str, reserve: int, limit: int | None) -> tokens.ContextUse:
    return tokens.budget(turns, tokens.counter(model), reserve, limit)


class TestBudget:
    @pytest.mark.parametrize("model", [GPT, BUILTIN])
    def test_the_parts_and_the_turns_sum_to_the_total(self, model: str, openai: None) -> None:
        context_use = budget(TURNS, model, 64, 8192)
        whole = tokens.count_messages([turn.message for turn in TURNS], model)
        assert (
            sum(size for _, size in context_use.parts)
            == sum(context_use.sizes) + context_use.format
            == context_use.total
        )
        assert context_use.total == whole.tokens
        assert (context_use.history, context_use.retrieved) == (0, 0)
        assert min(context_use.system, context_use.examples, context_use.question, context_use.format) > 0
        assert (context_use.exact, context_use.reason) == (whole.exact, whole.reason)

    def test_the_parts_sum_for_a_template_with_a_system_message_of_its_own(self, builtin_home: Path) -> None:
        builtin.ensure()
        context_use = budget(QUESTION, BUILTIN, 10, 8192)
        assert context_use.exact
        assert (context_use.question, context_use.system) == (
            tokens.count_text(QUESTION[0].message.text, BUILTIN).tokens,
            0,
        )
        assert context_use.question + context_use.format == context_use.total

    def test_more_examples_are_those_that_really_fit(self, openai: None) -> None:
        bare = budget(TURNS, GPT, 0, 10_000)
        one = sum(tokens.count_text(turn.message.text, GPT).tokens + 4 for turn in EXAMPLES[:2])
        context_use = budget(TURNS, GPT, 100, bare.total + 100 + 2 * one)
        assert (context_use.fits, context_use.more_examples, context_use.more_turns) == (True, 2, None)
        assert budget([*SYSTEM, *EXAMPLES[:2] * 5, *QUESTION], GPT, 100, context_use.limit).fits
        assert not budget([*SYSTEM, *EXAMPLES[:2] * 6, *QUESTION], GPT, 100, context_use.limit).fits

    def test_more_turns_are_those_that_really_fit(self, openai: None) -> None:
        talk = [Turn(turn.message, "history") for turn in EXAMPLES]
        limit = budget([*SYSTEM, *talk * 3, *QUESTION], GPT, 20, None).total + 20
        assert budget([*SYSTEM, *talk, *QUESTION], GPT, 20, limit).more_turns == 6

    def test_the_reserve_counts_against_the_limit_to_the_token(self, openai: None) -> None:
        total = budget(TURNS, GPT, 0, None).total
        assert budget(TURNS, GPT, 50, total + 50).fits
        over = budget(TURNS, GPT, 51, total + 50)
        assert (over.fits, over.more_examples) == (False, 0)

    def test_without_a_limit_or_examples_nothing_is_promised(self, openai: None) -> None:
        assert budget(TURNS, GPT, 50, None).more_examples is None
        assert budget(QUESTION, GPT, 50, 8192).more_examples is None

    def test_no_messages_are_a_budget_too(self, openai: None) -> None:
        context_use = budget([], GPT, 0, 8192)
        assert sum(size for _, size in context_use.parts) == context_use.total


def words(
    messages: Sequence[Message], api: Api = "chat", tools: Sequence[Any] = (), response_format: Any = None
) -> Count:
    """A model whose tokens are words; each message adds one in a chat."""
    return Count(sum(len(message.text.split()) + (api == "chat") for message in messages), True)


def talk(*roles: str, part: str = "history") -> list[Turn]:
    """Turns of ten words each."""
    return [Turn(Message(role, "w " * 10), part) for role in roles]  # type: ignore[arg-type]


LONG = [
    *talk("system", part="system"),
    *talk("user", "assistant", part="examples"),
    *talk("user", part="retrieved"),
    *talk("assistant", "user", "assistant", "user", "assistant"),
    *talk("user", part="question"),
]  # 11 tokens each, 110 in all


@pytest.mark.parametrize(
    ("policy", "limit", "cut"),
    [
        ("keep-system", 130, ()),
        ("keep-system", 129, (1, 2)),
        ("keep-system", 97, (1, 2, 3)),
        ("keep-system", 80, (1, 2, 3, 4, 5, 6)),
        ("oldest", 129, (0,)),
        ("oldest", 100, (0, 1, 2)),
        ("examples", 129, (1, 2)),
        ("examples", 100, (1, 2, 3)),
    ],
)
def test_as_little_as_possible_goes_in_the_order_of_the_policy(
    policy: WindowPolicy, limit: int, cut: tuple[int, ...]
) -> None:
    turn_window = tokens.window(LONG, words, 20, limit, policy)
    assert turn_window.cut == cut
    assert turn_window.indices == tuple(at for at in range(len(LONG)) if at not in cut)
    assert turn_window.budget.total == 11 * len(turn_window.indices)
    assert turn_window.budget.fits
    assert turn_window.whole.total == 110


def test_a_late_system_message_and_late_examples_go_by_the_policy_not_by_their_place() -> None:
    turns = [*talk("user", "assistant"), *talk("system", part="system"), *talk("user", "assistant", part="examples"),
             *talk("user", part="question")]  # fmt: skip
    assert tokens.window(turns, words, 0, 50, "keep-system").cut == (0, 1)
    assert tokens.window(turns, words, 0, 50, "examples").cut == (3, 4)
    assert tokens.window(turns, words, 0, 33, "oldest").cut == (0, 1, 2)


def test_what_cannot_be_cut_is_said_not_to_fit() -> None:
    turn_window = tokens.window(LONG, words, 20, 30)
    assert [LONG[at].part for at in turn_window.indices] == ["system", "question"]
    assert not turn_window.budget.fits
    assert tokens.window([], words, 5, 3).budget.fits is False


def test_without_a_limit_everything_is_seen() -> None:
    turn_window = tokens.window(LONG, words, 20, None)
    assert (turn_window.cut, turn_window.budget) == ((), turn_window.whole)


@given(
    roles=st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.booleans(), st.integers(0, 30))),
    reserve=st.integers(0, 40),
    limit=st.integers(0, 400),
    policy=st.sampled_from(POLICIES),
)
def test_any_conversation_fits_or_has_nothing_left_to_cut(
    roles: list[tuple[str, bool, int]], reserve: int, limit: int, policy: WindowPolicy
) -> None:
    parts = ["system" if role == "system" else "examples" if worked else "history" for role, worked, _ in roles]
    turns = [Turn(Message(role, "w " * size), part) for (role, _, size), part in zip(roles, parts, strict=True)]  # type: ignore[arg-type]
    turns += talk("user", part="question")
    turn_window = tokens.window(turns, words, reserve, limit, policy)
    assert sorted([*turn_window.indices, *turn_window.cut]) == list(range(len(turns)))
    assert len(turns) - 1 in turn_window.indices
    stays = {"question"} if policy == "oldest" else {"question", "system"}
    assert turn_window.budget.fits or {turns[at].part for at in turn_window.indices} <= stays
    if policy != "oldest":
        assert all(turns[at].part != "system" for at in turn_window.cut)
    if turn_window.cut:  # with the last unit that went it would not have fitted
        last = next(unit for unit in units(turns) if turn_window.cut[-1] in unit)
        back = [turns[at].message for at in sorted([*turn_window.indices, *last])]
        assert words(back).tokens + reserve > limit


def test_the_built_in_models_own_count_decides(builtin_home: Path) -> None:
    builtin.ensure()
    turns = [*SYSTEM, *(Turn(turn.message, "history") for turn in EXAMPLES * 4), *QUESTION]
    count = tokens.counter(BUILTIN)
    turn_window = tokens.window(turns, count, 16, 100)
    assert turn_window.budget.exact
    assert turn_window.cut
    sent = count([turns[at].message for at in turn_window.indices]).tokens
    assert sent == turn_window.budget.total <= 84
    assert turn_window.budget.more_turns == 0
