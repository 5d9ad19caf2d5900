"""A run in the terminal: carried out here, followed with a bar (plain lines without a terminal), then written out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from promptgrid import builtin, connections
from promptgrid.cli import gating, sheet
from promptgrid.compare import summary, suspicions
from promptgrid.errors import ExportError, PromptgridError
from promptgrid.export.runs import FileFormat, save_run
from promptgrid.gate import GateReport
from promptgrid.runner import client
from promptgrid.runner.process import tune
from promptgrid.store import Database, commits, runs
from promptgrid.store.runs import RunInfo, RunProgress

_LINE_EVERY_S = 5.0

ShowProgress = Callable[[RunInfo, RunProgress], None]


@dataclass(frozen=True)
class Outputs:
    """Where the results go when the run has ended."""

    csv: Path | None = None
    for_excel: bool = False
    jsonl: Path | None = None
    as_json: bool = False
    gates: gating.Gating | None = None


def prepare(models: Sequence[str]) -> None:
    """Fetches and starts the built-in model if one of the models is it, with a bar; so token counts are exact."""
    if not any(connections.split_model(ref)[0] == connections.BUILTIN for ref in models):
        return
    fetch()
    builtin.ensure()


def fetch() -> None:
    """Fetches the built-in model's weights, with a bar, unless they are here."""
    if builtin.status().ready:
        return
    with click.progressbar(length=1, label="Fetching the built-in model (93 MB)", file=sys.stderr) as bar:

        def advance(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        builtin.fetch(advance)


def carry_out(database: Database, run_id: str, outputs: Outputs) -> int:
    """Follows the run to its end, asks its gates and writes the results; Ctrl+C pauses it. Returns the exit code."""
    tune()
    with client.carried_out_here(database, run_id) as watch:
        try:
            info, progress = _follow(database, run_id, watch)
        except KeyboardInterrupt:
            info, progress = _pause(database, run_id, watch)
    asked, held = _ask(database, run_id, outputs.gates)
    if outputs.as_json:
        told = gating.as_json(asked) if asked else {}
        click.echo(json.dumps({"run": asdict(info), "progress": asdict(progress), **told}))
    else:
        click.echo(sheet.summary_table(summary(database, info.id)))
        said = [*sheet.error_lines(runs.errors(database, info.id)), *sheet.remedy_lines(progress)]
        for line in [*said, *suspicions(database, info.id)]:
            click.echo(line, err=True)
        click.echo(sheet.end_line(info, progress), err=True)
        if asked:
            gating.show(asked)
    written = _write(database, run_id, outputs)
    return 0 if written and held and progress.by_status == {"answered": progress.total} else 1


def _ask(database: Database, run_id: str, gates: gating.Gating | None) -> tuple[GateReport | None, bool]:
    """The gates' results, and whether all is well; what could not be asked or written is said, and is not well."""
    if gates is None:
        return None, True
    try:
        asked = gating.ask(database, run_id, gates)
    except PromptgridError as error:
        click.echo(f"{error} The replies are kept: promptgrid gate {run_id} asks again.", err=True)
        return None, False
    return asked, asked.held


def _follow(database: Database, run_id: str, watch: client.Watch) -> tuple[RunInfo, RunProgress]:
    with _shown() as show:
        for info, progress in client.follow(database, run_id, watch):
            show(info, progress)
    return info, progress


@contextmanager
def _shown() -> Iterator[ShowProgress]:
    """A bar on a terminal, a line every few seconds elsewhere; both on stderr."""
    if not sys.stderr.isatty():
        yield _plain_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    said_in_full = Column(ratio=1, overflow="fold")  # in a narrow terminal, over several lines
    columns = (
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.description}", markup=False, table_column=said_in_full),
    )
    with Bar(*columns, console=Console(stderr=True), expand=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(info: RunInfo, progress: RunProgress) -> None:
            said = sheet.progress_line(info, progress)
            bar.update(task, completed=progress.done, total=progress.total, description=said)

        yield show


def _plain_lines() -> ShowProgress:
    said_at = float("-inf")

    def show(info: RunInfo, progress: RunProgress) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= _LINE_EVERY_S or info.status not in runs.ACTIVE:
            said_at = time.monotonic()
            click.echo(sheet.progress_line(info, progress), err=True)

    return show


def _pause(database: Database, run_id: str, watch: client.Watch) -> tuple[RunInfo, RunProgress]:
    """Lets the calls in flight come in; a second Ctrl+C gives them up."""
    try:
        if runs.ask(database, run_id, "pause") == "pausing":
            click.echo("Pausing: the calls in flight are coming in. Ctrl+C again gives them up.", err=True)
        return _follow(database, run_id, watch)
    except KeyboardInterrupt:
        _give_up(database, run_id)
        return _follow(database, run_id, watch)


def _give_up(database: Database, run_id: str) -> None:
    """Pauses the run at once: whoever carries it out lets go of the calls in flight when it sees that."""
    status, epoch = commits.status_and_epoch(database, run_id)
    if status in runs.ACTIVE:
        click.echo("Given up: those calls may be paid for, and are sent again when the run goes on.", err=True)
        commits.end(database, run_id, epoch, "paused")


def _write(database: Database, run_id: str, outputs: Outputs) -> bool:
    """Writes the files that were asked for; a run that is paid for is not lost when that fails."""
    forms: dict[FileFormat, Path | None] = {
        "csv-for-excel" if outputs.for_excel else "csv": outputs.csv,
        "jsonl": outputs.jsonl,
    }
    for form, path in forms.items():
        if path is None:
            continue
        try:
            save_run(database, run_id, path, form)
        except ExportError as error:
            click.echo(f"{error} The replies are kept: promptgrid export {run_id} writes them elsewhere.", err=True)
            return False
        click.echo(f"Wrote {path}.", err=True)
    return True
