"""Rescoring of runs in threads of this server, and its progress."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

import streamlit as st

from promptgrid.judging import rescore
from promptgrid.judging.rescore import Recheck
from promptgrid.judging.session import JudgingSession
from promptgrid.store import Database

_POLL_S = 1.0


@dataclass
class RescoringTask:
    """A rescoring in a thread of this server: `done` of `total` scores are stored. `drawn` becomes True when the page
    is drawn again after the task has ended."""

    future: Future[None] = field(default_factory=Future)
    done: int = 0
    total: int = 0
    drawn: bool = False

    def tell(self, done: int, total: int) -> None:
        self.done, self.total = done, total


@dataclass
class Rescorings:
    """The latest rescoring of each run in this server, by the run's id, and other work of judges by its name."""

    by_run: dict[str, RescoringTask] = field(default_factory=dict)

    def start(self, database: Database, recheck: Recheck, budget: str = "") -> None:
        """Starts a rescoring. `budget` is a text such as `2.50usd` ("": none). `judging.session` stores the progress,
        from which the rescoring can be resumed."""
        work = partial(rescore.carry_out, database, recheck, budget=budget)
        self.start_work(recheck.run_id, lambda task: work(on_progress=task.tell))

    def start_work(self, name: str, work: Callable[[RescoringTask], object]) -> None:
        """Starts the work of judges under this name, in a daemon thread, which does not keep the server from
        stopping."""
        task = self.by_run[name] = RescoringTask()

        def carry_out() -> None:
            try:
                work(task)
            except BaseException as error:  # noqa: BLE001  # the page raises the error
                task.future.set_exception(error)
            else:
                task.future.set_result(None)

        threading.Thread(target=carry_out, name="checks", daemon=True).start()


@st.cache_resource
def rescorings() -> Rescorings:
    return Rescorings()


def progress(current: Callable[[], RescoringTask | JudgingSession | None]) -> None:
    """Draws the progress of the task that `current` returns, and refreshes it. Reruns the page when `current` returns
    None: the task has ended."""

    @st.fragment(run_every=_POLL_S)
    def poll() -> None:
        task = current()
        if task is None:
            st.rerun()
        done = f"{task.done:,} of {task.total:,} scores" if task.total else "Scoring …"
        st.progress(task.done / task.total if task.total else 0.0, text=done)

    poll()
