"""The two views of the Judge page: the blind arena, and the results after the judge reveals them."""

from __future__ import annotations

import streamlit as st

from promptgrid.arena import Arena, read
from promptgrid.export.preferences import write_preferences
from promptgrid.humanize import many
from promptgrid.store import Database, results, votes
from promptgrid.store.runs import RunInfo
from promptgrid.ui import links
from promptgrid.ui.judge import ranking
from promptgrid.ui.judge.board import board
from promptgrid.ui.widgets.downloads import Download, downloads
from promptgrid.ui.widgets.feedback import empty_state

ENOUGH = 5  # votes, or all pairs if there are fewer, before the ranking can be revealed

_RANKING = "ranking"


def arena_of(database: Database, run: RunInfo) -> Arena:
    """Returns the pairs of replies that can be judged, cached until the run has new results. If there are none, says
    why and stops the page."""
    arena = _arena(run.id, results.stamp(database, run.id), _database=database)
    if not arena.possible:
        text, detail = why_no_pairs(arena)
        action = "Add to the run" if arena.variants else "Open the run"
        if empty_state(text, action, "judge_none_to_run", detail=detail):
            st.switch_page(links.RUN, query_params={"run": run.id})
        st.stop()
    return arena


def why_no_pairs(arena: Arena) -> tuple[str, str]:
    """Returns (headline, explanation) that say why a run has no pairs to judge."""
    if arena.identical:
        detail = f"{many(arena.identical, 'pair')}, each with two identical texts. Try a higher temperature or another "
        return "All replies are the same", detail + "prompt."
    if not arena.variants:
        return "No replies yet", "You can judge two replies to the same case as soon as the run has them."
    detail = "A pair is two replies to the same case, from different prompts, techniques, models or temperatures. "
    return "No pairs to judge", f"{detail}In this run no case has two such replies. Add a temperature, for example."


@st.cache_resource(max_entries=3, show_spinner="Reading the replies…")
def _arena(run_id: str, stamp: object, *, _database: Database) -> Arena:
    return read(_database, run_id)


def revealed() -> bool:
    """Returns whether the judge has revealed the ranking. The address stores this, so that a refresh keeps it."""
    return st.query_params.get("view") == _RANKING


@st.fragment
def blind(database: Database, run: RunInfo, arena: Arena) -> None:
    board(database, run.id, arena)
    all_votes = votes.listed(database, run.id)
    needed = min(ENOUGH, arena.possible)
    with st.container(horizontal=True, vertical_alignment="center", key="judge_below"):
        if st.button(
            "Reveal the ranking",
            key="judge_reveal",
            disabled=len(all_votes) < needed,
            help=f"Available after {many(needed, 'vote')}. It shows which variant each reply came from.",
        ):
            st.query_params["view"] = _RANKING
            st.rerun(scope="app")
        _export(database, run, sum(vote.outcome in ("left", "right") for vote in all_votes))
        if arena.identical:
            st.caption(f"{many(arena.identical, 'pair')} with identical texts left out", width="content")


def open_results(database: Database, run: RunInfo, arena: Arena) -> None:
    all_votes = votes.listed(database, run.id)
    with st.container(horizontal=True, vertical_alignment="center", key="judge_below"):
        if st.button("Back to judging", key="judge_back"):
            del st.query_params["view"]
            st.rerun()
        _export(database, run, sum(vote.outcome in ("left", "right") for vote in all_votes))
    ranking.results(arena, all_votes)


def _export(database: Database, run: RunInfo, pairs: int) -> None:
    offer = Download(
        f"Preference pairs ({pairs:,})",
        lambda out: write_preferences(database, run.id, out),
        f"preferences-{run.id}.jsonl",
        "application/x-ndjson",
        key="judge_export",
        help="JSONL: prompt, chosen and rejected reply, and their variants",
        disabled=not pairs,
    )
    downloads("judge", [offer])
