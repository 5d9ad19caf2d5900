"""The summary of a run that has ended."""

from __future__ import annotations

import streamlit as st

from promptgrid.compare import VariantSummary, summary, suspicions
from promptgrid.store.runs import RunInfo
from promptgrid.ui import server
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.summary_table import summary_table


def run_summary(info: RunInfo) -> None:
    """The table of the variants, and notes on models that seem to ignore the temperature."""
    summaries, sentences = _summary(info.id, info.ended or 0.0)
    summary_table(summaries)
    for sentence in sentences:
        st.caption(f":orange[{plain(sentence)}]")


@st.cache_resource(max_entries=8, show_spinner="Summing up …")
def _summary(run_id: str, ended: float) -> tuple[list[VariantSummary], list[str]]:
    database = server.database()
    return list(summary(database, run_id)), suspicions(database, run_id)
