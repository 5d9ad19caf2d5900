"""Names the techniques, reads their options, and starts them for a prompt and a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from promptgrid.errors import PlanError
from promptgrid.prompt import Example, Parameters, Prompt, expanded
from promptgrid.prompt.retrieval import retrieval_calls
from promptgrid.suggestions import did_you_mean, listed
from promptgrid.techniques import choosing, decomposition, refinement, single
from promptgrid.techniques.chain import chain_calls, chained
from promptgrid.techniques.options import NumberOption, TechniqueOption, WordOption
from promptgrid.techniques.retrieval import Retrieval, retrieving
from promptgrid.techniques.steps import (
    Ask,
    ComputeNearest,
    Progress,
    ScoreText,
    StepCall,
    Steps,
    Task,
    Technique,
    not_computed,
    one_call,
    unscored,
)
from promptgrid.techniques.tool_loop import unavailable_tools, with_tools
from promptgrid.techniques.turns import ExamplesAs, Turn
from promptgrid.techniques.wording import wording

TECHNIQUES: Mapping[str, Technique] = {
    "zero-shot": Technique("Radford et al. 2019", one_call(single.zero_shot)),
    "few-shot": Technique(
        "Brown et al. 2020",
        one_call(single.few_shot),
        words=("examples_title", "question_title"),
        shows_examples=True,
    ),
    "chain-of-thought": Technique(
        "Kojima et al. 2022", one_call(single.chain_of_thought), words=("reason", "marker"), marks_answer=True
    ),
    "few-shot-cot": Technique(
        "Wei et al. 2022",
        one_call(single.few_shot_cot),
        words=("reason", "marker", "examples_title", "question_title"),
        shows_examples=True,
        shows_reasoning=True,
        marks_answer=True,
    ),
    "self-consistency": Technique(
        "Wang et al. 2022",
        one_call(single.chain_of_thought),
        words=("reason", "marker"),
        marks_answer=True,
        votes=True,
    ),
    "plan-and-solve": Technique(
        "Wang et al. 2023", one_call(single.plan_and_solve), words=("plan_and_solve", "marker"), marks_answer=True
    ),
    "chain-of-draft": Technique(
        "Xu et al. 2025", one_call(single.chain_of_draft), words=("draft", "marker"), marks_answer=True
    ),
    "step-back": Technique(
        "Zheng et al. 2023",
        decomposition.step_back,
        most_calls=lambda options: 2,
        words=("step_back", "on_principles", "marker"),
        marks_answer=True,
    ),
    "least-to-most": Technique(
        "Zhou et al. 2022",
        decomposition.least_to_most,
        most_calls=lambda options: 2 + options["questions"],
        options={"questions": NumberOption(4, 1, 20, "how many simpler questions are asked at most")},
        words=("decompose", "subquestion", "whole_task", "reason", "marker"),
        marks_answer=True,
    ),
    "self-refine": Technique(
        "Madaan et al. 2023",
        refinement.self_refine,
        most_calls=lambda options: 1 + 2 * options["rounds"],
        options={"rounds": NumberOption(2, 1, 10, "how often the reply is criticised and written again")},
        words=("reason", "critique", "refine_stop", "refine", "marker"),
        marks_answer=True,
    ),
    "chain-of-verification": Technique(
        "Dhuliawala et al. 2023",
        refinement.chain_of_verification,
        most_calls=lambda options: 3 + options["questions"],
        options={"questions": NumberOption(4, 1, 20, "how many questions check the reply at most")},
        words=("reason", "verify_questions", "verify", "verified", "marker"),
        marks_answer=True,
    ),
    "tree-of-thoughts": Technique(
        "Yao et al. 2023",
        choosing.tree_of_thoughts,
        most_calls=lambda options: (
            1 + options["depth"] * (2 if options["choose"] == "vote" else 1 + options["branches"])
        ),
        options={
            "branches": NumberOption(3, 2, 10, "how many next steps are proposed at each level"),
            "depth": NumberOption(2, 1, 10, "how many steps are decided before the answer"),
            "choose": WordOption(("vote", "value"), "how the next step is chosen"),
        },
        words=("thoughts", "along", "vote", "value", "reason", "marker"),
        marks_answer=True,
    ),
    "best-of-n": Technique(
        "Cobbe et al. 2021",
        choosing.best_of_n,
        most_calls=lambda options: options["n"] + (options["choose"] == "judge"),
        options={
            "n": NumberOption(3, 2, 20, "how many replies are asked for"),
            "choose": WordOption(("judge", "vote", "check"), "how the best reply is chosen"),
        },
        words=("reason", "judge_replies", "marker"),
        marks_answer=True,
    ),
}
"""The techniques by name."""


@cache
def parse_technique(text: str) -> tuple[Technique, Mapping[str, Any]]:
    """Reads `NAME` or `NAME:OPTION=VALUE,…` and returns the technique with all its options. Raises PlanError for an
    unknown name or option and for a value that the option cannot have, with the most similar name as a hint."""
    name, _, given = text.partition(":")
    technique = TECHNIQUES.get(name)
    if technique is None:
        raise PlanError(f'There is no technique "{name}".', hint=did_you_mean(name, TECHNIQUES))
    options = {key: option.default for key, option in technique.options.items()}
    for part in filter(None, given.split(",")):
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key not in options:
            hint = did_you_mean(key, options) or listed("Its options are", sorted(options))
            raise PlanError(f'{name} has no option "{key}".', hint=hint or f"{name} has no options.")
        options[key] = _value(name, key, value, technique.options[key])
    return technique, options


def _value(technique: str, key: str, text: str, option: TechniqueOption) -> int | str:
    value = option.read(text)
    if value is None:
        raise PlanError(f'{technique} cannot have {key}="{text}".', hint=f"{key} is {option.allowed}.")
    return value


def known_technique(text: str) -> str:
    """Returns the shortest text that names the same technique and options: those that differ from their defaults, in
    the order of the technique. Raises PlanError as `parse_technique` does."""
    technique, options = parse_technique(text)
    changed = (f"{key}={options[key]}" for key, option in technique.options.items() if options[key] != option.default)
    return ":".join(filter(None, (text.partition(":")[0], ",".join(changed))))


def technique_calls(text: str) -> int:
    """Returns the most calls that the technique makes for one cell. Raises PlanError as `parse_technique` does."""
    technique, options = parse_technique(text)
    return technique.most_calls(options)


def most_calls(prompt: Prompt, text: str, parameters: Parameters | None = None) -> int:
    """Returns the most calls that the technique, with the prompt's tools, and before it the prompt's chain and its
    retrieval by these `parameters` (None: without a model), make for one cell. Raises PlanError as `parse_technique`
    does."""
    rounds = prompt.tool_rounds if prompt.tools else 0
    before = retrieval_calls(parameters) if parameters else 0
    return before + technique_calls(text) + rounds + chain_calls(prompt, most_calls)


def votes(text: str) -> bool:
    """Tells whether the answer of a case is the majority vote over all samples of the technique. A name that is not
    known, as an imported run may have, has no vote."""
    technique = TECHNIQUES.get(text.partition(":")[0])
    return technique is not None and technique.votes


def unavailable(prompt: Prompt, text: str) -> str:
    """Returns the reason why the technique cannot be used with this prompt; "" if it can."""
    technique, _ = parse_technique(text)
    if reason := unavailable_tools(prompt, isinstance(technique.steps, one_call)):
        return reason
    if technique is TECHNIQUES["zero-shot"]:
        return ""
    if prompt.api == "completion":
        return "a plain continuation has no turns to put examples or instructions into"
    if not any(m.role == "user" for m in prompt.messages):
        return "the prompt has no user message"
    if technique.shows_examples and not prompt.examples:
        return "the prompt has no examples"
    if technique.shows_reasoning and not any(e.reasoning for e in prompt.examples):
        return "none of the prompt's examples has reasoning"
    return ""


def select_examples(prompt: Prompt, text: str, k: int | None = None) -> tuple[Example, ...]:
    """Returns the first `k` of the prompt's examples (None: all) that the technique can use: few-shot-cot needs
    examples with reasoning. Empty for a technique without examples."""
    technique, _ = parse_technique(text)
    if not technique.shows_examples:
        return ()
    usable = [e for e in prompt.examples if e.reasoning or not technique.shows_reasoning]
    return tuple(usable[:k])


def progress(
    prompt: Prompt,
    values: Mapping[str, Any],
    text: str,
    *,
    k: int | None = None,
    examples_as: ExamplesAs = "turns",
    score: ScoreText = unscored,
    parameters: Parameters | None = None,
    retrieval: Retrieval | None = None,
    nearest: ComputeNearest = not_computed,
) -> Progress:
    """Starts the technique for these values, with at most `k` examples (None: all); the first asks are made. With
    `examples_as="text"` the examples stand inside the question's message, otherwise they are turns. `score`,
    `parameters` and `nearest` are those of `Task`. With a `retrieval`, the model first decides what the values show of
    documents.

    Raises PlanError for an unknown or unavailable technique, PromptError for a broken template.
    """

    def steps(prompt: Prompt, values: Mapping[str, Any], text: str, score: ScoreText = unscored) -> Steps:
        if prompt.chain:
            values = yield from chained(prompt, values, steps, lambda text: parse_technique(text)[0].marks_answer)
        technique, task = _task(prompt, values, text, k, examples_as, score)
        if prompt.tools and isinstance(technique.steps, one_call):
            task = replace(task, parameters=parameters or task.parameters, nearest=nearest)
            return (yield from with_tools(technique.steps.turns(task), task))
        return (yield from technique.steps(task))

    def whole(shown: Mapping[str, Any]) -> Steps:
        return steps(prompt, {**values, **shown}, text, score)

    started = whole({}) if retrieval is None else retrieving(prompt, retrieval, whole)
    return Progress(started, most_calls(prompt, text, retrieval.parameters if retrieval else None))


def _task(
    prompt: Prompt,
    values: Mapping[str, Any],
    text: str,
    k: int | None,
    examples_as: ExamplesAs,
    score: ScoreText = unscored,
) -> tuple[Technique, Task]:
    technique, options = parse_technique(text)
    if reason := unavailable(prompt, text):
        raise PlanError(f'"{prompt.name}" cannot use {text}: {reason}.')
    messages, values = expanded(prompt.messages, values, prompt.inputs)
    if messages != prompt.messages:
        prompt = replace(prompt, messages=messages)
    return technique, Task(prompt, values, select_examples(prompt, text, k), examples_as, options, score)


def first_call(
    prompt: Prompt,
    values: Mapping[str, Any],
    text: str,
    *,
    k: int | None = None,
    examples_as: ExamplesAs = "turns",
    retrieval: Retrieval | None = None,
) -> StepCall:
    """Returns the technique's first call for these values; the arguments and errors are those of `progress`."""
    technique, _ = parse_technique(text)
    if (
        isinstance(technique.steps, one_call) and not prompt.chain and retrieval is None
    ):  # the usual case, kept fast for every case of a plan
        _, task = _task(prompt, values, text, k, examples_as)
        return StepCall(0, 0, 0, Ask("answer", tuple(technique.steps.turns(task)), tools=prompt.tools))
    return progress(prompt, values, text, k=k, examples_as=examples_as, retrieval=retrieval).calls[0]


def build_turns(
    prompt: Prompt,
    values: Mapping[str, Any],
    text: str,
    *,
    k: int | None = None,
    examples_as: ExamplesAs = "turns",
) -> list[Turn]:
    """Returns the turns of the technique's first call for these values; the arguments and errors are those of
    `progress`."""
    return list(first_call(prompt, values, text, k=k, examples_as=examples_as).ask.turns)


def answer_marker(prompt: Prompt, text: str) -> str:
    """Returns the text that begins the line with the final answer, such as `Answer:`; "" if the technique asks for no
    reasoning, so that the whole reply is the answer."""
    return wording(prompt, "marker") if parse_technique(text)[0].marks_answer else ""
