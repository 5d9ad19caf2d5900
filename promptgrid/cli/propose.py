"""`promptgrid propose`: lets a model propose cases for a table, of which a person accepts each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptgrid.cli.output import echo

if TYPE_CHECKING:
    from promptgrid.case_review.proposals import Proposal
    from promptgrid.store import Database


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--prompt", metavar="NAME", help="The prompt that the cases are for.")
@click.option("--model", metavar="ENDPOINT/MODEL", default="", help="The model that proposes them.")
@click.option("--count", type=click.IntRange(1, 200), default=10, show_default=True, help="How many.")
@click.option("--answer", "answers", multiple=True, help="An expected answer that is asked for; repeatable.")
@click.option("--budget", default="", help="The most to spend: 2.50usd, 100000tok, 500calls or 30min.")
@click.option("--run", metavar="RUN", default="", help="Show the open proposals of an earlier run again.")
@click.option("--dry-run", is_flag=True, help="Show the cost and send nothing.")
def propose(
    file: Path,
    prompt: str | None,
    model: str,
    count: int,
    answers: tuple[str, ...],
    budget: str,
    run: str,
    dry_run: bool,
) -> None:
    """Let a model propose cases for a table, and accept or refuse each. Accepted ones are added to the file, with the
    model's name in the column proposed_by, and never belong to the part prove. Without --answer the model also gives
    the right answer, which needs a second look.

    promptgrid propose prompts/cases/sentiment.csv --prompt sentiment --answer mixed --count 5
    """
    from promptgrid.store import Database
    from promptgrid.store.runs import find_run

    database = Database()
    run_id = find_run(database, run).id if run else None
    if run_id is None:
        if not prompt:
            raise click.UsageError("Give --prompt NAME, the prompt that the cases are for, or --run RUN.")
        run_id = _carried_out(database, file, prompt, model, count, answers, budget, dry_run)
    if run_id is not None:
        _go_through(database, file, run_id)


def _carried_out(
    database: Database,
    file: Path,
    prompt: str,
    model: str,
    count: int,
    answers: tuple[str, ...],
    budget: str,
    dry_run: bool,
) -> str | None:
    """Returns the id of the run that made the proposals; None for a dry run."""
    from promptgrid import api
    from promptgrid.case_review.proposals import proposing_plan, shared_out
    from promptgrid.cases.table import read_cases
    from promptgrid.cli import live, sheet
    from promptgrid.connections import DEFAULT_MODEL
    from promptgrid.runner import client, here
    from promptgrid.store.across.parts import cases_of_part

    cases, _ = cases_of_part(database, read_cases(file).cases)
    counts = shared_out(count, answers)
    plan = proposing_plan(cases, api.load(prompt, database), counts, model or DEFAULT_MODEL, file.name, budget)
    live.prepare(plan.models)
    if dry_run:
        echo(sheet.as_text(client.preflight(database, plan)))
        return None
    run_id = client.submit(database, plan, show=lambda preflight: echo(sheet.as_text(preflight), err=True))
    with here.carried_out_here(database, run_id) as watch:
        try:
            info, progress = live.follow(database, run_id, watch)
        except KeyboardInterrupt:
            later = f"promptgrid resume {run_id}, then promptgrid propose {file} --run {run_id}"
            echo(f"Paused. To resume: {later}", err=True)
            raise
    echo(sheet.end_line(info, progress), err=True)
    return run_id


def _go_through(database: Database, file: Path, run_id: str) -> None:
    """Shows each open proposal and asks whether it is accepted. Without a terminal nothing is asked."""
    from promptgrid.case_review.proposals import accept, proposals, refuse
    from promptgrid.cases.table import read_cases
    from promptgrid.humanize import many

    listed = proposals(database, run_id, read_cases(file).cases)
    open_ = [one for one in listed if not one.problem]
    for one in listed:
        if one.problem:
            echo(f"{_words(one)}\n  left out: {one.problem}")
    if not open_:
        echo(f"No proposal can be accepted. Promptgrid keeps all of them: promptgrid show {run_id}")
        return
    again = f"promptgrid propose {file} --run {run_id}"
    accepted = 0
    for number, one in enumerate(open_, 1):
        echo(f"{number} of {len(open_)}: {_words(one)}")
        try:
            word = click.prompt("Accept it?", type=click.Choice(["yes", "no", "later"]), default="later")
        except click.Abort:
            echo(f"\nThe rest stays open: {again}", err=True)
            break
        if word == "yes":
            accept(file, one)
            accepted += 1
        elif word == "no":
            refuse(database, one, "propose")
    echo(f"{many(accepted, 'case')} added to {file.name}.")


def _words(proposal: Proposal) -> str:
    from promptgrid.cases.duplicates import PROPOSED_BY
    from promptgrid.text import one_line, value_text

    case = proposal.case
    texts = [f"{name}: {value_text(value)}" for name, value in case.inputs.items() if name != PROPOSED_BY]
    expected = [] if case.expected is None else [f"expected: {case.expected}"]
    return one_line(" · ".join([*texts, *expected]) or "(nothing)", 600)
