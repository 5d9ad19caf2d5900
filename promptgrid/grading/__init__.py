"""Checks: output × expected -> Score(value, answer, explanation); every check is bounded in time.

`grade` scores the plain ones, and is pure. Those that need a process (`python`) or an endpoint (`judge`, similarity by
embedding) are scored by the runner when the replies are there.
"""

from promptgrid.grading.checks import CHECKS, default_checks, grade
from promptgrid.grading.spec import USUAL, CheckSpec, parse_check
from promptgrid.grading.subject import Score, Subject, Verdict

__all__ = ["CHECKS", "USUAL", "CheckSpec", "Score", "Subject", "Verdict", "default_checks", "grade", "parse_check"]
