"""Reads the answer out of a reply or an expected cell, and hashes answers for votes. The package is pure, and the time
of every reading is limited. An answer that cannot be understood is unread, with a note that says why."""

from promptgrid.answers.expected import Expected, accepted, expected_problem, read_expected
from promptgrid.answers.json_text import canonical_json, find_json
from promptgrid.answers.labels import find_labels
from promptgrid.answers.numbers import Numeral, find_numerals, last_numeral
from promptgrid.answers.options import case_rule
from promptgrid.answers.patterns import PatternMatch, search
from promptgrid.answers.read import Answer, read_answer
from promptgrid.answers.voting import ballot

__all__ = [
    "Answer",
    "Expected",
    "Numeral",
    "PatternMatch",
    "accepted",
    "ballot",
    "canonical_json",
    "case_rule",
    "expected_problem",
    "find_json",
    "find_labels",
    "find_numerals",
    "last_numeral",
    "read_answer",
    "read_expected",
    "search",
]
