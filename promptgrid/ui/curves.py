"""The charts of the Curves page, each with the data behind it to take along."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from promptgrid.compare import suspicions
from promptgrid.curves import charts
from promptgrid.curves.curve import Curve, curve
from promptgrid.export.csv_out import write_table
from promptgrid.store import Database, results
from promptgrid.store.runs import ACTIVE, RunInfo
from promptgrid.ui import links
from promptgrid.ui.widgets.address import go_to
from promptgrid.ui.widgets.feedback import empty_state
from promptgrid.ui.widgets.plain import plain

if TYPE_CHECKING:
    import altair as alt

SCORE_HEIGHT, HEIGHT = 320, 220
_LINES, _LINE = "curves_lines", "line"  # the widget, and its name in the address


def read_curve(database: Database, run: RunInfo) -> Curve:
    """The run's curve as it is now."""
    return _curve(run.id, results.stamp(database, run.id), _database=database)


@st.cache_resource(max_entries=6, show_spinner="Reading the replies…")
def _curve(run_id: str, stamp: results.Stamp, *, _database: Database) -> Curve:
    return curve(_database, run_id)


def lines_popover(found: Curve) -> list[str]:
    """Which lines are shown: those of the address (`?line=`), or as many as colours can tell apart where nobody has
    chosen."""
    every = found.lines
    asked = st.session_state[_LINES] if _LINES in st.session_state else st.query_params.get_all(_LINE)
    kept = [line for line in every if line in asked] or every
    st.session_state[_LINES] = kept[: charts.MOST_LINES]
    shown = len(st.session_state[_LINES])
    label = f"Lines {shown} of {len(every)}" if shown < len(every) else "Lines"
    with st.popover(label, disabled=len(every) < 2):
        chosen = st.multiselect("Shown", every, key=_LINES, max_selections=charts.MOST_LINES)
    return chosen or every[: charts.MOST_LINES]


def remember(run: RunInfo, found: Curve, lines: Sequence[str]) -> None:
    """Puts what is on the screen into the address."""
    chosen = list(lines) != found.lines[: charts.MOST_LINES]
    go_to({"run": run.id, **({_LINE: list(lines)} if chosen else {})})


def nothing_to_draw(run: RunInfo, found: Curve) -> None:
    """Says what a curve would need, where there is no line of two temperatures."""
    if len(found.temperatures) > 1:
        return
    if run.status in ACTIVE and not any(point.cases for point in found.points):
        st.caption("No replies yet.")
        return
    there = "one temperature" if found.temperatures else "no temperature that went on the wire"
    if empty_state(
        f"This run has {there}",
        "Add temperatures",
        "curves_to_run",
        detail="A curve needs two or more: add them to this run, and only the new cells are sent.",
    ):
        st.switch_page(links.RUN, query_params={"run": run.id})


def temperature_charts(run: RunInfo, found: Curve, lines: Sequence[str]) -> None:
    """Score on top, what tells of variety and length beneath it."""
    first, *others = charts.MEASURES
    if not charts.rows_of(found, first, lines):
        st.caption("Nothing was scored: the cases need an expected answer, or the run a check.")
    _measure(run, found, first, lines, height=SCORE_HEIGHT + charts.legend_height(found, lines))
    drawn = [measure for measure in others if charts.rows_of(found, measure, lines)]
    if len(drawn) < len(others):
        st.caption("Distinct answers, entropy and similarity need two samples or more of a case.")
    for pair in (drawn[i : i + 2] for i in range(0, len(drawn), 2)):
        for column, measure in zip(st.columns(2, gap="medium"), pair, strict=False):
            with column:
                _measure(run, found, measure, lines, height=HEIGHT, legend=False)


def _measure(
    run: RunInfo, found: Curve, measure: charts.Measure, lines: Sequence[str], *, height: int, legend: bool = True
) -> None:
    chart = charts.curve_chart(found, measure, lines, legend=legend)
    if chart is not None:
        rows = charts.rows_of(found, measure, lines)
        _chart(chart, rows, measure.title, measure.about, f"{run.id}-{measure.column}", height)


def cost_chart(run: RunInfo, found: Curve, lines: Sequence[str]) -> None:
    """Score against cost, or against tokens where there is no cost to tell apart."""
    chart = charts.cost_chart(found, lines)
    if chart is None:
        return
    by_price = found.price == "cost_usd"
    about = "On the dashed line nothing scores as high for less." + (
        "" if by_price else " By tokens, since these replies are free or a price is not known."
    )
    title = "Score against cost" if by_price else "Score against tokens"
    height = SCORE_HEIGHT + charts.legend_height(found, lines)
    _chart(
        chart, charts.cost_rows(found, lines), title, f"{about} The numbers are temperatures.", f"{run.id}-cost", height
    )


def told_in_words(database: Database, run: RunInfo, found: Curve) -> None:
    """Which temperatures are no points, and which models seem to ignore it."""
    sentences = [*found.left_out, *suspicions(database, run.id)]
    if sentences:
        st.subheader("Not on a line")
        for sentence in sentences:
            st.caption(plain(sentence, limit=600))


def _chart(
    chart: alt.LayerChart, rows: Sequence[dict[str, Any]], title: str, about: str, name: str, height: int
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"curves_head_{name}"):
        st.subheader(title, help=about, width="stretch")
        st.download_button(
            "CSV",
            data=lambda: as_csv(rows),
            file_name=f"{name}.csv",
            mime="text/csv",
            on_click="ignore",
            type="tertiary",
            key=f"curves_csv_{name}",
            help="The data behind this chart",
        )
    st.altair_chart(chart.properties(height=height), width="stretch", key=f"curves_chart_{name}")


def as_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    """The data behind a chart as a file; there is at least one row."""
    out = io.BytesIO()
    write_table(rows, out, list(rows[0]))
    return out.getvalue()
