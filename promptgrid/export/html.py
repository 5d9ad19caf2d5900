"""Writes a run as one self-contained HTML file to open, send and print: no scripts, all foreign text escaped."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import BinaryIO

from promptgrid.compare import PooledCell
from promptgrid.export import tables
from promptgrid.export.report import Report, report
from promptgrid.store import Database
from promptgrid.text import one_line

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_SVG = "{http://www.w3.org/2000/svg}"
_DRAWN = {"svg", "g", "path", "rect", "line", "circle", "text", "tspan", "title", "desc", "defs", "clipPath"}
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # would reverse the text around them


@dataclass(frozen=True, slots=True)
class _Chart:
    title: str
    about: str
    svg: str


def write_html(
    database: Database, run_id: str, out: BinaryIO, positions: Sequence[int] | None = None, part: str = ""
) -> int:
    """Writes the report of the run (see `report`) to an open file, and returns the number of cases in its table. With
    `positions`, the table has only the cases and variants of these cells; with `part` (learn, choose, prove), the whole
    report is on the cases of that part only.

    Raises StoreError when the run no longer exists.
    """
    contents = report(database, run_id, positions, part)
    charts, left_out = _charts(database, run_id, part)
    for piece in _pieces(contents, charts, left_out):
        out.write(piece.encode())
    return len(contents.rows)


def _pieces(contents: Report, charts: Sequence[_Chart], left_out: Sequence[str]) -> Iterator[str]:
    import jinja2

    from promptgrid.prompt import dumps

    here = files("promptgrid.export")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=_displayable, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(here.joinpath("report.html.j2").read_text("utf-8"))
    yield from page.generate(
        policy=POLICY,
        report=contents,
        style=here.joinpath("report.css").read_text("utf-8"),
        lead=_lead(contents),
        summary=tables.summary_words(contents.summaries),
        sentences=[summary.sentence for summary in contents.summaries if summary.sentence],
        shown=_count_words(contents),
        charts=charts,
        left_out=left_out,
        prompts=contents.plan.prompts,
        dumps=dumps,
        colour=_colour,
        one_line=one_line,
        answer_words=tables.answer_words,
        tally_words=tables.tally_words,
        verdict=tables.verdict,
    )


def _displayable(value: object) -> object:
    """Returns a text with U+FFFD in place of each character that a browser cannot show. Other values, such as our own
    HTML, are unchanged."""
    if type(value) is not str:  # Markup (marked as safe) is our own
        return value
    return _TURNS.sub("\ufffd", _NOT_TEXT.sub("\ufffd", value))


def _lead(contents: Report) -> str:
    origin = dict(contents.origin)
    parts = [origin.get("created", ""), origin["models"], origin["cells"]]
    return " · ".join(part for part in parts if part)


def _count_words(contents: Report) -> str:
    count, matching = len(contents.rows), contents.matching
    every = "all" if matching == contents.total else f"{matching:,} of {contents.total:,}"
    if count == matching:
        return f"{every.capitalize()} cases." if every != "all" else f"All {count:,} cases."
    return f"The first {count:,} of {matching:,} cases; the rest is in the run's other files."


def _colour(entry: PooledCell) -> str:
    """Returns the CSS class for the edge of a table cell: `right`, `wrong` (also failed), `mind` (a score in between)
    or "" (nothing scored)."""
    if not entry.answered:
        return "wrong" if entry.status in ("failed", "refused", "too_long") else ""
    return {"right": "right", "wrong": "wrong", "": ""}.get(tables.verdict(entry), "mind")


def _charts(database: Database, run_id: str, part: str) -> tuple[list[_Chart], Sequence[str]]:
    """Returns (the charts of the run's curves, one set for each parameter with several values; sentences on the values
    that no chart shows). With `part`, only the cases of that part count."""
    from promptgrid.curves import charts
    from promptgrid.curves.cost_chart import cost_chart
    from promptgrid.curves.curve import curve, drawable_axes

    sections: list[_Chart] = []
    left_out: list[str] = []
    for axis in drawable_axes(database, run_id):
        axis_curve = curve(database, run_id, axis, part)
        lines, left_out = axis_curve.lines[: charts.MOST_LINES], [*left_out, *axis_curve.left_out]
        every = [
            (m.title, m.about, charts.curve_chart(axis_curve, m, lines))
            for m in (*charts.MEASURES, *charts.RETRIEVAL_MEASURES)
            if len(axis_curve.values) > 1
        ]
        price = "cost" if axis_curve.price == "cost_usd" else "tokens"
        about = f"On the dashed line nothing scores as high for less. The labels are {axis_curve.spec.axis}."
        every.append((f"Score against {price}", about, cost_chart(axis_curve, lines)))
        for title, text, chart in every:
            if chart is not None:
                sections.append(_Chart(title, text, inline(charts.svg(chart), f"c{len(sections)}-")))
    return sections, left_out if sections else []


def inline(svg: str, prefix: str) -> str:
    """Prepares an SVG to stand in a page beside others: keeps only elements that draw, and puts `prefix` before each id
    so that ids are unique."""
    root = ET.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.removeprefix(_SVG) not in _DRAWN:
                parent.remove(child)
    for element in root.iter():
        for name, value in list(element.attrib.items()):
            if name.startswith("on") or "href" in name:
                del element.attrib[name]
            elif name == "id":
                element.set(name, prefix + value)
            elif value.startswith("url(#"):
                element.set(name, f"url(#{prefix}{value[5:]}")
    ET.register_namespace("", _SVG[1:-1])
    return ET.tostring(root, encoding="unicode")
