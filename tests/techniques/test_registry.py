import pytest

from promptgrid.errors import MissingVariables, PlanError
from promptgrid.prompt import Example, Message, Prompt
from promptgrid.techniques import (
    TECHNIQUES,
    Progress,
    StepReply,
    answer_marker,
    build_turns,
    known_technique,
    progress,
    select_examples,
    split_techniques,
    unavailable,
)  # fmt: skip

ASKED = 'Think step by step. Then give the final answer alone on a last line that starts with "Answer:".'


@pytest.fixture
def prompt() -> Prompt:
    return Prompt(
        name="sum",
        messages=(Message("system", "You add."), Message("user", "What is {{ sum }}?")),
        examples=(
            Example({"sum": "1 + 2"}, "3", "One more than two is three."),
            Example({"sum": "2 + 2"}, "4"),
        ),
    )


def sent(prompt: Prompt, technique: str, **options: object) -> list[tuple[str, str]]:
    turns = build_turns(prompt, {"sum": "3 + 4"}, technique, **options)  # type: ignore[arg-type]
    return [(t.message.role, t.message.text) for t in turns]


def test_zero_shot_sends_the_prompt_as_written(prompt: Prompt) -> None:
    assert sent(prompt, "zero-shot") == [("system", "You add."), ("user", "What is 3 + 4?")]


def test_few_shot_puts_examples_before_the_question(prompt: Prompt) -> None:
    assert sent(prompt, "few-shot") == [
        ("system", "You add."),
        ("user", "What is 1 + 2?"),
        ("assistant", "3"),
        ("user", "What is 2 + 2?"),
        ("assistant", "4"),
        ("user", "What is 3 + 4?"),
    ]


def test_few_shot_shows_k_examples(prompt: Prompt) -> None:
    assert len(sent(prompt, "few-shot", k=1)) == 4
    assert sent(prompt, "few-shot", k=0) == sent(prompt, "zero-shot")


def test_examples_as_text_stand_in_the_question(prompt: Prompt) -> None:
    (system, question) = sent(prompt, "few-shot", examples_as="text")
    assert system == ("system", "You add.")
    assert question[1].index("What is 1 + 2?") < question[1].index("What is 3 + 4?")


def test_chain_of_thought_asks_for_reasons_and_a_marked_answer(prompt: Prompt) -> None:
    assert sent(prompt, "chain-of-thought")[-1] == ("user", f"What is 3 + 4?\n\n{ASKED}")
    assert answer_marker(prompt, "chain-of-thought") == "Answer:"
    assert answer_marker(prompt, "few-shot") == ""


def test_few_shot_cot_shows_only_examples_with_reasoning(prompt: Prompt) -> None:
    assert sent(prompt, "few-shot-cot") == [
        ("system", "You add."),
        ("user", f"What is 1 + 2?\n\n{ASKED}"),
        ("assistant", "One more than two is three.\nAnswer: 3"),
        ("user", f"What is 3 + 4?\n\n{ASKED}"),
    ]
    assert len(select_examples(prompt, "few-shot-cot")) == 1


def test_self_consistency_sends_what_chain_of_thought_sends(prompt: Prompt) -> None:
    assert sent(prompt, "self-consistency") == sent(prompt, "chain-of-thought")


def test_the_wording_follows_the_language_and_the_prompts_own_words_win() -> None:
    chinese = Prompt("q", (Message("user", "{{ sum }}"),), language="zh")
    assert "答案：" in sent(chinese, "chain-of-thought")[0][1]
    own = Prompt("q", (Message("user", "{{ sum }}"),), wording={"reason": "Why? {marker} {{ x }}", "marker": "=>"})
    assert sent(own, "chain-of-thought") == [("user", "3 + 4\n\nWhy? => {{ x }}")]


@pytest.mark.parametrize(
    ("change", "technique", "reason"),
    [
        ({"examples": ()}, "few-shot", "no examples"),
        ({"examples": (Example({"sum": "1"}, "1"),)}, "few-shot-cot", "reasoning"),
        ({"api": "completion"}, "chain-of-thought", "continuation"),
        ({"messages": (Message("system", "x"),)}, "few-shot", "no user message"),
    ],
)
def test_a_technique_that_cannot_be_served_says_why(change: dict[str, object], technique: str, reason: str) -> None:
    fields = {"name": "p", "messages": (Message("user", "{{ sum }}"),), "examples": (), **change}
    prompt = Prompt(**fields)  # type: ignore[arg-type]
    assert reason in unavailable(prompt, technique)
    with pytest.raises(PlanError, match=reason):
        build_turns(prompt, {"sum": "1"}, technique)


