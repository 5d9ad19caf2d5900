"""`promptgrid judge`: a model votes in the arena of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from promptgrid.store import Database
    from promptgrid.store.votes import Vote


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--model", required=True, metavar="ENDPOINT/MODEL", help="Who judges.")
@click.option(
    "--pairs", type=click.IntRange(1, 100_000), default=40, show_default=True, help="So many are judged in the end."
)
@click.option("--rubric", default="", help="What makes a reply the better one.")
@click.option(
    "--prompt", default="", help="The judge's prompt: a file or a name of the library that shows both replies."
)
@click.option("--budget", default="", help="2.50usd, 100000tok, 500calls, 30min: a wall.")
@click.option("--fresh", is_flag=True, help="Ask again for what the judge has said already.")
@click.option("--dry-run", is_flag=True, help="Say what it will take, and ask nothing.")
def judge(run: str, model: str, pairs: int, rubric: str, prompt: str, budget: str, fresh: bool, dry_run: bool) -> None:
    """Let a model say which of two replies is better, in both orders; `promptgrid arena RUN` shows what that says.

    Pairs that people have voted on come first, so that it can be told how far the model agrees with them.

    promptgrid judge last --model openai/gpt-6-luna --pairs 100 --rubric "Short, correct, friendly."
    """
    from promptgrid.budget import BudgetReached
    from promptgrid.cli import live, sheet
    from promptgrid.cli.check import bar
    from promptgrid.errors import PlanError
    from promptgrid.humanize import many
    from promptgrid.judging.pairs import PairJudge, judge_pairs, pairs_preflight
    from promptgrid.store import Database, runs, votes
    from promptgrid.text import printable

    database = Database()
    run_id = runs.find_run(database, run).id
    who = PairJudge(model, rubric, prompt)
    who.load(database)
    chosen = _chosen(database, run_id, model, pairs)
    if not chosen:
        done = len(_judged(votes.listed(database, run_id), model))
        all_ = f"{many(done, 'pair')} of run {run_id} already; more with --pairs" if done >= pairs else "all pairs"
        click.echo(f"{model} has judged {all_}.")
        return
    live.prepare([model])
    click.echo(sheet.judge_line(pairs_preflight(database, run_id, chosen, who, fresh=fresh)), err=True)
    if dry_run:
        return
    try:
        with bar("Judging") as tell:
            found = judge_pairs(database, run_id, chosen, who, budget=budget, fresh=fresh, on_progress=tell)
    except BudgetReached as reached:
        hint = "What it has said is kept: the same command with a larger --budget goes on."
        raise PlanError(str(reached), hint=hint) from None
    except KeyboardInterrupt:
        click.echo("\nStopped. What it has said is kept: the same command goes on.", err=True)
        raise SystemExit(1) from None
    said = [many(found.votes, "vote"), f"{found.changed:,} of them ties since it changed its mind with the places"]
    click.echo(", ".join(said))
    if found.failed:
        click.echo(f"{many(found.failed, 'pair')} without a word: {printable(found.why)}", err=True)
        raise SystemExit(1)


def _chosen(database: Database, run_id: str, model: str, count: int) -> list[tuple[int, int]]:
    """Pairs that the model has not judged, until it has judged so many: first those that people voted on, then as the
    arena has them."""
    from promptgrid import arena
    from promptgrid.store import votes

    given = votes.listed(database, run_id)
    seen = _judged(given, model)
    count -= len(seen)
    found = {_both(v): (v.left_position, v.right_position) for v in given if not v.by_model and _both(v) not in seen}
    chosen = list(found.values())[: max(count, 0)]
    pairs = arena.read(database, run_id)
    cast = [*given, *(_cast(pair, model) for pair in chosen)]
    while len(chosen) < count and (pair := pairs.next_pair(cast, model)) is not None:
        chosen.append((pair.left, pair.right))
        cast.append(_cast(chosen[-1], model))
    return chosen


def _judged(given: Sequence[Vote], model: str) -> set[frozenset[int]]:
    return {_both(vote) for vote in given if vote.by_model and vote.owner == model}


def _both(vote: Vote) -> frozenset[int]:
    return frozenset((vote.left_position, vote.right_position))


def _cast(pair: tuple[int, int], model: str) -> Vote:
    """As if it had been judged."""
    from promptgrid.store.votes import Vote

    return Vote(0, *pair, "tie", model, True, None, 0.0)
