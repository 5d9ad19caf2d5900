"""`promptgrid cases`: reviews a table of cases before it decides between prompts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptgrid.cli.output import echo, echo_json

if TYPE_CHECKING:
    from promptgrid.case_review.kinds import CaseKind
    from promptgrid.case_review.review import CasesReview, SuspectRow

_SUSPECTS = 20  # in the terminal; --json has all


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--prompt", "prompts", multiple=True, metavar="NAME", help="A prompt that these cases are for; repeatable."
)
@click.option("--run", "runs", multiple=True, metavar="RUN", help="A run over these cases; repeatable.")
@click.option("--group", default="", metavar="COLUMN", help="Cases alike in this column are never parted.")
@click.option("--expected", default="", metavar="COLUMN", help="The column with the expected answers.")
@click.option("--encoding", default="", help="The encoding of a file that is not UTF-8.")
@click.option("--json", "as_json", is_flag=True)
def cases(
    file: Path, prompts: Sequence[str], runs: Sequence[str], group: str, expected: str, encoding: str, as_json: bool
) -> None:
    """Review a table of cases: its parts and labels, copies, what a proof needs, and with --run which expected answers
    may be wrong. No model is called, and the part prove stays sealed."""
    from promptgrid import api
    from promptgrid.case_review.review import review
    from promptgrid.cases.table import read_cases
    from promptgrid.cli import sheet
    from promptgrid.store import Database
    from promptgrid.store.runs import find_run
    from promptgrid.text import one_line

    database = Database()
    table = read_cases(file, expected=expected, encoding=encoding)
    run_ids = [find_run(database, ref).id for ref in runs]
    about = review(database, table.cases, [api.load(name, database) for name in prompts], run_ids, group=group)
    if as_json:
        echo_json(json.dumps(_record(about), ensure_ascii=False))
        return
    rows = [_kind_row(kind) for kind in about.kinds]
    echo(sheet.table(["expected", "cases", *about.kinds[0].parts, "variants differ"], rows))
    for sentence in (*table.notes, *about.notes, *about.openings, *about.advice):
        echo(one_line(sentence, 400))
    if about.suspects:
        echo("Expected answers that may be wrong, the likeliest first:")
        echo(
            sheet.table(
                ["case", "expected", "variants answer", "so many"], [_row(s) for s in about.suspects[:_SUSPECTS]]
            )
        )
    elif about.no_suspects:
        echo(about.no_suspects)


def _record(about: CasesReview) -> dict[str, object]:
    return {
        "cases": len(about.cases),
        "kinds": [asdict(kind) for kind in about.kinds],
        "reach": asdict(about.reach),
        "notes": list(about.notes),
        "openings": list(about.openings),
        "advice": about.advice,
        "suspects": [asdict(row) for row in about.suspects],
    }


def _kind_row(kind: CaseKind) -> list[str]:
    from promptgrid.text import one_line

    differ = "–" if kind.apart is None else f"{100 * kind.apart:.0f} % of {kind.scored:,}"
    name = "any" if kind.expected is None else one_line(kind.expected, 40)
    return [name, f"{kind.cases:,}", *(f"{count:,}" for count in kind.parts.values()), differ]


def _row(row: SuspectRow) -> list[str]:
    from promptgrid.text import one_line

    return [
        one_line(row.case_id, 40),
        one_line(row.expected, 30),
        one_line(row.answer, 30),
        f"{row.agree} of {row.variants}",
    ]
