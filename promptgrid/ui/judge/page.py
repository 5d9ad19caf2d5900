"""The two faces of the Judge page: the blind arena, and what its votes say once that is asked for."""

from __future__ import annotations

import streamlit as st

from promptgrid import arena
from promptgrid.arena import Arena
from promptgrid.export.preferences import write_preferences
from promptgrid.humanize import many
from promptgrid.store import Database, results, votes
from promptgrid.store.runs import RunInfo
from promptgrid.ui import links
from promptgrid.ui.judge import ranking
from promptgrid.ui.judge.board import board
from promptgrid.ui.widgets.downloads import Download, downloads
from promptgrid.ui.widgets.feedback import empty_state

ENOUGH = 5  # votes before a ranking is offered, where so many pairs are there

_RANKING = "ranking"


def read(database: Database, run: RunInfo) -> Arena:
    """The run's pairs as they are now. Stops the page where there is nothing to choose between, and says why."""
    found = _arena(run.id, results.stamp(database, run.id), _database=database)
    if not found.possible:
        text, detail = why_none(found)
        if empty_state(text, "Add to the run" if found.variants else "To the run", "judge_none_to_run", detail=detail):
            st.switch_page(links.RUN, query_params={"run": run.id})
        st.stop()
    return found


def why_none(found: Arena) -> tuple[str, str]:
    """What there is to say of an arena without pairs: in a few words, and at length."""
    if found.identical:
        same = f"In {many(found.identical, 'pair')} both texts are equal to the letter: there is nothing to prefer. "
        same += "A higher temperature or another prompt would tell them apart."
        return "All replies are the same", same
    if not found.variants:
        return "No replies yet", "Two replies to the same case can be judged as soon as they are there."
    needed = "A pair is two replies to the same case, from two prompts, techniques, models or temperatures. "
    return "Nothing to choose between", f"{needed}Here no case is answered by two of them: add a temperature, say."


@st.cache_resource(max_entries=3, show_spinner="Reading the replies…")
def _arena(run_id: str, stamp: object, *, _database: Database) -> Arena:
    return arena.read(_database, run_id)


def revealed() -> bool:
    """The ranking was asked for; the address says so, so that a refresh comes back to it."""
    return st.query_params.get("view") == _RANKING


@st.fragment
def blind(database: Database, run: RunInfo, pairs: Arena) -> None:
    """The arena, and under it what can be done with the votes."""
    board(database, run.id, pairs)
    given = votes.listed(database, run.id)
    needed = min(ENOUGH, pairs.possible)
    with st.container(horizontal=True, vertical_alignment="center", key="judge_below"):
        if st.button(
            "Reveal the ranking",
            key="judge_reveal",
            disabled=len(given) < needed,
            help=f"After {many(needed, 'vote')}; what is seen cannot be unseen",
        ):
            st.query_params["view"] = _RANKING
            st.rerun(scope="app")
        _export(database, run, sum(vote.outcome in ("left", "right") for vote in given))
        if pairs.identical:
            st.caption(f"{many(pairs.identical, 'pair')} with equal texts left out", width="content")


def open_results(database: Database, run: RunInfo, pairs: Arena) -> None:
    """The ranking, and the way back."""
    given = votes.listed(database, run.id)
    with st.container(horizontal=True, vertical_alignment="center", key="judge_below"):
        if st.button("Back to judging", key="judge_back"):
            del st.query_params["view"]
            st.rerun()
        _export(database, run, sum(vote.outcome in ("left", "right") for vote in given))
    ranking.results(pairs, given)


def _export(database: Database, run: RunInfo, pairs: int) -> None:
    offer = Download(
        f"Preference pairs ({pairs:,})",
        lambda out: write_preferences(database, run.id, out),
        f"preferences-{run.id}.jsonl",
        "application/x-ndjson",
        key="judge_export",
        help="JSONL: prompt, chosen, rejected, and where each comes from",
        disabled=not pairs,
    )
    downloads("judge", [offer])
