"""The techniques of one call."""

from __future__ import annotations

from promptgrid.techniques.steps import Task
from promptgrid.techniques.turns import Turn, with_examples
from promptgrid.techniques.wording import phrase, wording


def zero_shot(task: Task) -> tuple[Turn, ...]:
    """Returns the turns of the prompt as written.

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners".
    """
    return task.question


def few_shot(task: Task) -> list[Turn]:
    """Returns the turns of the prompt, with the examples before the question.

    Source: Brown et al. 2020, "Language Models are Few-Shot Learners".
    """
    answers = [example.answer for example in task.examples]
    return with_examples(task.prompt, task.values, task.examples, task.examples_as, answers)


def chain_of_thought(task: Task) -> tuple[Turn, ...]:
    """Returns the turns of the prompt; the question also asks to reason first. Self-consistency sends the same turns,
    and takes the majority vote of a case's samples as its answer.

    Sources: Kojima et al. 2022, "Large Language Models are Zero-Shot Reasoners"; Wang et al. 2022, "Self-Consistency
    Improves Chain of Thought Reasoning in Language Models".
    """
    return task.asking(phrase(task.prompt, "reason"))


def few_shot_cot(task: Task) -> list[Turn]:
    """Returns the turns of the prompt, with the examples and their reasoning before the question; all questions also
    ask to reason first.

    Source: Wei et al. 2022, "Chain-of-Thought Prompting Elicits Reasoning in Large Language Models".
    """
    marker = wording(task.prompt, "marker")
    answers = [f"{example.reasoning}\n{marker} {example.answer}" for example in task.examples]
    reason = phrase(task.prompt, "reason")
    return with_examples(task.prompt, task.values, task.examples, task.examples_as, answers, reason)


def plan_and_solve(task: Task) -> tuple[Turn, ...]:
    """Returns the turns of the prompt; the question also asks to make a plan first and then to carry it out.

    Source: Wang et al. 2023, "Plan-and-Solve Prompting: Improving Zero-Shot Chain-of-Thought Reasoning by Large
    Language Models".
    """
    return task.asking(phrase(task.prompt, "plan_and_solve"))


def chain_of_draft(task: Task) -> tuple[Turn, ...]:
    """Returns the turns of the prompt; the question also asks to reason in drafts of a few words a step.

    Source: Xu et al. 2025, "Chain of Draft: Thinking Faster by Writing Less".
    """
    return task.asking(phrase(task.prompt, "draft"))
