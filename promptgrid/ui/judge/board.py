"""The blind arena: one pair, the vote, the next pair. The browser gets no data that reveals the source of a reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from promptgrid.arena import Arena, ReplyPair
from promptgrid.humanize import many
from promptgrid.store import Database, votes
from promptgrid.store.cell_columns import ReplyToCase, replies_to_cases
from promptgrid.store.votes import Vote
from promptgrid.text import value_text
from promptgrid.ui.widgets.callbacks import leaving_error
from promptgrid.ui.widgets.component import component
from promptgrid.ui.widgets.feedback import show_left_error
from promptgrid.ui.widgets.judge_name import judge_name

LONGEST = 50_000  # characters of a text that are shown
_KEY = "judge_board"
_TASK = "judge_task"
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
class _Task:
    """The `pair` on the screen (None: no pair is left) and its judge (`owner`). `at` is the id of the judge's latest
    vote when the pair was drawn (0: none). If the judge has voted since, in a second tab, a vote on this pair is
    ignored."""

    run_id: str
    owner: str
    at: int
    pair: ReplyPair | None


def board(database: Database, run_id: str, arena: Arena) -> None:
    """Draws the next of the arena's pairs of replies that the judge of this session has not judged yet."""
    owner = judge_name(database)
    votes_so_far = _votes_by(database, run_id, owner)
    pair = arena.next_pair(votes_so_far, owner)
    st.session_state[_TASK] = _Task(run_id, owner, _at(votes_so_far), pair)
    show_left_error(_FAILED)
    next_pair = arena.next_pair([*votes_so_far, _any_vote(pair, owner)], owner) if pair else None
    positions = [at for each in (pair, next_pair) if each for at in (each.left, each.right)]
    replies = replies_to_cases(database, run_id, positions, LONGEST)
    data = board_data(arena, _sides(pair, replies), _sides(next_pair, replies), votes_so_far)
    component("arena")(key=_KEY, data=data, on_vote_change=partial(_on_vote, database))


def board_data(
    arena: Arena, sides: Sequence[ReplyToCase], next_sides: Sequence[ReplyToCase], votes_so_far: Sequence[Vote]
) -> dict[str, Any]:
    """Returns all data for the browser: the replies of a pair (`sides`), those of the next pair, which the browser can
    draw at once, and the progress.

    The data has no position, variant, model or parameter: it must not reveal where a reply comes from.
    """
    return {
        "at": _at(votes_so_far),
        "pair": _pair_data(sides),
        "next": _pair_data(next_sides),
        "progress": _progress(arena, len(votes_so_far)),
        "percent": min(100, round(100 * len(votes_so_far) / max(1, arena.goal))),
        "over": "" if sides else f"You have judged all {many(arena.possible, 'pair')}.",
        "undoable": bool(votes_so_far),
        "words": _WORDS,
    }


def _pair_data(sides: Sequence[ReplyToCase]) -> dict[str, Any] | None:
    if not sides:
        return None
    return {
        "sides": [{"text": side.text, "cut": _cut(side)} for side in sides],
        "inputs": [(name, value_text(value)) for name, value in sides[0].inputs.items()],
        "expected": sides[0].expected,
    }


def _any_vote(pair: ReplyPair, owner: str) -> Vote:
    """Returns a vote on the pair with an arbitrary outcome. It serves to find the next pair before the judge votes: the
    next pair does not depend on the outcome."""
    return Vote(0, pair.left, pair.right, "skip", owner, False, None, 0.0)


def _sides(pair: ReplyPair | None, replies: Mapping[int, ReplyToCase]) -> list[ReplyToCase]:
    """Returns the left and the right reply of the pair, from `replies` by position; [] if there is no pair, or if the
    run was removed."""
    sides = [replies[at] for at in (pair.left, pair.right) if at in replies] if pair else []
    return sides if len(sides) == 2 else []


def _cut(reply: ReplyToCase) -> str:
    rest = reply.chars - len(reply.text)
    return f"{rest:,} more characters are not shown." if rest > 0 else ""


def _progress(arena: Arena, done: int) -> str:
    if done >= arena.goal and arena.possible > arena.goal:
        return f"{done:,} judged, {max(0, arena.possible - done):,} pairs left, enough for a first ranking"
    about = "about " if arena.goal < arena.possible else ""
    return f"{done:,} of {about}{arena.goal:,}"


def _votes_by(database: Database, run_id: str, owner: str) -> list[Vote]:
    return [vote for vote in votes.listed(database, run_id) if vote.owner == owner and not vote.by_model]


def _at(votes_so_far: Sequence[Vote]) -> int:
    """Returns the id of the last of the judge's votes so far; 0 if there is none."""
    return votes_so_far[-1].id if votes_so_far else 0


@leaving_error(_FAILED)
def _on_vote(database: Database) -> None:
    """Stores or undoes a vote. Ignores a vote from an outdated page (a second tab, a repeated key press)."""
    message, task = st.session_state[_KEY].get("vote"), st.session_state.get(_TASK)
    if not message or task is None or message["at"] != task.at:
        return
    votes_so_far = _votes_by(database, task.run_id, task.owner)
    if _at(votes_so_far) != task.at:
        return
    if message["choice"] == "undo":
        votes.undo(database, task.at)
    elif task.pair is not None and message["choice"] in ("left", "right", "tie", "skip"):
        votes.add(database, task.run_id, task.pair.left, task.pair.right, message["choice"], task.owner)
