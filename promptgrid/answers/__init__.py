"""How an answer is read out of a reply, and how several answers vote. Pure; every reading is bounded in time."""

from promptgrid.answers.json_text import canonical_json, find_json
from promptgrid.answers.labels import find_labels
from promptgrid.answers.numbers import Number, find_numbers, last_measured, last_number
from promptgrid.answers.patterns import PatternMatch, search
from promptgrid.answers.read import Answer, read_answer
from promptgrid.answers.voting import MajorityAnswer, ballot, vote

__all__ = [
    "Answer",
    "MajorityAnswer",
    "Number",
    "PatternMatch",
    "ballot",
    "canonical_json",
    "find_json",
    "find_labels",
    "find_numbers",
    "last_measured",
    "last_number",
    "read_answer",
    "search",
    "vote",
]
