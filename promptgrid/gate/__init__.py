"""Gates: the conditions that a run must meet, so that a script stops when a prompt has become worse."""

from promptgrid.gate.ask import GateReport, Gates, ask, gates_for
from promptgrid.gate.junit import junit, save_junit
from promptgrid.gate.measure import all_answered, min_score
from promptgrid.gate.results import Broke, GateResult, MinScore, ask_known, broke, parse_min_score
from promptgrid.gate.worse import NotWorse, not_worse, parse_not_worse
