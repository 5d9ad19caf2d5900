"""The last press of Try once, in flight or ended."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from promptgrid.calls.tried import TriedCell
from promptgrid.endpoint import Reply
from promptgrid.grid import Point
from promptgrid.loop import Background
from promptgrid.store import Database
from promptgrid.techniques import StepReply


@dataclass
class Try(Background):
    """The calls that the button "Try once" starts, in flight or ended. `expected` is the expected answer (None: there
    is none). Reruns of the page do not interrupt the calls."""

    cell: TriedCell
    expected: str | None

    def start(self, store: Database) -> None:
        self._start(self.cell.carry_out(store))

    @property
    def point(self) -> Point:
        """The point of the grid whose cell is tried."""
        return self.cell.point

    @property
    def reply(self) -> Reply | None:
        """The reply that is the output; None until the end."""
        output = self.cell.output
        return output.reply if output else None


def last_replies() -> list[StepReply]:
    """Returns the complete replies of the last try, in the order of its calls."""
    attempt: Try | None = st.session_state.get("compose_attempt")
    return [reply for step in attempt.cell.steps if (reply := step.answered)] if attempt else []
