"""What the votes of the arena say, once it is asked for: ranking, who beat whom, the side's part, and agreement."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid.arena import Agreement, Arena, Standings, agreements, in_percent, notes, standings, verdict
from promptgrid.humanize import many
from promptgrid.store.votes import Vote
from promptgrid.ui.widgets.plain import plain


def results(arena: Arena, votes: Sequence[Vote]) -> None:
    """Draws all of it; where models judge too, whose votes are counted can be chosen."""
    found = standings(arena, _chosen(votes))
    if not found.votes:
        st.caption("None of these votes prefers anything or calls a tie: there is nothing to rank.")
        return
    st.markdown(f"**{plain(verdict(found))}**")
    _ranking_table(found)
    st.caption("  \n".join(plain(line) for line in notes(found)))
    st.subheader("Who beat whom")
    _wins_table(found)
    st.subheader("Agreement")
    _agreement_table(agreements(votes))


def _chosen(votes: Sequence[Vote]) -> Sequence[Vote]:
    by_model = [vote for vote in votes if vote.by_model]
    if not by_model or len(by_model) == len(votes):
        return votes
    names = {"people": "People", "models": "Models", "all": "Everyone"}
    asked = st.segmented_control(
        "Votes of", list(names), format_func=names.__getitem__, default="people", required=True, key="judge_votes_of"
    )
    return {"models": by_model, "all": votes}.get(str(asked), [vote for vote in votes if not vote.by_model])


def _ranking_table(found: Standings) -> None:
    import pandas as pd

    lines = [
        {
            "variant": one.label,
            "share": 100 * one.share,
            "range": in_percent(one.interval),
            "won": one.won,
            "lost": one.lost,
            "tied": one.tied,
        }
        for one in found.ranked
    ]
    column, number = st.column_config.TextColumn, st.column_config.NumberColumn
    share = st.column_config.ProgressColumn(
        "Wins", format="%.0f %%", min_value=0, max_value=100, help="Of the votes against a variant of mean strength"
    )
    config = {"variant": column("Variant", pinned=True), "share": share, "range": column("95 % interval"),
              "won": number("Won"), "lost": number("Lost"), "tied": number("Tied")}  # fmt: skip
    st.dataframe(pd.DataFrame(lines), hide_index=True, column_config=config, key="judge_ranking")


def _wins_table(found: Standings) -> None:
    """A row's votes won against each column, of those that were decided; ties stand beside."""
    import pandas as pd

    lines = [
        {"variant": one.label}
        | {f"against {other.label}": _met(found, one.variant, other.variant) for other in found.ranked}
        for one in found.ranked
    ]
    pinned = st.column_config.TextColumn("Won by", pinned=True)
    st.dataframe(pd.DataFrame(lines), hide_index=True, column_config={"variant": pinned}, key="judge_wins")


def _met(found: Standings, one: int, other: int) -> str:
    won, lost, tied = found.won[one][other], found.won[other][one], found.tied[one][other]
    if one == other or not won + lost + tied:
        return ""
    return f"{won} of {won + lost}" + (f", {many(tied, 'tie')}" if tied else "")


def _agreement_table(found: Sequence[Agreement]) -> None:
    import pandas as pd

    if not found:
        st.caption(
            "No two judges have judged the same pair yet. Another name, or a model as judge, gives a comparison."
        )
        return
    lines = [{"one": a.one, "other": a.other, "same": f"{a.same} of {a.both}", "kappa": a.kappa} for a in found]
    column = st.column_config.TextColumn
    kappa = st.column_config.NumberColumn(
        "Cohen's κ", format="%.2f", help="1: always the same, 0: as by chance. Empty: not defined for these votes."
    )
    config = {"one": column("Judge"), "other": column("Judge, too"), "same": column("Same verdict"), "kappa": kappa}
    st.dataframe(pd.DataFrame(lines), hide_index=True, column_config=config, placeholder="–", key="judge_agreement")
