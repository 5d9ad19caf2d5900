"""Checks: output × expected -> Score(value, answer, explanation). Every check is bounded in time.

`grade` scores the plain checks and is pure. `promptgrid.judging` scores those that need a process (`python`) or an
endpoint (`judge`, similarity by embedding).
"""

from promptgrid.grading.checks import CHECKS, default_checks, grade
from promptgrid.grading.spec import USUAL, CheckSpec, parse_check
from promptgrid.grading.subject import Score, Subject, Verdict
