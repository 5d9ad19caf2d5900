"""`promptgrid curve` and `worth`: the effect of a parameter, and what variants cost and gave beside a vote for as many
tokens, as tables."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptgrid.cli.output import OutputFile, echo, echo_json
from promptgrid.cli.show import echo_openings, part_option
from promptgrid.prompt.parameters import AXIS_SPECS, ParameterSpec

if TYPE_CHECKING:
    from promptgrid.compare.worth import Worth
    from promptgrid.curves.prices import CurvePoint
    from promptgrid.store import Database

_HEADS = ("cases", "score", "95 %", "distinct", "entropy", "similarity", "characters")
_RETRIEVED = {"hit": "hit", "recall": "recall", "precision": "precision", "reciprocal_rank": "MRR", "ndcg": "nDCG",
              "retrieved_tokens": "retrieved tokens"}  # fmt: skip


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--csv", "csv_path", type=OutputFile(), help="One row per point.")
@click.option("--json", "as_json", is_flag=True)
@click.option(
    "--over",
    type=click.Choice([*(spec.column for spec in AXIS_SPECS), "chunk_size"]),
    default=AXIS_SPECS[0].column,
    show_default=True,
    help="The parameter.",
)
@part_option
def curve(run: str, csv_path: Path | None, as_json: bool, over: str, part: str) -> None:
    """Show score, variety, length, and what was retrieved, over the values of a parameter. RUN is an id, its beginning,
    or `last`."""
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
        heads = _RETRIEVED if curve_data.retrieves else {}
        lines = [
            [*_line(curve_data.spec, point), *(_number(point.retrieval.get(name)) for name in heads)]
            for point in curve_data.points
            if point.cases
        ]
        echo(sheet.table(["line", over, *_HEADS, *heads.values()], lines))
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


@click.command()
@click.argument("run")
@part_option
@click.option("--fair", is_flag=True, help="First send the replies that the fair comparison of each technique lacks.")
@click.option("--budget", help="With --fair: the most to spend for each technique. Default: the run's own budget.")
@click.option("--json", "as_json", is_flag=True)
def worth(run: str, part: str, fair: bool, budget: str | None, as_json: bool) -> None:
    """Show what each variant of RUN costs per answer, per correct answer, and per further correct answer.

    Every call counts, lost ones too. The first variant is the one that the others are compared with. Where nothing is
    paid, tokens stand for money. Below each technique in several steps (↳) stands the vote of self-consistency over as
    many replies as its tokens buy; --fair sends the replies that the run has not, as runs of their own.
    """
    from promptgrid.cli import sheet
    from promptgrid.compare.worth import worth as worth_of
    from promptgrid.export.worth import fair_sentence, worth_words
    from promptgrid.store import Database
    from promptgrid.store.runs import find_run

    database = Database()
    run_id = find_run(database, run).id
    echo_openings(database, part, run_id)
    worths = worth_of(database, run_id, part)
    if fair and (missing := [one for one in worths if fair_sentence(one)]):
        _run_fair(database, run_id, missing, budget)
        worths = worth_of(database, run_id, part)
    if as_json:
        echo_json(json.dumps([_finite(asdict(one)) for one in worths]))
        return
    if not any(one.answers for one in worths):
        echo(f"No reply is scored. Score the run by a check, such as: promptgrid check {run_id} --check number")
        return
    words = worth_words(worths)
    echo(sheet.table(words.columns, words.rows))
    for sentence in filter(None, map(fair_sentence, worths)):
        echo(f"{sentence} To send them: promptgrid worth {run_id} --fair")


def _run_fair(database: Database, run_id: str, missing: Sequence[Worth], budget: str | None) -> None:
    """Plans and carries out, one after another, the runs that these columns lack for their fair comparison."""
    from promptgrid.cli import live, sheet
    from promptgrid.compare.worth import fair_plan
    from promptgrid.runner import client, here

    for one in missing:
        plan = fair_plan(database, run_id, one)
        if budget is not None:
            plan = replace(plan, budget=budget)
        live.prepare(plan.models)
        fair_id = client.submit(
            database, plan, show=lambda preflight: echo(sheet.as_text(preflight), err=True), fair_for=run_id
        )
        with here.carried_out_here(database, fair_id) as watch:
            info, progress = live.follow(database, fair_id, watch)
        echo(sheet.end_line(info, progress), err=True)


def _finite(value: Any) -> Any:
    """Returns the value with null for each number that JSON cannot write: an interval that is open above."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
