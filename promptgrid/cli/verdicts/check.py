"""`promptgrid check`: score the replies of a run again, by the same or other checks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from promptgrid.cli.output import echo, echo_json


@click.command()
@click.argument("run")
@click.option("--check", "checks", multiple=True, help="Add this check, or replace the one with its name.")
@click.option("--remove", multiple=True, metavar="NAME", help="Remove this check and its scores.")
@click.option("--fresh", is_flag=True, help="Ask judges again for replies that they have scored.")
@click.option("--budget", default="", help="The most that judges may spend: 2.50usd, 100000tok, 500calls or 30min.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
def check(run: str, checks: tuple[str, ...], remove: tuple[str, ...], fresh: bool, budget: str, as_json: bool) -> None:
    """Score a run's replies again; nothing is sent to the model under test. RUN is an id, its beginning, or `last`.

    promptgrid check last --check number:tolerance=0.5 --remove exact

    Without --check and --remove, an interrupted check resumes, or all checks of the run score again. Judges are not
    asked again for replies that they have scored. Exit code 1 if a check failed on a reply, else 0.
    """
    from promptgrid.cli import live, sheet
    from promptgrid.grading import parse_check
    from promptgrid.humanize import many
    from promptgrid.judging import rescore
    from promptgrid.store import Database, runs, scores

    database = Database()
    run_id = runs.find_run(database, run).id
    add = [parse_check(text) for text in checks]
    unfinished = None if add or remove or fresh else rescore.stopped(database, run_id)
    if unfinished is None:
        planned = rescore.plan_recheck(database, run_id, add=add, remove=remove, fresh=fresh)
    else:
        planned, progress = unfinished
        budget = budget or progress.budget
        echo(f"Resuming at {progress.done:,} of {many(progress.total, 'score')}.", err=True)
    live.prepare([spec.model for spec in planned.score if spec.model])
    for line in rescore.problems(database, planned):
        echo(line, err=True)
    for line in map(sheet.judge_line, rescore.preflights(database, planned)):
        echo(line, err=True)
    with judging("Scoring", f"The scores so far are stored. To resume: promptgrid check {run_id}") as tell:
        rescore.carry_out(database, planned, budget=budget, on_progress=tell)
    totals = scores.totals(database, run_id)
    echo_json(sheet.totals_json(run_id, totals)) if as_json else echo(sheet.totals_table(totals))
    for name in [total.check for total in totals if total.telling]:
        for line in sheet.error_lines(scores.complaints(database, run_id, name), "score"):
            echo(f"{name}: {line}", err=True)
    raise SystemExit(1 if any(total.failed for total in totals) else 0)


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Shows a progress bar on stderr while the `with` block runs. Yields a function that sets it, to be called with
    (number done, total)."""
    with click.progressbar(length=1, label=label, file=sys.stderr) as progress_bar:

        def update(done: int, total: int) -> None:
            progress_bar.length = max(total, 1)
            progress_bar.update(done - progress_bar.pos)

        yield update


@contextmanager
def judging(label: str, resume: str) -> Iterator[Callable[[int, int], None]]:
    """Shows a progress bar while judges score, as `bar` does. `resume` is a sentence on how to go on, shown after
    Ctrl+C (exit code 1) or when the budget is reached (PlanError)."""
    from promptgrid.budget import BudgetReached
    from promptgrid.errors import PlanError

    try:
        with bar(label) as tell:
            yield tell
    except BudgetReached as reached:
        raise PlanError(str(reached), hint=f"{resume} --budget …") from None
    except KeyboardInterrupt:
        echo(f"\nStopped. {resume}", err=True)
        raise SystemExit(1) from None
