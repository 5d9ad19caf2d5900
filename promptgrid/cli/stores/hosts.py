"""`promptgrid hosts` and `promptgrid runner`: who carries out the runs of this store, and to be one of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from promptgrid.cli.output import echo, echo_json, print_table
from promptgrid.text import one_line

if TYPE_CHECKING:
    from promptgrid.store import Database
    from promptgrid.store.shared.hosts import Host


@click.command()
@click.option("--json", "as_json", is_flag=True)
def hosts(as_json: bool) -> None:
    """List the processes that carry out the runs of this store: what they do, and which models they have.

    A host that has been silent for ten seconds has lost its runs to the others. A host that ended in order is not
    listed, one that was killed is for a day.
    """
    from promptgrid.store import Database
    from promptgrid.store.shared.hosts import listed

    database = Database()
    if database.is_file:
        _echo_runner(database, as_json)
        return
    found = listed(database)
    if as_json:
        echo_json(json.dumps([asdict(host) | {"alive": host.alive} for host in found]))
        return
    if found:
        print_table(["host", "there for", "carries out", "models"], [_row(host) for host in found])
    else:
        echo("No host is there. `promptgrid runner` starts one; so does each run that is started.")
    for sentence in _unserved(database, found):
        echo(one_line(sentence, 300), err=True)


def _echo_runner(database: Database, as_json: bool) -> None:
    from promptgrid.runner.lock import RunnerLock

    holder = RunnerLock().holder()
    if as_json:
        echo_json(json.dumps([{"name": f"process {holder.pid}"}] if holder else []))
        return
    there = f"process {holder.pid} carries them out now" if holder else "none is there now"
    echo(f"{database.place} is a file: its runs are carried out by one process of this machine; {there}.")
    echo("With PROMPTGRID_DATABASE=postgresql://… several hosts share a store.", err=True)


def _row(host: Host) -> list[str]:
    from promptgrid.humanize import duration

    there = duration(host.there_s) if host.alive else f"silent for {duration(host.silent_s)}"
    doing = " ".join(run_id[:8] for run_id in host.work.runs) or "nothing" if host.alive else "lost its runs"
    return [one_line(host.name, 100), there, doing, one_line(" ".join(host.work.models), 200)]


def _unserved(database: Database, found: list[Host]) -> list[str]:
    """Returns a sentence for each waiting run that none of the hosts will take up, since none has its endpoints."""
    from promptgrid.runner.presence import needed
    from promptgrid.store.commits import waiting_runs

    there = [set(host.work.endpoints) for host in found if host.alive]
    sentences = []
    for run_id in waiting_runs(database) if there else []:
        missing = min((needed(database, run_id) - names for names in there), key=len)
        if missing:
            sentences.append(f"Run {run_id} waits: no host has all endpoints that it calls ({', '.join(missing)}).")
    return sentences


@click.command()
def runner() -> None:
    """Carry out the runs of this store, as they come, until Ctrl+C.

    For a machine that only works: set PROMPTGRID_DATABASE there as on the others, and the keys of the endpoints that it
    may call. It leaves runs to other hosts whose endpoints it does not have. Ctrl+C pauses its runs and waits for the
    calls in flight; a second one abandons these.
    """
    import logging

    from promptgrid.runner import process
    from promptgrid.store import Database

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    process.tune()
    database = Database()
    process.heed_signals()
    echo(f"Carrying out the runs of {database.place}, until Ctrl+C.", err=True)
    process.serve_on(
        database,
        on_wait=lambda holder: echo(f"Waiting for process {holder.pid}, the runner of this data folder.", err=True),
    )
