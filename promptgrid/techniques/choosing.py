"""Techniques that choose among several replies: of whole answers, or of the next step on the way to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence

from promptgrid.answers import case_rule, read_answer
from promptgrid.techniques.lists import items, number_in, numbered
from promptgrid.techniques.steps import PROPOSING, Ask, Done, StepReply, Steps, Task, one
from promptgrid.techniques.turns import Turn
from promptgrid.techniques.wording import phrase, wording

HIGHEST_VALUE = 10
"""The best mark of a branch in `tree-of-thoughts:choose=value`; the lowest is 1."""

Choice = tuple[int, str]
"""The position of what was chosen, from 0, and a note on replies that could not be used; "" if all could."""
Choosing = Generator[Sequence[Ask], Sequence[StepReply], Choice]


def best_of_n(task: Task) -> Steps:
    """Asks for `n` replies side by side and chooses one: by the model as a judge that sees them all, by the majority of
    their answers, or by the plan's checks that need no expected answer. Equal marks go to the earlier reply.

    At temperature 0 a model gives the same reply each time, and there is nothing to choose.

    Sources: Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems"; Zheng et al. 2023, "Judging
    LLM-as-a-Judge with MT-Bench and Chatbot Arena".
    """
    turns = task.asking(phrase(task.prompt, "reason"))
    replies = yield [Ask(f"candidate {number}", turns) for number in range(1, task.options["n"] + 1)]
    if len({reply.text for reply in replies}) == 1:
        return Done(replies[0], f"all {len(replies)} candidates are the same text")
    choose: Callable[[Task, Sequence[StepReply]], Choosing] = _CHOOSE[task.options["choose"]]
    chosen, note = yield from choose(task, replies)
    return Done(replies[chosen], note)


def _judged(task: Task, replies: Sequence[StepReply]) -> Choosing:
    candidates = numbered([reply.text for reply in replies])
    turns = task.asking(phrase(task.prompt, "judge_replies", candidates=candidates))
    return (yield from _voted(task, "judge", turns, len(replies)))


def _voted(task: Task, step: str, turns: Sequence[Turn], count: int) -> Choosing:
    """Asks for the number of the best of `count` numbered texts."""
    number = number_in(task, (yield from one(step, turns, **PROPOSING)), count)
    return (0, f"step {step} named none of the {count}, so the first was taken") if number is None else (number - 1, "")


def _by_majority(task: Task, replies: Sequence[StepReply]) -> Choosing:
    yield from ()
    rule, marker = case_rule(task.prompt.answer, task.values), wording(task.prompt, "marker")
    answers = [read_answer(rule, reply.text, marker=marker, language=task.prompt.language).answer for reply in replies]
    read = Counter(answer for answer in answers if answer is not None)
    if not read:
        return 0, "no answer could be read in any candidate, so the first was taken"
    return answers.index(read.most_common(1)[0][0]), ""


def _by_checks(task: Task, replies: Sequence[StepReply]) -> Choosing:
    yield from ()
    marks = [task.score(reply.text) for reply in replies]
    known = [mark for mark in marks if mark is not None]
    if not known:
        return 0, "no check could score a candidate without the expected answer, so the first was taken"
    return marks.index(max(known)), ""


_CHOOSE: Mapping[str, Callable[[Task, Sequence[StepReply]], Choosing]] = {
    "judge": _judged,
    "vote": _by_majority,
    "check": _by_checks,
}


def tree_of_thoughts(task: Task) -> Steps:
    """At each of `depth` levels asks for `branches` different next steps, and goes on with the best: the one that the
    model votes for, or the one to which it gives the highest value, each valued side by side. Then asks for the answer
    along the chosen steps. It keeps one branch a level: breadth-first search with a breadth of 1.

    Source: Yao et al. 2023, "Tree of Thoughts: Deliberate Problem Solving with Large Language Models".
    """
    path: list[str] = []
    notes: list[str] = []
    for level in range(1, task.options["depth"] + 1):
        request = phrase(task.prompt, "thoughts", number=task.options["branches"])
        proposed = yield from one(f"thoughts {level}", task.asking(_along(task, path) + request), **PROPOSING)
        branches = items(proposed)[: task.options["branches"]]
        if not branches:
            notes.append(f"step thoughts {level} gave no list, so the tree ends there")
            break
        chosen, note = (0, "") if len(branches) == 1 else (yield from _best_branch(task, level, path, branches))
        path.append(branches[chosen])
        notes += filter(None, [note])
    answer = yield from one("answer", task.asking(_along(task, path) + phrase(task.prompt, "reason")))
    return Done(answer, "; ".join(notes))


def _along(task: Task, path: Sequence[str]) -> str:
    return phrase(task.prompt, "along", steps=numbered(path)) + "\n\n" if path else ""


def _best_branch(task: Task, level: int, path: Sequence[str], branches: Sequence[str]) -> Choosing:
    before = _along(task, path)
    if task.options["choose"] == "vote":
        turns = task.asking(before + phrase(task.prompt, "vote", candidates=numbered(branches)))
        return (yield from _voted(task, f"vote {level}", turns, len(branches)))
    replies = yield [
        Ask(
            f"value {level}.{number}",
            task.asking(before + phrase(task.prompt, "value", candidate=branch, highest=HIGHEST_VALUE)),
            PROPOSING,
        )
        for number, branch in enumerate(branches, 1)
    ]
    values = [number_in(task, reply, HIGHEST_VALUE) for reply in replies]
    unread = [str(number) for number, value in enumerate(values, 1) if value is None]
    note = f"no value could be read for branch {', '.join(unread)} of level {level}" if unread else ""
    return max(range(len(values)), key=lambda at: values[at] or 0), note
