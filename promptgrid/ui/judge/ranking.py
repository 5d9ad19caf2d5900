"""The results of the votes: ranking, wins of each pair of variants, position bias, and agreement of judges."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid.arena import (
    Agreement,
    Arena,
    Standings,
    agreement_of_all,
    agreement_words,
    agreements,
    in_percent,
    notes,
    order_bias_words,
    order_biases,
    standings,
    verdict,
)
from promptgrid.humanize import many
from promptgrid.store.votes import Vote
from promptgrid.ui.widgets.fields import buttons
from promptgrid.ui.widgets.plain import plain


def results(arena: Arena, votes: Sequence[Vote]) -> None:
    """Draws the ranking and the other results of the votes. If both people and models have judged, a selector says
    whose votes count."""
    standing = standings(arena, _selected_votes(votes))
    if not standing.votes:
        st.caption("There is nothing to rank: all of these votes are skips.")
        return
    st.markdown(f"**{plain(verdict(standing))}**")
    _ranking_table(standing)
    st.caption("  \n".join(plain(line) for line in notes(standing)))
    for bias in order_biases(votes):
        st.caption(plain(order_bias_words(bias)))
    st.subheader("Wins by pair")
    _wins_table(standing)
    st.subheader("Agreement")
    _agreement_table(agreements(votes))
    if words := agreement_words(agreement_of_all(votes)):
        st.caption(plain(words))


def _selected_votes(votes: Sequence[Vote]) -> Sequence[Vote]:
    by_model = [vote for vote in votes if vote.by_model]
    if not by_model or len(by_model) == len(votes):
        return votes
    names = {"people": "People", "models": "Models", "all": "Everyone"}
    selected = buttons("Votes of", names, "judge_votes_of", default="people")
    return {"models": by_model, "all": votes}.get(selected, [vote for vote in votes if not vote.by_model])


def _ranking_table(standing: Standings) -> None:
    import pandas as pd

    lines = [
        {
            "variant": variant.label,
            "share": 100 * variant.share,
            "range": in_percent(variant.interval),
            "won": variant.won,
            "lost": variant.lost,
            "tied": variant.tied,
        }
        for variant in standing.ranked
    ]
    column, number = st.column_config.TextColumn, st.column_config.NumberColumn
    note = "Estimated share of votes won against the other variants, the mean over all of them"
    share = st.column_config.ProgressColumn(
        "Wins against the others", format="%.0f %%", min_value=0, max_value=100, help=note
    )
    config = {"variant": column("Variant", pinned=True), "share": share, "range": column("95 % interval"),
              "won": number("Won"), "lost": number("Lost"), "tied": number("Tied")}  # fmt: skip
    st.dataframe(pd.DataFrame(lines), hide_index=True, column_config=config, key="judge_ranking")


def _wins_table(standing: Standings) -> None:
    """Draws a table of variants against variants: how many of their decided votes the row's variant won against the
    column's, and the number of ties."""
    import pandas as pd

    lines = [
        {"variant": row.label}
        | {f"against {column.label}": _met(standing, row.variant, column.variant) for column in standing.ranked}
        for row in standing.ranked
    ]
    pinned = st.column_config.TextColumn("Won by", pinned=True)
    st.dataframe(pd.DataFrame(lines), hide_index=True, column_config={"variant": pinned}, key="judge_wins")


def _met(standing: Standings, row: int, column: int) -> str:
    won, lost, tied = standing.won[row][column], standing.won[column][row], standing.tied[row][column]
    if row == column or not won + lost + tied:
        return ""
    return f"{won} of {won + lost}" + (f", {many(tied, 'tie')}" if tied else "")


def _agreement_table(rows: Sequence[Agreement]) -> None:
    import pandas as pd

    if not rows:
        st.caption("No two judges have judged the same pair yet. Judge under another name, or let a model judge.")
        return
    lines = [{"one": a.one, "other": a.other, "same": f"{a.same} of {a.both}", "kappa": a.kappa} for a in rows]
    column = st.column_config.TextColumn
    kappa = st.column_config.NumberColumn(
        "Cohen's κ", format="%.2f", help="1: always the same verdict, 0: as by chance. Empty: not defined."
    )
    config = {"one": column("Judge"), "other": column("Other judge"), "same": column("Same verdict"), "kappa": kappa}
    st.dataframe(pd.DataFrame(lines), hide_index=True, column_config=config, placeholder="–", key="judge_agreement")
