"""The charts of the Curves page, each with a button to download its data."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from promptgrid.compare import Axis, run_remarks
from promptgrid.compare.axes import PARAMETER_AXES
from promptgrid.curves import charts
from promptgrid.curves.cost_chart import cost_chart as cost_chart_of
from promptgrid.curves.cost_chart import cost_rows, known_prices
from promptgrid.curves.curve import Curve, curve, drawable_axes
from promptgrid.curves.prices import PRICES
from promptgrid.curves.retrieval import axis_spec
from promptgrid.export.csv_out import write_table
from promptgrid.store import Database, results
from promptgrid.store.runs import ACTIVE, RunInfo
from promptgrid.ui import links
from promptgrid.ui.links import follow_address, set_query
from promptgrid.ui.widgets.feedback import empty_state
from promptgrid.ui.widgets.plain import plain

if TYPE_CHECKING:
    import altair as alt

SCORE_HEIGHT, HEIGHT = 320, 220
_LINES, _LINE = "curves_lines", "line"  # the widget, and its name in the address
_OVER, _AGAINST = "curves_over", "curves_against"


def read_curve(database: Database, run: RunInfo) -> Curve:
    """Returns the scores of the run as lines over one of its parameters, cached until the run has new results.

    The parameter is the one in the address (`?over=`). If the run varies several, a control selects one of them.
    """
    follow_address(_OVER, _LINES, _AGAINST)
    axes = drawable_axes(database, run.id)
    requested = st.session_state.get(_OVER) or st.query_params.get("over")
    axis = requested if requested in axes else axes[0]
    if len(axes) > 1:
        st.session_state[_OVER] = axis
        labels = {axis: axis_spec(axis).label for axis in axes}
        axis = st.selectbox("Over", axes, format_func=labels.__getitem__, key=_OVER, width=200,
                            label_visibility="collapsed")  # fmt: skip
    return _curve(run.id, axis, results.stamp(database, run.id), _database=database)


@st.cache_resource(max_entries=6, show_spinner="Reading the replies…")
def _curve(run_id: str, axis: Axis, stamp: results.Stamp, *, _database: Database) -> Curve:
    return curve(_database, run_id, axis)


def lines_popover(curve: Curve) -> list[str]:
    """Draws the selector of the curve's lines and returns those to draw: at first those of `?line=` in the address, or
    else the first few. Only as many can be selected as there are distinct colours."""
    all_lines = curve.lines
    requested = st.session_state[_LINES] if _LINES in st.session_state else st.query_params.get_all(_LINE)
    valid = [line for line in all_lines if line in requested] or all_lines
    st.session_state[_LINES] = valid[: charts.MOST_LINES]
    count = len(st.session_state[_LINES])
    label = f"Lines {count} of {len(all_lines)}" if count < len(all_lines) else "Lines"
    with st.popover(label, disabled=len(all_lines) < 2):
        selected = st.multiselect("Lines to draw", all_lines, key=_LINES, max_selections=charts.MOST_LINES)
    return selected or all_lines[: charts.MOST_LINES]


def write_address(run: RunInfo, curve: Curve, lines: Sequence[str]) -> None:
    query: dict[str, Any] = {"run": run.id}
    if curve.axis != next(iter(PARAMETER_AXES)):
        query["over"] = curve.axis
    if list(lines) != curve.lines[: charts.MOST_LINES]:
        query[_LINE] = list(lines)
    if (price := _selected_price(known := known_prices(curve))) in known[1:]:
        query["against"] = price
    set_query(query)


def missing_values(run: RunInfo, curve: Curve) -> None:
    """If the run has fewer than two values of the parameter, says what it needs for a curve."""
    if len(curve.values) > 1:
        return
    if run.status in ACTIVE and not any(point.cases for point in curve.points):
        st.caption("No replies yet.")
        return
    what = f"only one {curve.axis}" if curve.values else f"no {curve.axis} that was sent"
    if empty_state(
        f"This run has {what}",
        f"Add {curve.spec.axis}",
        "curves_to_run",
        detail="A curve needs two or more. Add them to this run: only the new cells are sent.",
    ):
        st.switch_page(links.RUN, query_params={"run": run.id})


def curve_charts(run: RunInfo, curve: Curve, lines: Sequence[str]) -> None:
    """Draws the chart of the score, and below it the charts for variety and length, each with the selected `lines` of
    the curve."""
    first, *others = charts.MEASURES
    if not charts.rows_of(curve, first, lines):
        st.caption("Nothing is scored: the cases need an expected answer, or the run needs a check.")
    _measure(run, curve, first, lines, height=SCORE_HEIGHT + charts.legend_height(curve, lines))
    with_data = [measure for measure in others if charts.rows_of(curve, measure, lines)]
    if len(with_data) < len(others):
        st.caption("Distinct answers, entropy and similarity need two or more samples of a case.")
    _pairs(run, curve, with_data, lines)


def retrieval_charts(run: RunInfo, curve: Curve, lines: Sequence[str]) -> None:
    """Draws the charts of what the cells show of documents, measured by the gold of their cases; none if they show
    nothing. The first one has the legend, since a run may have no score."""
    measures = [one for one in charts.RETRIEVAL_MEASURES if charts.rows_of(curve, one, lines)]
    for measure in measures[:1]:
        _measure(run, curve, measure, lines, height=HEIGHT + charts.legend_height(curve, lines))
    _pairs(run, curve, measures[1:], lines)


def _pairs(run: RunInfo, curve: Curve, measures: Sequence[charts.Measure], lines: Sequence[str]) -> None:
    for pair in (measures[i : i + 2] for i in range(0, len(measures), 2)):
        for column, measure in zip(st.columns(2, gap="medium"), pair, strict=False):
            with column:
                _measure(run, curve, measure, lines, height=HEIGHT, legend=False)


def _measure(
    run: RunInfo, curve: Curve, measure: charts.Measure, lines: Sequence[str], *, height: int, legend: bool = True
) -> None:
    chart = charts.curve_chart(curve, measure, lines, legend=legend)
    if chart is not None:
        rows = charts.rows_of(curve, measure, lines)
        _chart(chart, rows, measure.title, measure.about, f"{run.id}-{measure.column}", height)


def cost_chart(run: RunInfo, curve: Curve, lines: Sequence[str]) -> None:
    """Draws score against the price of an answer that the reader selects: at first the cost, or the tokens if the costs
    are zero or not known. Draws nothing for fewer than two scored points."""
    known = known_prices(curve)
    if not known:
        return
    price = _selected_price(known)
    if (chart := cost_chart_of(curve, lines, price)) is None:
        return
    about = "No other point scores as high for less than one on the dashed line."
    if curve.price != "cost_usd":
        about += " Tokens stand in for the cost: these replies are free, or a price is not known."
    height, rows = SCORE_HEIGHT + charts.legend_height(curve, lines), cost_rows(curve, lines, price)
    title, about = f"Score against {PRICES[price].name}", f"{about} The labels are {curve.spec.plural}."

    def select() -> None:
        st.segmented_control("Against", known, default=price, key=_AGAINST, required=True, width="content",
                             format_func=lambda name: PRICES[name].name, label_visibility="collapsed")  # fmt: skip

    _chart(chart, rows, title, about, f"{run.id}-cost", height, select if len(known) > 1 else lambda: None)


def _selected_price(known: Sequence[str]) -> str:
    """Returns the price that the reader selected, or that the address names; the first known one if it is none of
    them ("": none is known)."""
    price = str(st.session_state.get(_AGAINST) or st.query_params.get("against"))
    return price if price in known else next(iter(known), "")


def remarks(database: Database, run: RunInfo, curve: Curve) -> None:
    """Lists the values that could not be drawn as points of a line, and the remarks on the run's statistics."""
    for heading, sentences in {
        "Left out of the lines": curve.left_out,
        "Remarks": run_remarks(database, run.id),
    }.items():
        if sentences:
            st.subheader(heading)
        for sentence in sentences:
            st.caption(plain(sentence, limit=600))


def _chart(
    chart: alt.LayerChart,
    rows: Sequence[dict[str, Any]],
    title: str,
    about: str,
    name: str,
    height: int,
    select: Callable[[], object] = lambda: None,
) -> None:
    """Draws the chart below its title, what `select` draws, and the button that downloads its data."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"curves_head_{name}"):
        st.subheader(title, help=about, width="stretch")
        select()
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
    out = io.BytesIO()
    write_table(rows, out, list(rows[0]))
    return out.getvalue()
