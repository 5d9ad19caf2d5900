"""The techniques: zero-shot, few-shot, chain-of-thought, few-shot-cot, self-consistency.

Each technique is a pure function that makes turns of a prompt, values and examples. If a technique does not suit a
prompt, `unavailable` gives the reason and a plan makes no cells for it; there is no silent fallback.
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
"""The texts that techniques add to a prompt, by language and name. A prompt's own `wording` overrides single texts."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message to send, and the part of the context budget (system, examples, question …) to which it belongs.

    `example` is the number, from 1, of the example that the turn belongs to; 0 for other turns.
    """

    message: Message
    part: PromptPart
    example: int = 0


def wording(prompt: Prompt, name: str) -> str:
    """Returns the text that a technique adds under this `name`: the prompt's own wording, else the text of `WORDING` in
    the prompt's language, else in English."""
    own = prompt.wording.get(name)
    return own if own is not None else WORDING.get(prompt.language, WORDING["en"])[name]


def zero_shot(prompt: Prompt, values: Mapping[str, Any], examples: Sequence[Example], as_: ExamplesAs) -> list[Turn]:
    """Returns the turns of the prompt as written, with these `values` of its variables. `examples` and `as_` are not
    used. Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"."""
    return _turns(prompt, prompt.messages, values)


def few_shot(prompt: Prompt, values: Mapping[str, Any], examples: Sequence[Example], as_: ExamplesAs) -> list[Turn]:
    """Returns the turns of the prompt with these `values` of its variables, and the examples before the question: as
    turns of their own, or with `as_="text"` inside the question's message. Source: Brown et al. 2020, "Language Models
    are Few-Shot Learners"."""
    return _with_examples(prompt, prompt.messages, values, examples, as_, [e.answer for e in examples])


def chain_of_thought(
    prompt: Prompt, values: Mapping[str, Any], examples: Sequence[Example], as_: ExamplesAs
) -> list[Turn]:
    """Returns the turns of the prompt with these `values` of its variables; the question also asks to reason first.
    `examples` and `as_` are not used. Source: Kojima et al. 2022, "Large Language Models are Zero-Shot Reasoners"."""
    return _turns(prompt, _asking_for_reasons(prompt), values)


def few_shot_cot(prompt: Prompt, values: Mapping[str, Any], examples: Sequence[Example], as_: ExamplesAs) -> list[Turn]:
    """Returns the turns of the prompt with these `values` of its variables; the question also asks to reason first. The
    examples, with their reasoning, stand before it: as turns of their own, or with `as_="text"` inside its message.
    Source: Wei et al. 2022, "Chain-of-Thought Prompting Elicits Reasoning in LLMs"."""
    marker = wording(prompt, "marker")
    answers = [f"{e.reasoning}\n{marker} {e.answer}" for e in examples]
    return _with_examples(prompt, _asking_for_reasons(prompt), values, examples, as_, answers)


def self_consistency(
    prompt: Prompt, values: Mapping[str, Any], examples: Sequence[Example], as_: ExamplesAs
) -> list[Turn]:
    """Makes the turns of chain-of-thought; the answer of a case is the majority vote of its samples. `examples` and
    `as_` are not used.

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
    """Returns `name` if a technique has that name. Raises PlanError otherwise, with the most similar name as a hint."""
    if name in TECHNIQUES:
        return name
    raise PlanError(f'There is no technique "{name}".', hint=did_you_mean(name, TECHNIQUES))


def unavailable(prompt: Prompt, technique: str) -> str:
    """Returns the reason why the technique cannot be used with this prompt; "" if it can."""
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
    """Returns the first `k` of the prompt's examples (None: all) that the technique can use: few-shot-cot needs
    examples with reasoning. Empty for a technique without examples."""
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
    """Returns the turns to send for these values, with at most `k` examples (None: all). With `examples_as="text"` the
    examples stand inside the question's message, otherwise they are turns.

    Raises PlanError for an unknown or unavailable technique, PromptError for a broken template.
    """
    reason = unavailable(prompt, known_technique(technique))
    if reason:
        raise PlanError(f'"{prompt.name}" cannot use {technique}: {reason}.')
    messages, values = expanded(prompt.messages, values, prompt.inputs)
    if messages != prompt.messages:
        prompt = replace(prompt, messages=messages)
    return TECHNIQUES[technique](prompt, values, select_examples(prompt, technique, k), examples_as)


def answer_marker(prompt: Prompt, technique: str) -> str:
    """Returns the text that begins the line with the final answer, such as `Answer:`; "" if the technique asks for no
    reasoning, so that the whole reply is the answer."""
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
