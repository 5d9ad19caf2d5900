"""The blind arena: one pair, the vote, the next pair. Nothing that is sent to the browser says what is behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from promptgrid.arena import Arena, ReplyPair
from promptgrid.errors import PromptgridError
from promptgrid.humanize import many
from promptgrid.store import Database, votes
from promptgrid.store.cell_columns import ReplyToCase, replies_to_cases
from promptgrid.store.votes import Vote
from promptgrid.ui.widgets.component import component
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.judge_name import judge_name

LONGEST = 50_000  # characters of a text that are shown
_KEY = "judge_board"
_SHOWN = "judge_shown"
_FAILED = "judge_failed"

_WORDS = {
    "label": "Two replies to the same case",
    "expected": "Expected",
    "choices": [
        ("left", "←", "A is better"),
        ("tie", "↓", "Tie"),
        ("right", "→", "B is better"),
        ("skip", "S", "Skip"),
        ("undo", "U", "Undo"),
    ],
}


@dataclass(frozen=True, slots=True)
class _Shown:
    """What this browser shows: a vote is on this, and only while the judge's latest vote is still `at`."""

    run_id: str
    owner: str
    at: int
    pair: ReplyPair | None


def board(database: Database, run_id: str, arena: Arena) -> None:
    """Draws the pair that comes next for whoever judges here."""
    owner = judge_name(database)
    mine = _mine(database, run_id, owner)
    pair = arena.next_pair(mine, owner)
    st.session_state[_SHOWN] = _Shown(run_id, owner, _at(mine), pair)
    if error := st.session_state.pop(_FAILED, None):
        show_error(error)
    after = arena.next_pair([*mine, _as_voted(pair, owner)], owner) if pair else None
    positions = [at for each in (pair, after) if each for at in (each.left, each.right)]
    replies = replies_to_cases(database, run_id, positions, LONGEST)
    data = board_data(arena, _sides(pair, replies), _sides(after, replies), mine)
    component("arena")(key=_KEY, data=data, on_vote_change=partial(_on_vote, database))


def board_data(
    arena: Arena, pair: Sequence[ReplyToCase], after: Sequence[ReplyToCase], mine: Sequence[Vote]
) -> dict[str, Any]:
    """All that the browser gets: a pair, the one after it (so that it stands at once), and how far one is; no position,
    variant, model or parameter."""
    return {
        "at": _at(mine),
        "pair": _pair_data(pair),
        "next": _pair_data(after),
        "progress": _progress(arena, len(mine)),
        "percent": min(100, round(100 * len(mine) / max(1, arena.goal))),
        "over": "" if pair else f"You have seen all {many(arena.possible, 'pair')}.",
        "undoable": bool(mine),
        "words": _WORDS,
    }


def _pair_data(sides: Sequence[ReplyToCase]) -> dict[str, Any] | None:
    if not sides:
        return None
    return {
        "sides": [{"text": side.text, "cut": _cut(side)} for side in sides],
        "inputs": list(sides[0].inputs.items()),
        "expected": sides[0].expected,
    }


def _as_voted(pair: ReplyPair, owner: str) -> Vote:
    """Whatever will be said of it, the same pair comes after."""
    return Vote(0, pair.left, pair.right, "skip", owner, False, None, 0.0)


def _sides(pair: ReplyPair | None, replies: Mapping[int, ReplyToCase]) -> list[ReplyToCase]:
    """Both, or none: a run that is removed meanwhile has no replies."""
    sides = [replies[at] for at in (pair.left, pair.right) if at in replies] if pair else []
    return sides if len(sides) == 2 else []


def _cut(reply: ReplyToCase) -> str:
    rest = reply.chars - len(reply.text)
    return f"{rest:,} more characters are not shown." if rest > 0 else ""


def _progress(arena: Arena, done: int) -> str:
    if done >= arena.goal and arena.possible > arena.goal:
        return f"{done:,} judged, {max(0, arena.possible - done):,} pairs left; enough for a first ranking"
    about = "about " if arena.goal < arena.possible else ""
    return f"{done:,} of {about}{arena.goal:,}"


def _mine(database: Database, run_id: str, owner: str) -> list[Vote]:
    return [vote for vote in votes.listed(database, run_id) if vote.owner == owner and not vote.by_model]


def _at(mine: Sequence[Vote]) -> int:
    """The judge's latest vote; 0: none yet."""
    return mine[-1].id if mine else 0


def _on_vote(database: Database) -> None:
    """Keeps or takes back a vote. One on a page that is no longer the latest (a second tab, a key that came twice)
    changes nothing: the page is drawn anew and shows what is."""
    sent, now = st.session_state[_KEY].get("vote"), st.session_state.get(_SHOWN)
    if not sent or now is None or sent["at"] != now.at:
        return
    mine = _mine(database, now.run_id, now.owner)
    if _at(mine) != now.at:
        return
    try:
        if sent["choice"] == "undo":
            votes.undo(database, now.at)
        elif now.pair is not None and sent["choice"] in ("left", "right", "tie", "skip"):
            votes.add(database, now.run_id, now.pair.left, now.pair.right, sent["choice"], now.owner)
    except PromptgridError as error:
        st.session_state[_FAILED] = error
