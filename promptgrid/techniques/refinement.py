"""Techniques in which a model works on its own reply."""

from __future__ import annotations

from promptgrid.techniques.single import with_marker
from promptgrid.techniques.steps import Done, Steps, Task, after, one
from promptgrid.techniques.wording import wording


def self_refine(task: Task) -> Steps:
    """Asks for a reply, then in each of `rounds` for a critique of it and for a better reply. Stops early when the
    critique says the stop word.

    Source: Madaan et al. 2023, "Self-Refine: Iterative Refinement with Self-Feedback".
    """
    question, stop = task.asking(with_marker(task, "reason")), wording(task.prompt, "refine_stop")
    reply = yield from one("draft", question)
    for number in range(1, task.options["rounds"] + 1):
        request = wording(task.prompt, "critique").replace("{stop}", stop)
        critique = yield from one(f"critique {number}", after(question, reply, request))
        if stop.casefold() in critique.text.casefold():
            break
        improve = with_marker(task, "refine").replace("{critique}", critique.text)
        reply = yield from one(f"refine {number}", after(question, reply, improve))
    return Done(reply)
