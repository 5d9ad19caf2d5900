"""`promptgrid search` and `costs`: find answers in all runs, and what they cost."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from promptgrid.cli.output import echo, echo_json

if TYPE_CHECKING:
    from promptgrid.store.across.spending import MonthSpending


@click.command()
@click.argument("text")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Most replies to list.")
@click.option("--json", "as_json", is_flag=True)
def search(text: str, limit: int, as_json: bool) -> None:
    """List replies of all runs that contain TEXT, the newest first; upper and lower case are the same.

    promptgrid search "as an AI"
    """
    from datetime import datetime

    from promptgrid.cli.output import print_table
    from promptgrid.compare.search import search_answers
    from promptgrid.store import Database

    matches = search_answers(Database(), text, limit)
    if as_json:
        echo_json(json.dumps([asdict(match) | {"variant": match.variant.values} for match in matches]))
        return
    if not matches:
        echo("No reply contains it.")
        return
    rows = [
        [m.run_id, f"{datetime.fromtimestamp(m.created):%F}", m.case_id, str(m.sample), m.label, m.excerpt]
        for m in matches
    ]
    print_table(["run", "created", "case", "sample", "variant", "reply"], rows)
    if len(matches) == limit:
        echo(f"These are the newest {limit:,}; --limit lists more.")


@click.command()
@click.option("--json", "as_json", is_flag=True)
def costs(as_json: bool) -> None:
    """List what all replies cost, by month (UTC) and model.

    Replies of runs, tries, conversations and judges count once each; prices that are not known are not in the sum.
    """
    from promptgrid.cli import sheet
    from promptgrid.store import Database
    from promptgrid.store.across.spending import spending

    lines = spending(Database())
    if as_json:
        echo_json(json.dumps([asdict(line) for line in lines]))
        return
    if not lines:
        echo("No replies yet.")
        return
    header = ["month", "model", "replies", "prompt tokens", "reply tokens", "cost, US$", "price not known"]
    rows = [
        [
            line.month, line.model, f"{line.replies:,}", _count(line.prompt_tokens), _count(line.completion_tokens),
            _cost(line),
            f"{line.unpriced:,}" if line.unpriced else "",
        ]
        for line in lines
    ]  # fmt: skip
    used = [at for at in range(len(header)) if at < 3 or any(row[at] for row in rows)]
    echo(sheet.table([header[at] for at in used], [[row[at] for at in used] for row in rows]))


def _cost(line: MonthSpending) -> str:
    """Returns the cost as text: `free` for replies that cost nothing, as in the table of a run; – if no price is
    known."""
    if line.unpriced == line.replies:
        return "–"
    return f"{line.cost_usd:,.4f}" if line.cost_usd or line.unpriced else "free"


def _count(tokens: int | None) -> str:
    return "" if tokens is None else f"{tokens:,}"
