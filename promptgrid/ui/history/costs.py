"""What all replies cost, by month and model."""

from __future__ import annotations

import streamlit as st

from promptgrid.humanize import dollars
from promptgrid.store import Database
from promptgrid.store.across.spending import MonthSpending, spending
from promptgrid.store.stored_replies import newest
from promptgrid.ui.widgets.plain import plain


def costs_table(database: Database) -> None:
    """Draws a table with a line for each month and model, and the sum over all."""
    import pandas as pd

    lines = _spending(database.place, newest(database), _database=database)
    if not lines:
        st.caption("No replies yet.")
        return
    config = st.column_config
    total, unpriced = sum(line.cost_usd for line in lines), sum(line.unpriced for line in lines)
    frame = pd.DataFrame([_line(line) for line in lines])
    if not total and not unpriced:
        del frame["cost"]
    st.dataframe(
        frame.dropna(axis="columns", how="all"),
        hide_index=True,
        placeholder="–",
        key="history_costs",
        column_config={
            "month": config.TextColumn("Month", help="In UTC"),
            "model": config.TextColumn("Model"),
            "cost": config.NumberColumn("Cost, US$", format="%.4f", help="Empty if no price is known"),
            "replies": config.NumberColumn(
                "Replies", format="localized", help="Of runs, tries, conversations and judges"
            ),
            "unpriced": config.NumberColumn("No price known", help="Replies that are not in the cost"),
            "prompt": config.NumberColumn("Prompt tokens", format="localized"),
            "reply": config.NumberColumn("Reply tokens", format="localized"),
        },
    )
    without = f", without the {unpriced:,} replies whose price is not known" if unpriced else ""
    st.caption(plain(f"{dollars(total) if total or unpriced else 'Free'} in all{without}."))


@st.cache_data(max_entries=2, show_spinner=False)
def _spending(path: str, newest_reply: int, *, _database: Database) -> list[MonthSpending]:
    return spending(_database)


def _line(line: MonthSpending) -> dict[str, object]:
    return {
        "month": line.month,
        "model": line.model,
        "cost": line.cost_usd if line.unpriced < line.replies else None,
        "replies": line.replies,
        "unpriced": line.unpriced or None,
        "prompt": line.prompt_tokens,
        "reply": line.completion_tokens,
    }
