"""The search on the page Improve: what it will take, how far it is, and what it found."""

from __future__ import annotations

from typing import Any

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.improve import report as words
from promptgrid.improve.carry_out import ImproveReport, SearchStep, advance
from promptgrid.improve.guards import message_text
from promptgrid.improve.preflight import ImproveSettings, task_of
from promptgrid.store import Database, runs
from promptgrid.ui import links
from promptgrid.ui.server import library
from promptgrid.ui.widgets.feedback import announce_error
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo, undo_note
from promptgrid.ui.widgets.words_diff import show_words_diff

PAGE = "improve"
_GOING, _AGAIN = "improve_going", "improve_again"  # the settings that are searched with; whether to go on after a stop
_TICK_S = 2.0


def begin_button(database: Database, settings: ImproveSettings) -> None:
    """Draws what the budget buys, and the button that begins the search or goes on with it. Raises as `task_of`."""
    _, preflight = task_of(database, settings)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Improve", type="primary", key="improve_begin", on_click=_begin, args=(settings,))
        st.caption(plain(preflight.sentence, limit=500))


def _begin(settings: ImproveSettings) -> None:
    st.session_state[_GOING], st.session_state[_AGAIN] = settings, True


def show_search(database: Database, settings: ImproveSettings) -> None:
    """Draws the progress of the search with these settings, or what it found. Raises PlanError if it has stopped."""
    undo_note(PAGE)
    if st.session_state.get(_GOING) != settings:
        st.caption("A search that was begun before goes on where it was: nothing is paid twice.")
        return
    state = advance(database, settings, again=st.session_state.pop(_AGAIN, False))
    if isinstance(state, SearchStep):
        _follow(state.run_id, state.step, state.done, _database=database)
    else:
        _show_report(state)


@st.fragment(run_every=_TICK_S)
def _follow(run_id: str, step: str, done: int, *, _database: Database) -> None:
    """Draws how far the step is, and draws the page anew when it has ended."""
    info, now = runs.find_run(_database, run_id), runs.progress(_database, run_id)
    if info.status not in runs.ACTIVE:
        st.rerun()
    st.progress(now.done / max(1, now.total), text=plain(f"Step {done + 1}, {step}: {now.done:,} of {now.total:,}"))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Cancel", key="improve_cancel", on_click=_cancel, args=(_database, run_id))
        st.page_link(links.RUN, label="Open the run", query_params={"run": run_id})
        st.caption("With this page closed the step ends, and the search waits for you.", width="content")


def _cancel(database: Database, run_id: str) -> None:
    runs.ask(database, run_id, "cancel")


def _show_report(report: ImproveReport) -> None:
    found = report.found
    st.subheader("What it found")
    st.markdown(plain(words.verdict_sentence(report), limit=600))
    if found.proved is not None:
        st.caption(plain(f"{words.won_and_lost(found.proved)} Lineage: {words.lineage_words(found)}", limit=600))
        before, after = message_text(found.original.prompt), message_text(found.chosen.prompt)
        if before == after:
            what = f"technique {found.chosen.technique}, {len(found.chosen.prompt.examples):,} examples"
            st.caption(plain(f"The words are the same. What differs: {what}.", limit=300))
        else:
            show_words_diff(before, after, "original", "chosen", height=220, key="improve_words")
        st.button("Save as a new version", key="improve_save", on_click=_save, args=(report,))
    st.caption(plain(words.cost_sentence(report), limit=400))
    st.dataframe([_row(one) for one in found.tried], hide_index=True, key="improve_tried")
    if found.rejected:
        with st.expander(f"{len(found.rejected):,} rejected"):
            for one in found.rejected:
                st.caption(plain(f"{one.number} ({one.move} from {one.parent}): {one.reason}", limit=300))


def _row(tried: tuple[Any, float, int]) -> dict[str, object]:
    one, mean, ran = tried
    parent = str(one.parent) if one.number else ""
    return {
        "candidate": one.number, "by": one.move, "from": parent, "technique": one.technique,
        "points on choose": round(100 * mean), "cases": ran,
    }  # fmt: skip


def _save(report: ImproveReport) -> None:
    before = report.found.original.prompt
    try:
        words.save_chosen(library(), report)
    except PromptgridError as error:
        announce_error(error)
        return
    st.session_state.pop(_GOING, None)

    def take_back() -> None:
        _, etag = library().load(before.name)
        library().save(before, etag)

    offer_undo(PAGE, f"Saved {before.name}; its versions have the original.", take_back)
