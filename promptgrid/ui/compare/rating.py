"""The rating of one reply with a thumb or stars and a note, and the ratings by other judges."""

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
# scale -> (its name in Streamlit, its lowest mark; Streamlit counts from 0)
_WIDGETS: dict[Scale, tuple[Literal["thumbs", "stars"], int]] = {"thumb": ("thumbs", 0), "stars": ("stars", 1)}


@st.fragment
def rating_widget(database: Database, run_id: str, position: int) -> None:
    """Draws the fields with which the judge of this session rates the reply of the cell at `position`, and lists the
    ratings by others.

    Each change is saved at once. If saving fails, for example because the run was removed elsewhere, shows the error.
    """
    cell = _RatedCell(database, run_id, position, judge_name(database))
    rating = cell.rating()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="rating"):
        for scale in _WIDGETS:
            _marks(cell, rating, scale)
        name_popover(database, cell.key("name"))
        if rating.mark is not None or rating.note:
            st.button("Clear", key=cell.key("clear"), type="tertiary", on_click=_clear, args=(cell,))
    _note(cell, rating)
    if error := st.session_state.pop(cell.key("failed"), None):
        show_error(error)
    others = [r for r in ratings.listed(database, run_id, position) if r.owner != cell.owner]
    facts([_fact(rating) for rating in others], key="rating_others")


@dataclass(frozen=True, slots=True)
class _RatedCell:
    """A cell and the judge (`owner`) who rates it in this session."""

    database: Database
    run_id: str
    position: int
    owner: str

    def key(self, name: str) -> str:
        return f"rating_{self.run_id}_{self.position}_{self.owner}_{name}"

    def rating(self) -> Rating:
        """Returns the judge's stored rating of the cell. Callbacks read it anew, because one click may change both the
        note and the mark."""
        listed = ratings.listed(self.database, self.run_id, self.position)
        none = Rating(self.position, self.owner, None, "stars", "")
        return next((rating for rating in listed if rating.owner == self.owner), none)

    def save(self, rating: Rating) -> None:
        try:
            ratings.put(self.database, self.run_id, rating)
        except PromptgridError as error:
            st.session_state[self.key("failed")] = error


def _marks(cell: _RatedCell, rating: Rating, scale: Scale) -> None:
    options, lowest = _WIDGETS[scale]
    mark = rating.mark - lowest if rating.mark is not None and rating.scale == scale else None
    key = _synced_key(cell.key(scale), mark)
    st.feedback(options, default=mark, key=key, on_change=_save_mark, args=(cell, scale))


def _note(cell: _RatedCell, rating: Rating) -> None:
    st.text_input(
        "Note on this reply",
        value=rating.note,
        key=_synced_key(cell.key("note"), rating.note),
        placeholder="Note",
        max_chars=_LONGEST_NOTE,
        label_visibility="collapsed",
        on_change=_save_note,
        args=(cell,),
    )


def _synced_key(key: str, value: object) -> str:
    """Sets the widget with this `key` to the stored `value`, which another widget or another tab may have changed;
    returns `key`."""
    if key in st.session_state and st.session_state[key] != value:
        st.session_state[key] = value
    return key


@one_at_a_time
def _save_mark(cell: _RatedCell, scale: Scale) -> None:
    mark: int | None = st.session_state[cell.key(scale)]
    value = None if mark is None else value_of(scale, mark + _WIDGETS[scale][1])
    cell.save(replace(cell.rating(), value=value, scale=scale))


@one_at_a_time
def _save_note(cell: _RatedCell) -> None:
    cell.save(replace(cell.rating(), note=str(st.session_state[cell.key("note")])))


@one_at_a_time
def _clear(cell: _RatedCell) -> None:
    cell.save(replace(cell.rating(), value=None, note=""))


def _fact(rating: Rating) -> Fact:
    """Returns the rating as a line of the list. The text is not escaped, because the list shows it literally."""
    if rating.mark is None:
        return Fact(rating.owner, "", rating.note)
    word = _THUMBS[rating.mark] if rating.scale == "thumb" else f"{rating.mark} of {STARS}"
    return Fact(rating.owner, word, rating.note)
