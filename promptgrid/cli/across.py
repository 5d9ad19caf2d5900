"""`promptgrid search`, `costs` and `worth`: find answers in all runs, and what they cost and gave."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from promptgrid.cli.output import echo, echo_json
from promptgrid.cli.show import echo_openings, part_option

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
@click.argument("run")
@part_option
@click.option("--json", "as_json", is_flag=True)
def worth(run: str, part: str, as_json: bool) -> None:
    """Show what each variant of RUN costs per answer, per correct answer, and per further correct answer.

    Every call counts, lost ones too. The first variant is the one that the others are compared with. Where nothing is
    paid, tokens stand for money.
    """
    from promptgrid.cli import sheet
    from promptgrid.compare.worth import worth as worth_of
    from promptgrid.export.worth import fair_sentences, worth_words
    from promptgrid.store import Database
    from promptgrid.store.runs import find_run

    database = Database()
    run_id = find_run(database, run).id
    echo_openings(database, part, run_id)
    worths = worth_of(database, run_id, part)
    if as_json:
        echo_json(json.dumps([_finite(asdict(one)) for one in worths]))
        return
    if not any(one.answers for one in worths):
        echo(f"No reply is scored. Score the run by a check, such as: promptgrid check {run_id} --check number")
        return
    words = worth_words(worths)
    echo(sheet.table(words.columns, words.rows))
    for sentence in fair_sentences(worths):
        echo(sentence)


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


def _finite(value: Any) -> Any:
    """Returns the value with null for each number that JSON cannot write: an interval that is open above."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _count(tokens: int | None) -> str:
    return "" if tokens is None else f"{tokens:,}"
