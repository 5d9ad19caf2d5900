"""The techniques: the ways to put a prompt to a model, in one call or in several.

A plan names a technique by its name, perhaps with options: `self-refine:rounds=3`. If a technique does not suit a
prompt, `unavailable` gives the reason and a plan makes no cells for it; there is no silent fallback.
"""

from __future__ import annotations

from promptgrid.techniques.options import split_techniques
from promptgrid.techniques.registry import (
    TECHNIQUES,
    answer_marker,
    build_turns,
    first_call,
    known_technique,
    most_calls,
    parse_technique,
    progress,
    select_examples,
    technique_calls,
    unavailable,
    votes,
)
from promptgrid.techniques.steps import Ask, Done, Progress, StepCall, StepReply, Task, Technique, not_computed, reached
from promptgrid.techniques.turns import ExamplesAs, PromptPart, Turn, messages_of
from promptgrid.techniques.wording import WORDING, wording

__all__ = [
    "TECHNIQUES", "WORDING", "Ask", "Done", "ExamplesAs", "Progress", "PromptPart", "StepCall", "StepReply", "Task",
    "Technique", "Turn", "answer_marker", "build_turns", "first_call", "known_technique", "messages_of",
    "most_calls", "not_computed", "parse_technique", "progress", "reached", "select_examples", "split_techniques",
    "technique_calls", "unavailable", "votes", "wording",
]  # fmt: skip
