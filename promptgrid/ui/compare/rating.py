"""A person's word on one reply: a thumb or stars, and a note; what others said stands beneath."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.store import Database, ratings
from promptgrid.store.ratings import STARS, Rating, Scale, value_of
from promptgrid.ui.compare.facts import Fact, facts
from promptgrid.ui.widgets.callbacks import one_at_a_time
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.judge_name import judge_name, name_popover

_THUMBS = ("thumb down", "thumb up")
_LONGEST_NOTE = 2000
# scale -> (what Streamlit calls it, its lowest mark: Streamlit counts from 0)
_WIDGETS: dict[Scale, tuple[Literal["thumbs", "stars"], int]] = {"thumb": ("thumbs", 0), "stars": ("stars", 1)}


@st.fragment
def rating_widget(database: Database, run_id: str, position: int) -> None:
    """Draws the rating of a cell by whoever judges here, to be given, changed and cleared, and those of others.

    Everything is kept at once; what cannot be kept (the run was removed in another tab) is said.
    """
    place = _Place(database, run_id, position, judge_name(database))
    mine = place.mine()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="rating"):
        for scale in _WIDGETS:
            _marks(place, mine, scale)
        name_popover(database, place.key("name"))
        if mine.mark is not None or mine.note:
            st.button("Clear", key=place.key("clear"), type="tertiary", on_click=_clear, args=(place,))
    _note(place, mine)
    if error := st.session_state.pop(place.key("failed"), None):
        show_error(error)
    others = [r for r in ratings.listed(database, run_id, position) if r.owner != place.owner]
    facts([_said(rating) for rating in others], key="rating_others")


@dataclass(frozen=True, slots=True)
class _Place:
    """Whose rating of which cell."""

    database: Database
    run_id: str
    position: int
    owner: str

    def key(self, name: str) -> str:
        return f"rating_{self.run_id}_{self.position}_{self.owner}_{name}"

    def mine(self) -> Rating:
        """As it is now: the note and a mark may change with one click."""
        listed = ratings.listed(self.database, self.run_id, self.position)
        none = Rating(self.position, self.owner, None, "stars", "")
        return next((rating for rating in listed if rating.owner == self.owner), none)

    def keep(self, rating: Rating) -> None:
        try:
            ratings.put(self.database, self.run_id, rating)
        except PromptgridError as error:
            st.session_state[self.key("failed")] = error


def _marks(place: _Place, mine: Rating, scale: Scale) -> None:
    options, lowest = _WIDGETS[scale]
    given = mine.mark - lowest if mine.mark is not None and mine.scale == scale else None
    key = _in_step(place.key(scale), given)
    st.feedback(options, default=given, key=key, on_change=_mark, args=(place, scale))


def _note(place: _Place, mine: Rating) -> None:
    st.text_input(
        "Note on this reply",
        value=mine.note,
        key=_in_step(place.key("note"), mine.note),
        placeholder="Note",
        max_chars=_LONGEST_NOTE,
        label_visibility="collapsed",
        on_change=_noted,
        args=(place,),
    )


def _in_step(key: str, kept: object) -> str:
    """The key of a widget that shows what is kept, though the other scale or another tab has changed it."""
    if key in st.session_state and st.session_state[key] != kept:
        st.session_state[key] = kept
    return key


@one_at_a_time
def _mark(place: _Place, scale: Scale) -> None:
    given: int | None = st.session_state[place.key(scale)]
    value = None if given is None else value_of(scale, given + _WIDGETS[scale][1])
    place.keep(replace(place.mine(), value=value, scale=scale))


@one_at_a_time
def _noted(place: _Place) -> None:
    place.keep(replace(place.mine(), note=str(st.session_state[place.key("note")])))


@one_at_a_time
def _clear(place: _Place) -> None:
    place.keep(replace(place.mine(), value=None, note=""))


def _said(rating: Rating) -> Fact:
    """Not escaped: the component shows text as it is."""
    if rating.mark is None:
        return Fact(rating.owner, "", rating.note)
    word = _THUMBS[rating.mark] if rating.scale == "thumb" else f"{rating.mark} of {STARS}"
    return Fact(rating.owner, word, rating.note)
