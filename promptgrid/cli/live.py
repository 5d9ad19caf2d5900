"""A run in the terminal: carried out here, followed with a bar (plain lines where there is no terminal), then written out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from promptgrid.cli import sheet
from promptgrid.compare import summary
from promptgrid.export import files
from promptgrid.runner import client
from promptgrid.store import Database, runs
from promptgrid.store.runs import Progress, RunInfo

_LINE_EVERY_S = 5.0

Show = Callable[[RunInfo, Progress], None]


@dataclass(frozen=True)
class Outputs:
    """Where the results go when the run has ended."""

    csv: Path | None = None
    for_excel: bool = False
    jsonl: Path | None = None
    as_json: bool = False


def carry_out(database: Database, run_id: str, outputs: Outputs) -> int:
    """Follows the run to its end and writes the results; Ctrl+C pauses it. Returns the exit code."""
    with client.carried_out_here(database, run_id):
        try:
            info, progress = _follow(database, run_id)
        except KeyboardInterrupt:
            info, progress = _pause(database, run_id)
    _write(database, run_id, outputs)
    if outputs.as_json:
        click.echo(json.dumps({"run": asdict(info), "progress": asdict(progress)}))
    else:
        _say_end(database, info, progress, outputs)
    return 0 if progress.by_status == {"answered": progress.total} else 1


def _follow(database: Database, run_id: str) -> tuple[RunInfo, Progress]:
    with _shown() as show:
        for info, progress in client.follow(database, run_id):
            show(info, progress)
    return info, progress


@contextmanager
def _shown() -> Iterator[Show]:
    """A bar on a terminal, a line every few seconds elsewhere; both on stderr."""
    if not sys.stderr.isatty():
        yield _plain_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("starting", total=None)

        def show(info: RunInfo, progress: Progress) -> None:
            said = sheet.progress_line(info, progress)
            bar.update(task, completed=progress.done, total=progress.total, description=said)

        yield show


def _plain_lines() -> Show:
    said_at = float("-inf")

    def show(info: RunInfo, progress: Progress) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= _LINE_EVERY_S or info.status not in runs.ACTIVE:
            said_at = time.monotonic()
            click.echo(sheet.progress_line(info, progress), err=True)

    return show


def _pause(database: Database, run_id: str) -> tuple[RunInfo, Progress]:
    runs.ask(database, run_id, "pause")
    *_, last = client.follow(database, run_id)
    return last


def _write(database: Database, run_id: str, outputs: Outputs) -> None:
    if outputs.csv:
        files.export_csv(database, run_id, outputs.csv, excel=outputs.for_excel)
    if outputs.jsonl:
        files.export_jsonl(database, run_id, outputs.jsonl)


def _say_end(database: Database, info: RunInfo, progress: Progress, outputs: Outputs) -> None:
    click.echo(sheet.summary_table(summary(database, info.id)))
    click.echo(sheet.end_line(info, progress), err=True)
    for path in (outputs.csv, outputs.jsonl):
        if path:
            click.echo(f"Wrote {path}.", err=True)
