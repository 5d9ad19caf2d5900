"""Techniques in which a model works on its own reply."""

from __future__ import annotations

import re

from promptgrid.answers import read_answer
from promptgrid.prompt import AnswerRule
from promptgrid.techniques.lists import items
from promptgrid.techniques.steps import PROPOSING, Ask, Done, Steps, Task, after, one
from promptgrid.techniques.wording import phrase, wording

_FEW_WORDS = 5  # a longer critique may say that one step is correct and another is not
_NOTHING = re.compile(r"\b(?:nothing|none|neither|hardly|never|cannot|can't|unless|if)\b[^.!?\n]*$", re.IGNORECASE)


def self_refine(task: Task) -> Steps:
    """Asks for a reply, then in each of `rounds` for a critique of it and for a better reply. Stops early when the
    critique says the stop word.

    Source: Madaan et al. 2023, "Self-Refine: Iterative Refinement with Self-Feedback".
    """
    question, stop = task.asking(phrase(task.prompt, "reason")), wording(task.prompt, "refine_stop")
    reply = yield from one("draft", question)
    for number in range(1, task.options["rounds"] + 1):
        request = phrase(task.prompt, "critique", stop=stop)
        critique = yield from one(f"critique {number}", after(question, reply, request), **PROPOSING)
        if says(stop, critique.text, task.prompt.language):
            break
        improve = phrase(task.prompt, "refine", critique=critique.text)
        reply = yield from one(f"refine {number}", after(question, reply, improve))
    return Done(reply)


def says(stop: str, critique: str, language: str = "en") -> bool:
    """Tells whether a critique says the stop word as its verdict: as a whole word that is not denied ("not correct"),
    and either written just like the stop word or in a critique of a few words. A chain of thought does not count."""
    answer = read_answer(AnswerRule("label", labels=(stop,)), critique, language=language) if stop.strip() else None
    if answer is None or answer.answer is None:
        return False
    before, exact, _ = critique.rpartition(stop)
    if exact:
        return not _NOTHING.search(before[-200:])
    return len(critique.split()) <= _FEW_WORDS and not _NOTHING.search(critique)


def chain_of_verification(task: Task) -> Steps:
    """Asks for a reply, for questions that would show its mistakes, for the answers to these questions side by side and
    without the reply, then for the reply corrected by them. Without a list of questions the first reply stands.

    Source: Dhuliawala et al. 2023, "Chain-of-Verification Reduces Hallucination in Large Language Models" (factored).
    """
    question, most = task.asking(phrase(task.prompt, "reason")), task.options["questions"]
    draft = yield from one("draft", question)
    request = phrase(task.prompt, "verify_questions", number=most)
    listed = items((yield from one("questions", after(question, draft, request), **PROPOSING)))
    if not listed:
        return Done(draft, "step questions gave no list, so the draft stands unverified")
    note = f"step questions gave {len(listed):,} questions; the first {most} were asked" if len(listed) > most else ""
    asks = [
        Ask(f"check {number}", task.asking(phrase(task.prompt, "verify", question=one)), PROPOSING)
        for number, one in enumerate(listed[:most], 1)
    ]
    replies = yield asks
    checks = "\n\n".join(f"{one}\n{reply.text}" for one, reply in zip(listed, replies, strict=False))
    improve = phrase(task.prompt, "verified", checks=checks)
    return Done((yield from one("refine", after(question, draft, improve))), note)