def test_every_technique_names_its_paper() -> None:
    assert all("20" in technique.source for technique in TECHNIQUES.values())


def test_an_example_without_a_variable_takes_the_cases_value() -> None:
    prompt = Prompt("t", (Message("user", "{{ text }} to {{ lang }}"),), examples=(Example({"text": "Hi"}, "Salut"),))
    turns = build_turns(prompt, {"text": "Bye", "lang": "French"}, "few-shot")
    assert turns[0].message.text == "Hi to French"


def test_a_missing_variable_is_named(prompt: Prompt) -> None:
    with pytest.raises(MissingVariables, match="sum"):
        build_turns(prompt, {}, "zero-shot")


def test_an_unknown_technique_gets_a_suggestion(prompt: Prompt) -> None:
    with pytest.raises(PlanError, match="Did you mean few-shot"):
        build_turns(prompt, {}, "fewshot")


def test_turns_tell_their_part_of_the_context(prompt: Prompt) -> None:
    turns = build_turns(prompt, {"sum": "1"}, "few-shot")
    assert [(t.part, t.example) for t in turns] == [
        ("system", 0), ("examples", 1), ("examples", 1), ("examples", 2), ("examples", 2), ("question", 0),
    ]  # fmt: skip


def test_a_technique_carries_its_options_in_its_name() -> None:
    assert known_technique("self-refine:rounds=2") == "self-refine"
    assert known_technique("self-refine:rounds=3") == "self-refine:rounds=3"
    assert split_techniques("zero-shot, self-refine:rounds=3,few-shot") == [
        "zero-shot", "self-refine:rounds=3", "few-shot",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("self-refin", "self-refine"),
        ("self-refine:round=3", "rounds"),
        ("self-refine:rounds=0", "from 1 to 10"),
        ("self-refine:rounds=٣", "from 1 to 10"),
        ("zero-shot:rounds=1", "no options"),
    ],
)
def test_a_wrong_technique_or_option_is_refused_with_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(PlanError) as caught:
        known_technique(text)
    assert hint in str(caught.value)


def replies(progress: Progress, *texts: str) -> None:
    progress.answer([StepReply(call, text) for call, text in zip(progress.calls, texts, strict=True)])


def test_self_refine_asks_for_a_critique_and_writes_the_reply_again(prompt: Prompt) -> None:
    steps = progress(prompt, {"sum": "3 + 4"}, "self-refine:rounds=1")
    assert [call.ask.step for call in steps.calls] == ["draft"]
    replies(steps, "Answer: 8")
    (critique,) = steps.calls
    assert [turn.message.text for turn in critique.ask.turns][-2:-1] == ["Answer: 8"]
    replies(steps, "3 + 4 is not 8.")
    (refine,) = steps.calls
    assert "3 + 4 is not 8." in refine.ask.turns[-1].message.text
    replies(steps, "Answer: 7")
    assert steps.done is not None
    assert steps.done.reply.text == "Answer: 7"
    assert steps.done.reply.call.number == 2


def test_self_refine_ends_at_the_stop_word(prompt: Prompt) -> None:
    steps = progress(prompt, {"sum": "3 + 4"}, "self-refine")
    replies(steps, "Answer: 7")
    replies(steps, "It is correct.")
    assert steps.done is not None
    assert steps.done.reply.text == "Answer: 7"


def test_a_reply_is_never_read_as_a_template(prompt: Prompt) -> None:
    steps = progress(prompt, {"sum": "3 + 4"}, "self-refine")
    replies(steps, "{{ sum }} {% endraw %}")
    assert steps.calls[0].ask.turns[-2].message.text == "{{ sum }} {% endraw %}"


def test_a_technique_never_asks_for_more_calls_than_it_declares(prompt: Prompt) -> None:
    steps = progress(prompt, {"sum": "3 + 4"}, "self-refine")
    steps.most = 1
    with pytest.raises(PlanError, match="more than the 1 calls"):
        replies(steps, "Answer: 8")
