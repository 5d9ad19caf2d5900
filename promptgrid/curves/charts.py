"""A curve's measures as Altair charts: pages draw them in their own theme, reports as SVG (`svg`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptgrid.curves.curve import Curve

if TYPE_CHECKING:
    import altair as alt

# Lines differ by colour and shape; pure red and green are avoided, since they mean wrong and right elsewhere.
COLOURS = ("#4c6ef5", "#e8890c", "#0ca678", "#ae3ec9", "#868e96", "#d6336c", "#1098ad", "#a1662f")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
MOST_LINES = len(COLOURS)
LEGEND_ROW = 19  # pixels
_NO_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure that can be drawn as a curve: its `column` (a field of CurvePoint), the titles of its chart and its
    axis, a sentence `about` it, the d3 `format` of its values, and whether it is a share from 0 to 1. `over` is the
    column with the number of cases that a point rests on; with `band`, the columns NAME_low and NAME_high have the 95 %
    interval."""

    column: str
    title: str
    axis: str
    about: str
    format: str
    share: bool = False
    over: str = "cases"
    band: bool = False


MEASURES: Sequence[Measure] = (
    Measure("score", "Score", "score", "Mean over the cases; the band is its 95 % interval.", ".0%",
            share=True, over="scored_cases", band=True),
    Measure("distinct", "Distinct answers", "answers per case", "Different answers among the samples of a case.", ".2f",
            over="varied_cases"),
    Measure("entropy_bits", "Entropy", "bits", "How much the answers of a case vary; 0: always the same.", ".2f",
            over="varied_cases"),
    Measure("similarity", "Similarity", "1 = the same text",
            "How similar the texts of a case's samples are, by edit distance.", ".2f",
            share=True, over="similarity_cases"),
    Measure("characters", "Length", "characters", "Mean length of a reply.", ",.0f"),
)  # fmt: skip
_BAND = "the band is its 95 % interval over the questions with gold"
RETRIEVAL_MEASURES: Sequence[Measure] = (
    Measure("hit", "Hit", "hit", f"The share of questions whose passages hold gold; {_BAND}.", ".0%",
            share=True, over="hit_cases", band=True),
    Measure("recall", "Recall of gold", "recall", f"The share of the gold that was shown; {_BAND}.", ".0%",
            share=True, over="recall_cases", band=True),
    Measure("precision", "Precision of gold", "precision", f"The share of what was shown that is gold; {_BAND}.", ".0%",
            share=True, over="precision_cases", band=True),
    Measure("reciprocal_rank", "MRR", "mean reciprocal rank", f"1 / the rank of the first passage with gold; {_BAND}.",
            ".2f", share=True, over="reciprocal_rank_cases", band=True),
    Measure("ndcg", "nDCG", "nDCG", f"Gain by rank, as a share of the best possible; {_BAND}.", ".2f",
            share=True, over="ndcg_cases", band=True),
    Measure("retrieved_tokens", "Retrieved tokens", "tokens", "Tokens of the passages, by the chunker's count.",
            ",.0f", over="retrieved_tokens_cases", band=True),
)  # fmt: skip
"""The measures of what was retrieved, which need no reply but gold, in the order of the page."""

PERCENT: Mapping[str, Any] = {"labelExpr": "format(100 * datum.value, '.0f') + ' %'"}
Y_AXIS: Mapping[str, Any] = {"tickCount": 5, "labelFlush": False}  # else the outer labels leave their grid lines


