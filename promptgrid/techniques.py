"""Techniques, ways to put a prompt to a model: zero-shot, few-shot, chain-of-thought, few-shot-cot, self-consistency.

Each is a pure function of (prompt, values, examples) to turns. A technique that does not suit a prompt
says why (`unavailable`) and makes no cells; there is no silent fallback.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from promptgrid.errors import PlanError
from promptgrid.prompt import Example, Message, Prompt, expanded, render
from promptgrid.suggestions import did_you_mean

PromptPart = Literal["system", "examples", "retrieved", "history", "question"]
ExamplesAs = Literal["turns", "text"]

WORDING: Mapping[str, Mapping[str, str]] = {
    "en": {
        "reason": 'Think step by step. Then give the final answer alone on a last line that starts with "{marker}".',
        "marker": "Answer:",
        "examples_title": "Examples",
        "question_title": "Now the task",
    },
    "zh": {
        "reason": "请一步一步地思考，最后另起一行，以“{marker}”开头，只写最终答案。",
        "marker": "答案：",
        "examples_title": "示例",
        "question_title": "现在的任务",
    },
}
"""The sentences that techniques add, by language. A prompt's own `wording` overrides them one by one."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message to send, and its part of the context budget.

    `example` is the number of the worked example, from 1; 0 for other turns.
    """

    message: Message
    part: PromptPart
    example: int = 0


def wording(prompt: Prompt, name: str) -> str:
    """The prompt's own sentence with that name, else that of its language (English if the language is unknown)."""
    own = prompt.wording.get(name)
    return own if own is not None else WORDING.get(prompt.language, WORDING["en"])[name]


def zero_shot(prompt: Prompt, values: Mapping[str, Any], examples: Sequence[Example], as_: ExamplesAs) -> list[Turn]:
    """The prompt as written (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners")."""
    return _turns(prompt, prompt.messages, values)


def few_shot(prompt: Prompt, values: Mapping[str, Any], examples: Sequence[Example], as_: ExamplesAs) -> list[Turn]:
    """Worked examples before the question (Brown et al. 2020, "Language Models are Few-Shot Learners")."""
    return _with_examples(prompt, prompt.messages, values, examples, as_, [e.answer for e in examples])


def chain_of_thought(
    prompt: Prompt, values: Mapping[str, Any], examples: Sequence[Example], as_: ExamplesAs
) -> list[Turn]:
    """Asks for the reasoning first (Kojima et al. 2022, "Large Language Models are Zero-Shot Reasoners")."""
    return _turns(prompt, _asking_for_reasons(prompt), values)


def few_shot_cot(prompt: Prompt, values: Mapping[str, Any], examples: Sequence[Example], as_: ExamplesAs) -> list[Turn]:
    """Examples with their reasoning (Wei et al. 2022, "Chain-of-Thought Prompting Elicits Reasoning in LLMs")."""
    marker = wording(prompt, "marker")
    answers = [f"{e.reasoning}\n{marker} {e.answer}" for e in examples]
    return _with_examples(prompt, _asking_for_reasons(prompt), values, examples, as_, answers)


def self_consistency(
    prompt: Prompt, values: Mapping[str, Any], examples: Sequence[Example], as_: ExamplesAs
) -> list[Turn]:
    """Chain of thought on the wire; many samples and a majority vote make the answer.

    Wang et al. 2022, "Self-Consistency Improves Chain of Thought Reasoning in Language Models".
    """
    return chain_of_thought(prompt, values, examples, as_)


Build = Callable[[Prompt, Mapping[str, str], Sequence[Example], ExamplesAs], list[Turn]]

TECHNIQUES: Mapping[str, Build] = {
    "zero-shot": zero_shot,
    "few-shot": few_shot,
    "chain-of-thought": chain_of_thought,
    "few-shot-cot": few_shot_cot,
    "self-consistency": self_consistency,
}
SHOWS_EXAMPLES = frozenset({"few-shot", "few-shot-cot"})
ASKS_FOR_REASONS = frozenset({"chain-of-thought", "few-shot-cot", "self-consistency"})
VOTES = frozenset({"self-consistency"})
"""Techniques whose answer is the majority vote of all samples of a case."""


def known_technique(name: str) -> str:
    """The name itself; PlanError with the closest one when there is no such technique."""
    if name in TECHNIQUES:
        return name
    raise PlanError(f'There is no technique "{name}".', hint=did_you_mean(name, TECHNIQUES))


