"""A process that checks a run as the dashboard does, in a thread, and then waits: RUN CHECK."""

from __future__ import annotations

import sys
import time

from promptgrid.grading import parse_check
from promptgrid.judging import rescore
from promptgrid.store import Database
from promptgrid.ui.compare.rescoring import Rescorings

if __name__ == "__main__":
    database = Database()
    Rescorings().start(database, rescore.plan_recheck(database, sys.argv[1], add=[parse_check(sys.argv[2])]))
    time.sleep(600)
