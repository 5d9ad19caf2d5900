"""Verdicts of a check, one of each outcome, and what a gate makes of them."""

from __future__ import annotations

from dataclasses import replace

from promptgrid import gate
from promptgrid.compare.variants import Variant
from promptgrid.compare.verdicts import CheckVerdict
from tests.stored import at

ZERO = Variant("p", "v", "zero-shot", "e/m", at(0.7))
RIGHT = CheckVerdict(
    ZERO, "t = 0.7", "1", "label", "passed", 1.0, 1.0, {"text": "x"}, "good", "good", "as expected", 1, 1, 2.0
)
WRONG = replace(RIGHT, outcome="failed", value=0.0, at_worst=0.0, answer="bad", explanation="answer bad, expected good")
UNREAD = replace(RIGHT, outcome="not scored", value=None, at_worst=0.0, answer=None, explanation="no answer")
UNASKED = replace(UNREAD, at_worst=None, expected=None, explanation="no expected value")
BROKEN = replace(UNREAD, outcome="broken", explanation="the check failed: it took longer than 5 s")
SILENT = replace(UNREAD, outcome="no reply", at_worst=None, explanation="timed out")


def result_of(least: float, *verdicts: CheckVerdict, confident: bool = False) -> gate.GateResult:
    numbered = [replace(verdict, case_id=str(n)) for n, verdict in enumerate(verdicts)]
    (result,) = gate.min_score(gate.MinScore("label", least, confident), numbered)
    return result
