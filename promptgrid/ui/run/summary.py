"""The summary of a run, one row for each variant."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from promptgrid.compare import VariantSummary, summary, suspicions
from promptgrid.export.tables import pass_at
from promptgrid.store.runs import RunInfo
from promptgrid.ui import server
from promptgrid.ui.widgets.plain import plain

SHOWN = 12
PER_CHARACTER, WIDEST = 7, 380  # pixels


def summary_table(info: RunInfo) -> None:
    """The table for a run that has ended, and notes on models that seem to ignore the temperature."""
    summaries = _summary(info.id, info.ended or 0.0)
    widest = max((len(v.label) for v in summaries), default=0)
    variant = st.column_config.TextColumn(width=min(PER_CHARACTER * widest + 24, WIDEST))
    height: Literal["content"] | int = "content" if len(summaries) <= SHOWN else 460
    st.dataframe(_columns(summaries), height=height, column_config={**_FORMATS, "variant": variant}, placeholder="–")
    for sentence in _suspicions(info.id, info.ended or 0.0):
        st.caption(f":orange[{plain(sentence)}]")


@st.cache_resource(max_entries=8, show_spinner=False)
def _suspicions(run_id: str, ended: float) -> list[str]:
    return suspicions(server.database(), run_id)


@st.cache_resource(max_entries=8, show_spinner="Summing up …")
def _summary(run_id: str, ended: float) -> list[VariantSummary]:
    return list(summary(server.database(), run_id))


_FORMATS = {
    "score, %": st.column_config.NumberColumn(format="%.0f", help="Mean over the scored replies."),
    "agreement, %": st.column_config.NumberColumn(
        format="%.0f", help="Mean share of the samples of a case that give the most frequent answer."
    ),
    "tokens": st.column_config.NumberColumn(format="localized"),
    "cost, USD": st.column_config.NumberColumn(format="%.4f"),
    "latency, ms": st.column_config.NumberColumn(format="localized", help="Median of a call."),
}


def _columns(summaries: list[VariantSummary]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {
        "variant": [v.label for v in summaries],
        "answered": [v.answered for v in summaries],
        "of": [v.cells for v in summaries],
        "score, %": [None if v.score is None else 100 * v.score for v in summaries],
        "scored": [v.scored for v in summaries],
        "distinct answers": [v.distinct for v in summaries],
        "agreement, %": [None if v.agreement is None else 100 * v.agreement for v in summaries],
        f"{pass_at(summaries)}, %": [None if v.pass_at_k is None else 100 * v.pass_at_k for v in summaries],
        "tokens": [v.tokens for v in summaries],
        "cost, USD": [v.cost_usd for v in summaries],
        "latency, ms": [None if v.latency_ms is None else round(v.latency_ms) for v in summaries],
    }
    known = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    if not any(v.cost_usd for v in summaries):
        known.pop("cost, USD", None)  # all are free
    return known
