"""`promptgrid judge`: a model votes in the arena of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from promptgrid.cli.output import echo
from promptgrid.cli.show import echo_openings, part_option

if TYPE_CHECKING:
    from promptgrid.store import Database
    from promptgrid.store.votes import Vote


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--model", required=True, metavar="ENDPOINT/MODEL", help="The model that judges.")
@click.option(
    "--pairs", type=click.IntRange(1, 100_000), default=40, show_default=True, help="The number of pairs judged in all."
)
@click.option("--rubric", default="", help="What makes a reply the better one.")
@click.option(
    "--prompt", default="", help="The judge's prompt, a file or a name in the library; it must show both replies."
)
@click.option("--budget", default="", help="The most to spend: 2.50usd, 100000tok, 500calls or 30min.")
@click.option("--fresh", is_flag=True, help="Ask again for pairs that the model has judged.")
@part_option
@click.option("--dry-run", is_flag=True, help="Show the cost and send nothing.")
def judge(
    run: str, model: str, pairs: int, rubric: str, prompt: str, budget: str, fresh: bool, part: str, dry_run: bool
) -> None:
    """Let a model vote on pairs of replies, each in both orders; `promptgrid arena RUN` shows the ranking.

    Pairs that people have voted on come first, to measure the agreement of the model with them.

    promptgrid judge last --model openai/gpt-6-luna --pairs 100 --rubric "Short, correct, friendly."
    """
    from promptgrid.cli import live, sheet
    from promptgrid.cli.verdicts.check import judging
    from promptgrid.compare import part_votes
    from promptgrid.humanize import many
    from promptgrid.judging.pairs import PairJudge, judge_pairs, pairs_preflight
    from promptgrid.store import Database, runs

    database = Database()
    run_id = runs.find_run(database, run).id
    pair_judge = PairJudge(model, rubric, prompt)
    pair_judge.load(database)
    unjudged = _unjudged_pairs(database, run_id, model, pairs, part)
    echo_openings(database, part, run_id)
    if not unjudged:
        done = len(_judged(part_votes(database, run_id, part), model))
        all_ = f"{many(done, 'pair')} of run {run_id} already; more with --pairs" if done >= pairs else "all pairs"
        echo(f"{model} has judged {all_}.")
        return
    live.prepare([model])
    echo(sheet.judge_line(pairs_preflight(database, run_id, unjudged, pair_judge, fresh=fresh)), err=True)
    if dry_run:
        return
    again = f"The votes so far are stored. To resume: promptgrid judge {run_id} --model {model} --pairs {pairs}"
    again += f" --part {part}" if part else ""
    with judging("Judging", again) as tell:
        result = judge_pairs(database, run_id, unjudged, pair_judge, budget=budget, fresh=fresh, on_progress=tell)
    counts = [many(result.votes, "vote"), f"{result.changed:,} of them ties, because its choice changed with the order"]
    places = (
        f" ({result.first:,} times for the first place, {result.second:,} for the second)" if result.changed else ""
    )
    echo(", ".join(counts) + places)
    if result.failed:
        echo(f"{many(result.failed, 'pair')} without a verdict: {result.why}", err=True)
        raise SystemExit(1)


def _unjudged_pairs(database: Database, run_id: str, model: str, count: int, part: str) -> list[tuple[int, int]]:
    """Returns the pairs of replies (positions left, right) that the model has yet to judge until it has judged `count`
    in all: first those that people voted on, then others in the arena's order. With `part`, only pairs of that part's
    cases count."""
    from promptgrid import arena
    from promptgrid.compare import part_votes

    all_votes = part_votes(database, run_id, part)
    judged = _judged(all_votes, model)
    count -= len(judged)
    voted = {
        _pair(v): (v.left_position, v.right_position) for v in all_votes if not v.by_model and _pair(v) not in judged
    }
    selected = list(voted.values())[: max(count, 0)]
    pairs = arena.read(database, run_id, part=part)
    ballots = [*all_votes, *(_cast(pair, model) for pair in selected)]
    while len(selected) < count and (pair := pairs.next_pair(ballots, model)) is not None:
        selected.append((pair.left, pair.right))
        ballots.append(_cast(selected[-1], model))
    return selected


def _judged(all_votes: Sequence[Vote], model: str) -> set[frozenset[int]]:
    return {_pair(vote) for vote in all_votes if vote.by_model and vote.owner == model}


def _pair(vote: Vote) -> frozenset[int]:
    return frozenset((vote.left_position, vote.right_position))


def _cast(pair: tuple[int, int], model: str) -> Vote:
    """Returns a tie of the model on this pair, which is not stored: it makes the arena count the pair as judged and
    offer another."""
    from promptgrid.store.votes import Vote

    return Vote(0, *pair, "tie", model, True, None, 0.0)
