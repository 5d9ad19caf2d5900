"""The scores of one prompt over time, as a chart and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from promptgrid.compare.score_history import PromptScore, score_history
from promptgrid.curves.charts import COLOURS, MOST_LINES
from promptgrid.store import Database
from promptgrid.store.across.prompt_runs import run_prompts
from promptgrid.ui.widgets.fields import keep_selection

_KEY = "history_prompt"
_HEIGHT, _LEGEND_ROW, _TABLE_HEIGHT = 200, 29, 250  # pixels
_WHOLE_TABLE = 6  # rows; a longer table scrolls


def scores_of_prompt(database: Database) -> None:
    """Draws the selector of the prompt and its scores."""
    names = run_prompts(database)
    if not names:
        st.caption("No runs yet.")
        return
    requested = st.query_params.get("prompt", "")
    keep_selection(_KEY, names, requested if requested in names else names[0])
    prompt_scores(database, st.selectbox("Prompt", names, key=_KEY, label_visibility="collapsed"))


def prompt_scores(database: Database, prompt: str) -> None:
    """Draws a chart of the scores of a prompt, called `prompt`, with a point for each run, and the same as a table."""
    history = _history(prompt, str(database.version()), _database=database)
    if not history:
        st.caption("No run of this prompt has a score.")
        return
    lines = list(dict.fromkeys(score.line for score in reversed(history)))[:MOST_LINES]
    height = _HEIGHT + (_LEGEND_ROW * len(lines) if len(lines) > 1 else 0)
    st.altair_chart(_chart([score for score in history if score.line in lines]), height=height)
    _table(history)


@st.cache_data(max_entries=4, show_spinner="Reading the scores …")
def _history(prompt: str, version: str, *, _database: Database) -> list[PromptScore]:
    return score_history(_database, prompt)


def _chart(history: Sequence[PromptScore]) -> Any:
    import altair as alt

    rows = [
        {"run": score.run_name, "created": score.created * 1000, "version": score.version[:6], "line": score.line,
         "score": score.score, "cases": score.scored}
        for score in history
    ]  # fmt: skip
    lines = list(dict.fromkeys(score.line for score in history))
    legend = (
        alt.Legend(title=None, orient="top", columns=1, labelLimit=alt.ExprRef("width - 20"))
        if len(lines) > 1
        else None
    )
    colour = alt.Scale(domain=lines, range=list(COLOURS[: len(lines)]))
    axis = alt.Axis(labelExpr="format(100 * datum.value, '.0f') + ' %'", tickCount=5, labelFlush=False)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("created:T", title=None, axis=alt.Axis(format="%d %b %H:%M", labelOverlap=True, tickCount=4)),
        y=alt.Y("score:Q", title="score", scale=alt.Scale(domain=[0, 1]), axis=axis),
        color=alt.Color("line:N", scale=colour, legend=legend),
    )
    tooltip = ["run:N", "version:N", "line:N", alt.Tooltip("score:Q", format=".0%"), "cases:Q"]
    return base.mark_line() + base.mark_point(filled=True, size=60, opacity=1).encode(tooltip=tooltip)


def _table(history: Sequence[PromptScore]) -> None:
    import pandas as pd

    config = st.column_config
    st.dataframe(
        pd.DataFrame([_line(score) for score in reversed(history)]),
        hide_index=True,
        placeholder="–",
        height="content" if len(history) <= _WHOLE_TABLE else _TABLE_HEIGHT,
        key="history_scores",
        column_config={
            "created": config.DatetimeColumn("When", format="distance"),
            "version": config.TextColumn("Version"),
            "score": config.NumberColumn("Score", format="%.0f %%"),
            "interval": config.TextColumn("95 % interval"),
            "cases": config.NumberColumn("of cases", help="Cases with a score; they may differ from run to run"),
            "line": config.TextColumn("Variant"),
            "run": config.TextColumn("Run"),
        },
    )


def _line(score: PromptScore) -> dict[str, Any]:
    low_high = score.interval and f"{100 * score.interval.low:.0f}–{100 * score.interval.high:.0f}"
    return {
        "created": datetime.fromtimestamp(score.created, UTC),
        "version": score.version[:6],
        "score": 100 * score.score,
        "interval": low_high,
        "cases": score.scored,
        "line": score.line,
        "run": score.run_name,
    }
