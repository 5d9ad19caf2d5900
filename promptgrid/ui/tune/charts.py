"""The curve of a tuning: loss by step, accuracy and held-out loss by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from promptgrid.curves.charts import COLOURS, PERCENT, Y_AXIS
from promptgrid.tuning.job import TuningState

_HEIGHT = 220


def show_curve(state: TuningState, steps: Sequence[Mapping[str, Any]], epochs: int) -> None:
    """Draws the loss of each step beside the held-out loss and, where answers are read, the held-out accuracy of each
    epoch, of which the best is kept. The axes have room for all steps and `epochs`. Draws nothing before the first
    measurement."""
    if not state.curve:
        return
    judged = [{**point, "kept": point["epoch"] == state.best} for point in state.curve]
    left, right = st.columns(2)
    with left:
        st.altair_chart(_losses(steps, judged, state.steps), width="stretch", key="tuning_losses")
    with right:
        if all(point["accuracy"] is not None for point in judged):
            st.altair_chart(_accuracies(judged, epochs), width="stretch", key="tuning_accuracies")


def _losses(steps: Sequence[Mapping[str, Any]], judged: Sequence[Mapping[str, Any]], last: int) -> Any:
    rows = [{"step": step["step"], "loss": step["loss"], "of": "learned from"} for step in steps]
    rows += [{"step": point["step"], "loss": point["held_out_loss"], "of": "held out"} for point in judged]
    colour = alt.Color(
        "of:N",
        title=None,
        legend=alt.Legend(orient="top"),
        scale=alt.Scale(domain=["learned from", "held out"], range=[*COLOURS[:2]]),
    )
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("step:Q", title="step", scale=alt.Scale(domain=[0, last]), axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("loss:Q", title="loss", axis=alt.Axis(**Y_AXIS)),
        color=colour,
        tooltip=["step:Q", "loss:Q", "of:N"],
    )
    points = base.transform_filter("datum.of == 'held out'").mark_point(filled=True, size=60)
    return (base.mark_line() + points).properties(height=_HEIGHT)


def _accuracies(judged: Sequence[Mapping[str, Any]], epochs: int) -> Any:
    axis = alt.Axis(**Y_AXIS, **PERCENT)
    rows = [{key: point[key] for key in ("epoch", "accuracy", "kept")} for point in judged]
    every = [*range(epochs + 1)]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("epoch:O", title="epoch (0: the base)", scale=alt.Scale(domain=every), axis=alt.Axis(labelAngle=0)),
        y=alt.Y("accuracy:Q", title="held-out accuracy", scale=alt.Scale(domain=[0, 1]), axis=axis),
        tooltip=["epoch:O", alt.Tooltip("accuracy:Q", format=".0%"), "kept:N"],
    )
    points = base.mark_point(filled=True, size=60, color=COLOURS[2]).encode(shape=alt.Shape("kept:N", legend=None))
    return (base.mark_line(color=COLOURS[2]) + points).properties(height=_HEIGHT)
