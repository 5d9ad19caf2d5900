"""`promptgrid arena RUN`: what the votes on a run's replies say."""

from __future__ import annotations

import json
from dataclasses import asdict

import click


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--votes-of", type=click.Choice(["people", "models", "all"]), default="people", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def arena(run: str, votes_of: str, as_json: bool) -> None:
    """Rank the variants of a run by the votes of its blind arena, with intervals.

    Votes are given on the page Judge of the dashboard. RUN is an id, its beginning, or `last`.
    """
    from promptgrid import arena as engine
    from promptgrid.cli import sheet
    from promptgrid.humanize import many
    from promptgrid.store import Database, votes
    from promptgrid.store.runs import find_run
    from promptgrid.text import printable

    database = Database()
    run_id = find_run(database, run).id
    given = votes.listed(database, run_id)
    counted = [vote for vote in given if votes_of == "all" or vote.by_model == (votes_of == "models")]
    pairs = engine.read(database, run_id)
    found, agreed, of_all = engine.standings(pairs, counted), engine.agreements(given), engine.agreement_of_all(given)
    if as_json:
        agreement = {"agreement": [asdict(one) for one in agreed], "agreement_of_all": asdict(of_all)}
        click.echo(json.dumps({**asdict(found), **agreement}, ensure_ascii=False))
        return
    if not found.votes:
        click.echo(f"No votes of {'anyone' if votes_of == 'all' else votes_of} yet. Give them on the page Judge.")
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
        for one in found.ranked
    ]
    click.echo(sheet.table(["variant", "wins", "95 % interval", "won", "lost", "tied"], rows))
    click.echo("\n".join(map(printable, [engine.verdict(found), *engine.notes(found)])))
    for one in agreed:
        kappa = "not defined" if one.kappa is None else f"{one.kappa:.2f}"
        judges = printable(f"{one.one} and {one.other}")
        click.echo(f"{judges}: {one.same} of {many(one.both, 'pair')} alike, Cohen's kappa {kappa}")
    if words := engine.agreement_words(of_all):
        click.echo(words)
