"""`promptgrid arena RUN`: the ranking of a run's variants by votes."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from promptgrid.cli.output import echo, echo_json
from promptgrid.cli.show import echo_openings, part_option


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--votes-of", type=click.Choice(["people", "models", "all"]), default="people", show_default=True)
@part_option
@click.option("--json", "as_json", is_flag=True)
def arena(run: str, votes_of: str, part: str, as_json: bool) -> None:
    """Rank the variants of a run by the votes of its blind arena, with intervals.

    People vote on the Judge page of the dashboard. RUN is an id, its beginning, or `last`.
    """
    from promptgrid import arena as engine
    from promptgrid.cli import sheet
    from promptgrid.compare import part_votes
    from promptgrid.humanize import many
    from promptgrid.store import Database
    from promptgrid.store.runs import find_run
    from promptgrid.text import printable

    database = Database()
    run_id = find_run(database, run).id
    all_votes = part_votes(database, run_id, part)
    chosen_votes = [vote for vote in all_votes if votes_of == "all" or vote.by_model == (votes_of == "models")]
    pairs = engine.read(database, run_id, part=part)
    table, agreements = engine.standings(pairs, chosen_votes), engine.agreements(all_votes)
    of_all, biases = engine.agreement_of_all(all_votes), engine.order_biases(all_votes)
    echo_openings(database, part, run_id)
    if as_json:
        agreement = {
            "order_bias": [asdict(one) for one in biases],
            "agreement": [asdict(one) for one in agreements],
            "agreement_of_all": asdict(of_all),
        }
        echo_json(json.dumps({**asdict(table), **agreement}, ensure_ascii=False))
        return
    if not table.votes:
        echo(f"No votes {'' if votes_of == 'all' else f'of {votes_of} '}yet. Vote on the Judge page.")
        return
    rows = [
        [
            printable(one.label),
            f"{100 * one.share:.0f} %",
            engine.in_percent(one.interval),
            str(one.won),
            str(one.lost),
            str(one.tied),
        ]
        for one in table.ranked
    ]
    echo(sheet.table(["variant", "wins against the others", "95 % interval", "won", "lost", "tied"], rows))
    echo("\n".join([engine.verdict(table), *engine.notes(table)]))
    for bias in biases:
        echo(engine.order_bias_words(bias))
    for one in agreements:
        kappa = "not defined" if one.kappa is None else f"{one.kappa:.2f}"
        judges = printable(f"{one.one} and {one.other}")
        echo(f"{judges}: {one.same} of {many(one.both, 'pair')} judged alike, Cohen's kappa {kappa}")
    if words := engine.agreement_words(of_all):
        echo(words)
