"""Passes over the replies of runs that this server carries out, in threads, and how far one is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import streamlit as st

from promptgrid.judging import rescore
from promptgrid.judging.rescore import Recheck
from promptgrid.judging.session import Pass
from promptgrid.store import Database

_LOOK_S = 1.0


@dataclass
class RescoringTask:
    """One pass over a run's replies, in a thread: `done` of `total` scores are there. `drawn`: a page that was begun
    after its end has them all."""

    future: Future[None] = field(default_factory=Future)
    done: int = 0
    total: int = 0
    drawn: bool = False

    def tell(self, done: int, total: int) -> None:
        self.done, self.total = done, total


@dataclass
class Works:
    """The passes of this server, the latest of each run."""

    by_run: dict[str, RescoringTask] = field(default_factory=dict)

    def start(self, database: Database, planned: Recheck, budget: str = "") -> None:
        """Begins one; who wants to know looks it up. The server's end does not wait for it: see `passes`."""
        work = self.by_run[planned.run_id] = RescoringTask()

        def carry_out() -> None:
            try:
                rescore.carry_out(database, planned, budget=budget, tell=work.tell)
            except BaseException as error:  # noqa: BLE001  # the page raises it
                work.future.set_exception(error)
            else:
                work.future.set_result(None)

        threading.Thread(target=carry_out, name="checks", daemon=True).start()


@st.cache_resource
def works() -> Works:
    """One a server."""
    return Works()


def progress(at_work: Callable[[], RescoringTask | Pass | None]) -> None:
    """Looks in until nobody is at work any more."""

    @st.fragment(run_every=_LOOK_S)
    def look() -> None:
        work = at_work()
        if work is None:
            st.rerun()
        done = f"{work.done:,} of {work.total:,} scores" if work.total else "Scoring …"
        st.progress(work.done / work.total if work.total else 0.0, text=done)

    look()
