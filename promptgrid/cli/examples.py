"""`promptgrid examples`: what the examples of few-shot prompts did to the scores of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from promptgrid.cli.output import echo, echo_json, print_table

if TYPE_CHECKING:
    from promptgrid.compare.shots import OrderEffect
    from promptgrid.prompt import Prompt
    from promptgrid.stats.examples import ExampleWorth

_SHOWN_CHARS = 50


@click.command()
@click.argument("run")
@click.option("--check", default="", help="The check whose score is meant. Default: the mean of all.")
@click.option("--json", "as_json", is_flag=True)
def examples(run: str, check: str, as_json: bool) -> None:
    """Show how far the order of the examples moves the score of RUN, and what each example is worth.

    \b
    promptgrid run sentiment --technique few-shot --shots 1,2 --selector subset:seed=0,subset:seed=1,subset:seed=2
    promptgrid examples last

    The order needs five values of --shot-order; the worth several sets of examples, by --selector subset:seed=0,
    subset:seed=1 and so on. Points are those of the score when the example is shown; "harmful" is one whose interval is
    below 0, by Holm's method over all. It takes two numbers of shots; with one, the points are beside the average.
    """
    from promptgrid.compare.shots import examples_report
    from promptgrid.store import Database
    from promptgrid.store.runs import find_run, plan_of

    database = Database()
    run_id = find_run(database, run).id
    report = examples_report(database, run_id, check)
    if as_json:
        worths = {
            prompt: [asdict(one) | {"harmful": one.harmful} for one in found] for prompt, found in report.worths.items()
        }
        echo_json(json.dumps({"orders": [asdict(one) for one in report.orders], "worths": worths}))
        return
    for effect in report.orders:
        echo(order_sentence(effect))
    plan = plan_of(database, run_id)
    for prompt in plan.prompts:
        if found := report.worths.get(f"{prompt.name}@{prompt.version[:6]}"):
            _print_worths(prompt, found, plan.models[0])
    if not report.orders and not report.worths:
        echo("This run shows no examples in several orders or sets. See --help for one that does.")


def order_sentence(effect: OrderEffect) -> str:
    """Returns how far the order of the examples moves the score, in words."""
    spread = effect.spread
    if spread is None:
        needed = "To say how far they move the score takes five, and two cases with a score in each."
        return f"{effect.label}: {effect.orders} orders. {needed}"
    least, most = (f"{100 * value:.1f}" for value in (min(spread.means), max(spread.means)))
    return (
        f"{effect.label}: over {effect.orders} orders of the same examples the score went from {least} to {most} %. The"
        f" order moves it by {100 * spread.sd:.1f} points (standard deviation; 95 %: {100 * spread.low:.1f} to"
        f" {100 * spread.high:.1f})."
    )


def _print_worths(prompt: Prompt, worths: Sequence[ExampleWorth], model: str) -> None:
    from promptgrid.text import one_line
    from promptgrid.tokens import count_text

    rows = []
    for one in worths:
        example = prompt.examples[one.example]
        text = "\n".join([*example.inputs.values(), example.answer])
        tokens = count_text(text, model).tokens
        rows.append(
            [
                str(one.example + 1),
                f"{100 * one.points:+.1f}",
                f"{100 * one.low:+.1f} to {100 * one.high:+.1f}",
                f"{100 * 100 * one.points / tokens:+.1f}" if tokens else "–",
                "" if not one.below else "below the average" if one.relative else "harmful",
                f"{one.shown:,}",
                one_line(text, _SHOWN_CHARS),
            ]
        )
    beside = "the average one: to see what each adds to none, run several --shots" if worths[0].relative else "none"
    echo(f"{prompt.name}: what an example adds, beside {beside}")
    print_table(["example", "points", "95 %", "per 100 tokens", "", "cells", "text"], rows)
