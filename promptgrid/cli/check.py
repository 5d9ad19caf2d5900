"""`promptgrid check`: score the replies of a run again, by other checks or by the same."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@click.command()
@click.argument("run")
@click.option("--check", "checks", multiple=True, help="To add, or to put in the place of the one of that name.")
@click.option("--remove", multiple=True, metavar="NAME", help="A check to take away, with its scores.")
@click.option("--fresh", is_flag=True, help="Ask judges again for what they have said already.")
@click.option("--budget", default="", help="For the judges: 2.50usd, 100000tok, 500calls, 30min: a wall.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores for a machine to read.")
def check(run: str, checks: tuple[str, ...], remove: tuple[str, ...], fresh: bool, budget: str, as_json: bool) -> None:
    """Score a run's replies again; nothing is sent to the model under test. RUN is an id, its beginning, or `last`.

    promptgrid check last --check number:tolerance=0.5 --remove exact

    Without --check and --remove all checks of the run score again, or what was stopped before its end goes on: what
    a judge has said by then is not asked again. Exit 0, or 1 where a check failed on some reply.
    """
    from promptgrid.budget import BudgetReached
    from promptgrid.cli import live, sheet
    from promptgrid.errors import PlanError
    from promptgrid.grading import parse_check
    from promptgrid.humanize import many
    from promptgrid.judging import rescore
    from promptgrid.store import Database, runs, scores

    database = Database()
    run_id = runs.find_run(database, run).id
    add = [parse_check(text) for text in checks]
    stopped = None if add or remove or fresh else rescore.stopped(database, run_id)
    if stopped is None:
        planned = rescore.plan_recheck(database, run_id, add=add, remove=remove, fresh=fresh)
    else:
        planned, begun = stopped
        budget = budget or begun.budget
        click.echo(f"Going on where it was stopped, at {begun.done:,} of {many(begun.total, 'score')}.", err=True)
    live.prepare([spec.model for spec in planned.score if spec.model])
    for line in map(sheet.judge_line, rescore.preflights(database, planned)):
        click.echo(line, err=True)
    try:
        with bar("Scoring") as tell:
            rescore.carry_out(database, planned, budget=budget, on_progress=tell)
    except BudgetReached as reached:
        hint = f"What judges have said is kept: promptgrid check {run_id} --budget … goes on."
        raise PlanError(str(reached), hint=hint) from None
    except KeyboardInterrupt:
        click.echo(f"\nStopped. What judges have said is kept: promptgrid check {run_id} goes on.", err=True)
        raise SystemExit(1) from None
    totals = scores.totals(database, run_id)
    click.echo(sheet.totals_json(run_id, totals) if as_json else sheet.totals_table(totals))
    for name in [total.check for total in totals if total.telling]:
        for line in sheet.error_lines(scores.complaints(database, run_id, name), "score"):
            click.echo(f"{name}: {line}", err=True)
    raise SystemExit(1 if any(total.failed for total in totals) else 0)


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, and what moves it: to `done` of `total`."""
    with click.progressbar(length=1, label=label, file=sys.stderr) as shown:

        def tell(done: int, total: int) -> None:
            shown.length = max(total, 1)
            shown.update(done - shown.pos)

        yield tell
