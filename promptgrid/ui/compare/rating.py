"""The rating of one reply with a thumb or stars and a note, and the ratings by other judges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeVar

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.store import Database, ratings
from promptgrid.store.ratings import STARS, Rating, Scale, value_of
from promptgrid.text import cut
from promptgrid.ui.compare.facts import Fact, facts
from promptgrid.ui.widgets.callbacks import one_at_a_time
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.judge_name import judge_name, name_popover
from promptgrid.ui.widgets.undo import offer_undo, undo_note

T = TypeVar("T")
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
    undo_note(cell.key("changes"))
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

    def save(self, rating: Rating, *, undo: bool = True) -> None:
        """Stores the rating in place of the judge's earlier one. With `undo`, the earlier one can be brought back."""
        before = self.rating()
        try:
            ratings.put(self.database, self.run_id, rating)
        except PromptgridError as error:
            st.session_state[self.key("failed")] = error
        else:
            replaced = before.value is not None and (before.value, before.scale) != (rating.value, rating.scale)
            if undo and (replaced or (before.note and before.note != rating.note.strip())):
                text = f"Your rating was: {_words(before)}."
                offer_undo(self.key("changes"), text, partial(self.save, before, undo=False))


def _marks(cell: _RatedCell, rating: Rating, scale: Scale) -> None:
    options, lowest = _WIDGETS[scale]
    mark = rating.mark - lowest if rating.mark is not None and rating.scale == scale else None
    key = cell.key(scale)
    st.feedback(options, default=_first(key, mark), key=key, on_change=_save_mark, args=(cell, scale))


def _note(cell: _RatedCell, rating: Rating) -> None:
    key = cell.key("note")
    st.text_input(
        "Note on this reply",
        value=_first(key, rating.note) or "",
        key=key,
        placeholder="Note",
        max_chars=_LONGEST_NOTE,
        label_visibility="collapsed",
        on_change=_save_note,
        args=(cell,),
    )


def _first(key: str, value: T) -> T | None:
    """Returns the first value of the widget with this `key`. If the widget exists and differs from the stored `value`,
    which another widget or another tab may have changed, sets it, and returns None: Streamlit warns of both."""
    if key in st.session_state and st.session_state[key] != value:
        st.session_state[key] = value
        return None
    return value


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
    return Fact(rating.owner, _mark_words(rating), rating.note)


def _mark_words(rating: Rating) -> str:
    if rating.mark is None:
        return ""
    return _THUMBS[rating.mark] if rating.scale == "thumb" else f"{rating.mark} of {STARS}"


def _words(rating: Rating) -> str:
    return ", ".join(filter(None, [_mark_words(rating), rating.note and f"“{cut(rating.note, 60)}”"]))