def rows_of(curve: Curve, measure: Measure, lines: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Returns the data of a measure's chart: one row per point of a line where the measure is known. A row has the
    fields `line`, the axis (by its name), the measure's column, the interval of one with a band, the number of cases
    that the point rests on (the field `measure.over`), `cases` and `samples`. `lines` names the lines to include;
    empty: all."""
    more = [f"{measure.column}_low", f"{measure.column}_high"] if measure.band else []
    names = list(dict.fromkeys(["line", curve.axis, measure.column, *more, measure.over, "cases", "samples"]))
    return [
        {name: row[name] for name in names}
        for point, row in zip(curve.points, curve.rows, strict=True)
        if point.drawn and row.get(measure.column) is not None and (not lines or point.line in lines)
    ]


def legend_height(curve: Curve, lines: Sequence[str] = ()) -> int:
    """Returns the height in pixels of the legend above a chart of these lines (empty: all); 0 for a single line, which
    has no legend."""
    count = len(_domain(curve, lines)[0])
    return 8 + LEGEND_ROW * count if count > 1 else 0


def curve_chart(
    curve: Curve, measure: Measure, lines: Sequence[str] = (), *, legend: bool = True
) -> alt.LayerChart | None:
    """Draws a measure over the values of the curve's parameter, one line per name in `lines` (empty: all); with
    `legend`, their names and colours stand above. Returns None if there is no point to draw."""
    rows = rows_of(curve, measure, lines)
    if not rows:
        return None
    import altair as alt

    x = _x(curve)
    scale = alt.Scale(domain=[0, 1]) if measure.share else alt.Scale(zero=False, nice=True)
    axis = alt.Axis(**(PERCENT if measure.format == ".0%" else {"format": measure.format}), **Y_AXIS)
    y = alt.Y(f"{measure.column}:Q", title=measure.axis, scale=scale, axis=axis)
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, **colour(curve, lines, legend))
    tooltip = [
        alt.Tooltip("line:N"),
        alt.Tooltip(field(curve)),
        alt.Tooltip(f"{measure.column}:Q", title=measure.title.lower(), format=measure.format),
        alt.Tooltip(f"{measure.over}:Q", title="cases"),
    ]
    layers: list[Any] = [
        base.mark_line(strokeWidth=2).encode(y=y),
        base.mark_point(filled=True, size=60, opacity=1).encode(y=y, tooltip=tooltip, **shape(curve, lines, legend)),
    ]
    if measure.band:
        low, high = f"{measure.column}_low:Q", f"{measure.column}_high:Q"
        tooltip[3:3] = [alt.Tooltip(low, format=measure.format), alt.Tooltip(high, format=measure.format)]
        band = {"y": alt.Y(low, title=measure.axis, scale=scale, axis=axis), "y2": alt.Y2(high)}
        layers.insert(0, base.mark_area(opacity=0.12).encode(**band))
        layers.insert(1, base.mark_rule(opacity=0.45).encode(**band))  # a single point has no area
    return alt.LayerChart(layer=layers)


def field(curve: Curve) -> str:
    """Returns the chart's field for the values on the x axis, with its type in Vega-Lite: `temperature:Q` for numbers,
    `effort:O` for words."""
    return f"{curve.axis}:O" if curve.spec.kind is str else f"{curve.axis}:Q"


def _x(curve: Curve) -> alt.X:
    import altair as alt

    title = curve.spec.label.lower()
    if curve.spec.kind is str:
        return alt.X(
            field(curve),
            title=title,
            sort=list(map(curve.spec.text, curve.values)),
            axis=alt.Axis(labelAngle=0, grid=False),
        )
    # `format` would round the labels to the step of the ticks, and 1.2 would read 1.
    values = [value for value in curve.values if isinstance(value, (int, float))]
    labels = alt.Axis(values=values, labelExpr="format(datum.value, '~g')", grid=False)
    return alt.X(field(curve), title=title, axis=labels)


def svg(chart: alt.LayerChart, *, width: int = 640, height: int = 260) -> str:
    """Returns the chart as an SVG text without scripts, `width` × `height` pixels plus axes. Axes and text take the
    colour of the page around it."""
    import vl_convert

    ink = "currentColor"
    text = {"labelColor": ink, "titleColor": ink}
    strokes = {"domainColor": ink, "tickColor": ink, "gridColor": ink, "gridOpacity": 0.15, "domainOpacity": 0.4}
    config = {
        "background": "transparent",
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": {**text, **strokes, "tickOpacity": 0.4, "titleFontWeight": "normal"},
        "legend": {**text, "orient": "top", "direction": "vertical", "title": None, "labelLimit": width},
    }
    return vl_convert.vegalite_to_svg(
        _fit_for_xml(chart.properties(width=width, height=height).to_dict()), config=config
    )


def _fit_for_xml(value: Any) -> Any:
    """Returns the value (texts in dicts and lists) with U+FFFD in place of each character that XML cannot hold: such a
    character would make the SVG library end the process."""
    if isinstance(value, str):
        return _NO_XML.sub("\ufffd", value)
    if isinstance(value, dict):
        return {name: _fit_for_xml(part) for name, part in value.items()}
    return [_fit_for_xml(part) for part in value] if isinstance(value, list) else value


def shape(curve: Curve, lines: Sequence[str], legend: bool) -> dict[str, Any]:
    """Returns the encoding of a point's shape by its line."""
    import altair as alt

    names, _ = _domain(curve, lines)
    scale = alt.Scale(domain=names, range=[SHAPES[i % len(SHAPES)] for i in _places(curve, names)])
    return {"shape": alt.Shape("line:N", scale=scale, legend=_legend(names, legend))}


def colour(curve: Curve, lines: Sequence[str], legend: bool) -> dict[str, Any]:
    """Returns the encoding of a mark's colour by its line."""
    import altair as alt

    names, colours = _domain(curve, lines)
    scale = alt.Scale(domain=names, range=colours)
    return {"color": alt.Color("line:N", scale=scale, legend=_legend(names, legend))}


def _domain(curve: Curve, lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns (the names of the lines to draw, their colours); `lines` names them, empty: all. A line has the same
    colour whichever others are drawn."""
    names = [name for name in curve.lines if not lines or name in lines]
    return names, [COLOURS[i % len(COLOURS)] for i in _places(curve, names)]


def _places(curve: Curve, names: Sequence[str]) -> list[int]:
    every = curve.lines
    return [every.index(name) for name in names]


def _legend(names: Sequence[str], wanted: bool) -> alt.Legend | None:
    """Returns the legend of a chart with these lines; None if it is not `wanted` or there is only one line."""
    import altair as alt

    if not wanted or len(names) < 2:
        return None
    return alt.Legend(
        title=None, orient="top", columns=1, labelLimit=600, symbolOpacity=1, rowPadding=0, padding=0, offset=8
    )