def unavailable(prompt: Prompt, technique: str) -> str:
    """The reason why the technique does not suit this prompt; empty if it does."""
    if technique == "zero-shot":
        return ""
    if prompt.api == "completion":
        return "a plain continuation has no turns to put examples or instructions into"
    if not any(m.role == "user" for m in prompt.messages):
        return "the prompt has no user message"
    if technique in SHOWS_EXAMPLES and not prompt.examples:
        return "the prompt has no examples"
    if technique == "few-shot-cot" and not any(e.reasoning for e in prompt.examples):
        return "none of the prompt's examples has reasoning"
    return ""


def select_examples(prompt: Prompt, technique: str, k: int | None = None) -> tuple[Example, ...]:
    """The first `k` examples that the technique can show (None: all); none for a technique that shows none."""
    if technique not in SHOWS_EXAMPLES:
        return ()
    usable = [e for e in prompt.examples if e.reasoning or technique != "few-shot-cot"]
    return tuple(usable[:k])


def build_turns(
    prompt: Prompt,
    values: Mapping[str, Any],
    technique: str,
    *,
    k: int | None = None,
    examples_as: ExamplesAs = "turns",
) -> list[Turn]:
    """The turns to send, rendered. Raises PlanError for an unavailable technique, PromptError for a broken template."""
    reason = unavailable(prompt, known_technique(technique))
    if reason:
        raise PlanError(f'"{prompt.name}" cannot use {technique}: {reason}.')
    messages, values = expanded(prompt.messages, values, prompt.inputs)
    if messages != prompt.messages:
        prompt = replace(prompt, messages=messages)
    return TECHNIQUES[technique](prompt, values, select_examples(prompt, technique, k), examples_as)


def answer_marker(prompt: Prompt, technique: str) -> str:
    """The start of the line with the final answer; empty if the whole reply is the answer."""
    return wording(prompt, "marker") if technique in ASKS_FOR_REASONS else ""


def _turns(prompt: Prompt, templates: Sequence[Message], values: Mapping[str, Any]) -> list[Turn]:
    last = _last_user(templates)
    rendered = render(templates, values, prompt.inputs)
    return [Turn(m, _part(m, i, last)) for i, m in enumerate(rendered)]


def _part(message: Message, index: int, last_user: int) -> PromptPart:
    if index >= last_user:
        return "question"
    return "system" if message.role == "system" else "history"


def _last_user(messages: Sequence[Message]) -> int:
    return max((i for i, m in enumerate(messages) if m.role == "user"), default=len(messages))


def _asking_for_reasons(prompt: Prompt) -> tuple[Message, ...]:
    # raw: braces in the sentence are text, not a template
    ask = wording(prompt, "reason").replace("{marker}", wording(prompt, "marker"))
    last = _last_user(prompt.messages)
    question = Message("user", f"{prompt.messages[last].text}\n\n{{% raw %}}{ask}{{% endraw %}}")
    return (*prompt.messages[:last], question, *prompt.messages[last + 1 :])


def _with_examples(
    prompt: Prompt,
    templates: Sequence[Message],
    values: Mapping[str, Any],
    examples: Sequence[Example],
    as_: ExamplesAs,
    answers: Sequence[str],
) -> list[Turn]:
    turns = _turns(prompt, templates, values)
    last = _last_user(templates)
    # A variable that an example lacks (a target language, say) takes the value of the case.
    questions = [render([templates[last]], {**values, **e.inputs}, prompt.inputs)[0] for e in examples]
    if as_ == "text":
        return [*turns[:last], _examples_as_text(prompt, questions, answers, turns[last]), *turns[last + 1 :]]
    worked: list[Turn] = []
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True), 1):
        worked += [Turn(question, "examples", number), Turn(Message("assistant", answer), "examples", number)]
    return [*turns[:last], *worked, *turns[last:]]


def _examples_as_text(prompt: Prompt, questions: Sequence[Message], answers: Sequence[str], question: Turn) -> Turn:
    worked = "\n\n".join(f"{q.text}\n\n{a}" for q, a in zip(questions, answers, strict=True))
    title, task = wording(prompt, "examples_title"), wording(prompt, "question_title")
    return Turn(Message("user", f"### {title}\n\n{worked}\n\n### {task}\n\n{question.message.text}"), "question")
