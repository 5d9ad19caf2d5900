"""Checks: output × expected -> Score(value, answer, explanation). Pure; every check is bounded in time."""

from promptgrid.grading.checks import CHECKS, Score, default_checks, grade
from promptgrid.grading.spec import CheckSpec, parse_check

__all__ = ["CHECKS", "CheckSpec", "Score", "default_checks", "grade", "parse_check"]
