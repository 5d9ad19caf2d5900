"""The chart of the score against what an answer takes (money, tokens, calls, seconds), with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from promptgrid.curves.charts import PERCENT, Y_AXIS, colour, field, shape
from promptgrid.curves.curve import Curve
from promptgrid.curves.prices import PRICES, with_front

if TYPE_CHECKING:
    import altair as alt

NEVER = 1e9  # pixels: wider than any plot
_LABEL_X, _LABEL_HEIGHT, _LETTER, _POINT, _PLOT_HEIGHT = 8, 13, 7, 6, 200  # pixels


def known_prices(curve: Curve) -> list[str]:
    """Returns the names of the prices by which two or more scored points can be compared, the curve's own first. A
    price that is 0 at every point is left out."""
    scored = [point for point in curve.points if point.score is not None]
    names = [
        name
        for name in PRICES
        if sum(getattr(point, name) is not None for point in scored) > 1
        and any(getattr(point, name) for point in scored)
    ]
    return sorted(names, key=lambda name: name != curve.price)


def cost_rows(curve: Curve, lines: Sequence[str] = (), price: str = "") -> list[dict[str, Any]]:
    """Returns the data of the cost chart: one row per variant with a score and a known `price` (a name in PRICES; "":
    the curve's own), even if it is not drawn as a point of a line. A row has the line, the axis value, score, prices
    and `pareto`: no other variant is better at this price. `lines` names the lines to include; empty: all."""
    price = price or curve.price
    figures = ("score", "score_low", "score_high", *PRICES, "pareto", "scored_cases", "cases", "samples")
    names = ["line", curve.axis, *figures]
    return [
        {name: row[name] for name in names} | {"pareto": point.pareto}
        for point, row in zip(with_front(curve.points, price), curve.rows, strict=True)
        if point.score is not None and getattr(point, price) is not None and (not lines or point.line in lines)
    ]


def cost_chart(
    curve: Curve, lines: Sequence[str] = (), price: str = "", *, legend: bool = True
) -> alt.LayerChart | None:
    """Draws the score against a price of an answer (a name in PRICES; "": the curve's own), with the Pareto front: the
    variants that no other beats in both. The points of a line are joined in the order of the parameter. `lines` names
    the lines to include (empty: all); with `legend`, their names and colours stand above. Returns None for fewer than
    two variants."""
    price = price or curve.price
    rows = cost_rows(curve, lines, price)
    if len(rows) < 2:
        return None
    import altair as alt

    title, times, number = PRICES[price].axis, PRICES[price].times, PRICES[price].format
    widths = label_widths([(row[price], row["score"], curve.spec.text(row[curve.axis])) for row in rows])
    order = {value: place for place, value in enumerate(curve.values)}
    points = [
        row | {"price": row[price] * times, "from_width": width, "place": order.get(row[curve.axis], -1)}
        for row, width in zip(rows, widths, strict=True)
    ]
    x = alt.X(
        "price:Q",
        title=title,
        scale=alt.Scale(zero=False, nice=True, padding=10),
        axis=alt.Axis(grid=False, tickCount=6),
    )
    y = alt.Y("score:Q", title="score", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(**PERCENT, **Y_AXIS))
    base = alt.Chart(alt.InlineData(values=points)).encode(x=x)
    front = alt.Chart(alt.InlineData(values=[row for row in points if row["pareto"]])).encode(x=x, y=y)
    tooltip = [
        alt.Tooltip("line:N"),
        alt.Tooltip(field(curve)),
        alt.Tooltip("score:Q", format=".0%"),
        alt.Tooltip("price:Q", title=title, format=number),
        alt.Tooltip("pareto:N", title="on the front"),
    ]
    span = {"y": alt.Y("score_low:Q", title="score"), "y2": alt.Y2("score_high:Q")}
    opacity = alt.condition("datum.pareto", alt.value(1.0), alt.value(0.7))
    base = base.encode(**colour(curve, lines, legend))
    layers = [
        front.mark_line(strokeDash=[4, 3], strokeWidth=1.5, color="#868e96", interpolate="step-after"),
        base.mark_line(opacity=0.35, strokeWidth=1.5).encode(y=y, order="place:Q"),
        base.mark_rule(opacity=0.6).encode(**span),
        base.mark_point(filled=True, size=80).encode(
            y=y, opacity=opacity, tooltip=tooltip, **shape(curve, lines, legend)
        ),
        base.mark_text(align="left", dx=_LABEL_X, fontSize=11)
        .transform_filter("datum.from_width <= width")
        .encode(y=y, text=_label(curve)),
    ]
    return alt.LayerChart(layer=layers)


def _label(curve: Curve) -> alt.Text:
    import altair as alt

    return alt.Text(f"{curve.axis}:N") if curve.spec.kind is str else alt.Text(field(curve), format="~g")


def label_widths(points: Sequence[tuple[float, float, str]]) -> list[float]:
    """Returns for each point the least width of the plot, in pixels, at which its label fits on the right of the point.

    A point is (x in any unit, score 0 to 1, label). The width is 0 if no other point is in the way, and NEVER (more
    than any plot has) if another point has the same x and about the same score.
    """
    span = max(x for x, _, _ in points) - min(x for x, _, _ in points)
    widths = []
    for i, (x, score, text) in enumerate(points):
        room = _LABEL_X + _LETTER * len(text) + _POINT
        close = [
            other
            for j, (other, height, _) in enumerate(points)
            if j != i and other >= x and abs(height - score) * _PLOT_HEIGHT < _LABEL_HEIGHT
        ]
        widths.append(max((room * span / (other - x) if other > x else NEVER for other in close), default=0.0))
    return widths
