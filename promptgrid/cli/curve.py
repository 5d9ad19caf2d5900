"""`promptgrid curve`: prints the effect of a parameter as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptgrid.cli.output import OutputFile, echo, echo_json
from promptgrid.cli.show import echo_openings, part_option
from promptgrid.prompt.parameters import AXIS_SPECS, ParameterSpec

if TYPE_CHECKING:
    from promptgrid.curves.curve import CurvePoint

_HEADS = ("cases", "score", "95 %", "distinct", "entropy", "similarity", "characters")


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--csv", "csv_path", type=OutputFile(), help="One row per point.")
@click.option("--json", "as_json", is_flag=True)
@click.option(
    "--over",
    type=click.Choice([spec.column for spec in AXIS_SPECS]),
    default=AXIS_SPECS[0].column,
    show_default=True,
    help="The parameter.",
)
@part_option
def curve(run: str, csv_path: Path | None, as_json: bool, over: str, part: str) -> None:
    """Show score, variety and length over the values of a parameter. RUN is an id, its beginning, or `last`."""
    from promptgrid.cli import sheet
    from promptgrid.curves.curve import curve as curve_of
    from promptgrid.export.csv_out import write_table
    from promptgrid.export.files import save
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    database = Database()
    run_id = store.find_run(database, run).id
    curve_data = curve_of(database, run_id, over, part)
    echo_openings(database, part, run_id)
    rows = curve_data.rows
    if csv_path:
        save(csv_path, lambda out: write_table(rows, out, curve_data.columns))
        echo(f"Wrote {len(rows):,} points to {csv_path}.", err=True)
    if as_json:
        echo_json(json.dumps({"points": rows, "left_out": list(curve_data.left_out)}))
    elif not csv_path:
        lines = [_line(curve_data.spec, point) for point in curve_data.points if point.cases]
        echo(sheet.table(["line", over, *_HEADS], lines))
        for sentence in curve_data.left_out:
            echo(sentence)


def _line(spec: ParameterSpec, point: CurvePoint) -> list[str]:
    from promptgrid.text import printable

    value = spec.text(point.value)
    band = f"{_percent(point.score_low)} to {_percent(point.score_high)}" if point.score_low is not None else "–"
    return [
        printable(point.line),
        value if point.drawn else f"{value} (not sent)",
        f"{point.cases:,}",
        _percent(point.score),
        band,
        _number(point.distinct),
        _number(point.entropy_bits),
        _number(point.similarity),
        "–" if point.characters is None else f"{point.characters:,.0f}",
    ]


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
