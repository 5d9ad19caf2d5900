"""Makes the turns to send of a prompt, the values of its variables, and examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from promptgrid.prompt import Example, Message, Prompt, render
from promptgrid.techniques.wording import wording

PromptPart = Literal["system", "examples", "retrieved", "history", "question"]
ExamplesAs = Literal["turns", "text"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message to send, and the part of the context budget (system, examples, question …) to which it belongs.

    `example` is the number, from 1, of the example that the turn belongs to; 0 for other turns. A turn that `joins` is
    sent as the first paragraph of the message of the turn behind it.
    """

    message: Message
    part: PromptPart
    example: int = 0
    joins: bool = False


def messages_of(turns: Iterable[Turn]) -> list[Message]:
    """Returns the messages to send: one for each turn, but turns that join are paragraphs of the next turn's
    message."""
    messages: list[Message] = []
    paragraphs: list[str] = []
    for turn in turns:
        if turn.joins:
            paragraphs.append(turn.message.text)
        else:
            text = "\n\n".join([*paragraphs, turn.message.text])
            messages.append(replace(turn.message, text=text) if paragraphs else turn.message)
            paragraphs = []
    return messages


def as_written(prompt: Prompt, values: Mapping[str, Any]) -> list[Turn]:
    """Returns the turns of the prompt as written, with these `values` of its variables."""
    last = _last_user(prompt.messages)
    rendered = render(prompt.messages, values, prompt.inputs)
    return [Turn(message, _part(message, i, last)) for i, message in enumerate(rendered)]


def asking(prompt: Prompt, values: Mapping[str, Any], text: str) -> list[Turn]:
    """Returns the turns of the prompt, with `text` as the last paragraph of the question."""
    turns, last = as_written(prompt, values), _last_user(prompt.messages)
    return [*turns[:last], _with_paragraph(turns[last], text), *turns[last + 1 :]]


def with_examples(
    prompt: Prompt,
    values: Mapping[str, Any],
    examples: Sequence[Example],
    as_: ExamplesAs,
    answers: Sequence[str],
    text: str = "",
) -> list[Turn]:
    """Returns the turns of the prompt with the examples, answered by `answers`, before the question: as turns of their
    own, or with `as_="text"` inside the question's message. A `text` becomes the last paragraph of each question."""
    turns, last = asking(prompt, values, text), _last_user(prompt.messages)
    # A variable that an example lacks (a target language, say) takes the value of the case.
    questions = [asking(prompt, {**values, **example.inputs}, text)[last].message for example in examples]
    if as_ == "text":
        return [*turns[:last], _examples_as_text(prompt, questions, answers, turns[last]), *turns[last + 1 :]]
    worked: list[Turn] = []
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True), 1):
        worked += [Turn(question, "examples", number), Turn(Message("assistant", answer), "examples", number)]
    return [*turns[:last], *worked, *turns[last:]]


def _part(message: Message, index: int, last_user: int) -> PromptPart:
    if index >= last_user:
        return "question"
    return "system" if message.role == "system" else "history"


def _last_user(messages: Sequence[Message]) -> int:
    return max((i for i, m in enumerate(messages) if m.role == "user"), default=len(messages))


def _with_paragraph(turn: Turn, text: str) -> Turn:
    message = turn.message
    return replace(turn, message=replace(message, text=f"{message.text}\n\n{text}")) if text else turn


def _examples_as_text(prompt: Prompt, questions: Sequence[Message], answers: Sequence[str], question: Turn) -> Turn:
    worked = "\n\n".join(f"{q.text}\n\n{a}" for q, a in zip(questions, answers, strict=True))
    title, task = wording(prompt, "examples_title"), wording(prompt, "question_title")
    return Turn(Message("user", f"### {title}\n\n{worked}\n\n### {task}\n\n{question.message.text}"), "question")
