"""Carries out a run in this process, shows it in the terminal (a bar or plain lines), and writes the result files."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptgrid import builtin, connections
from promptgrid.cli import sheet
from promptgrid.cli.output import echo, echo_json
from promptgrid.cli.verdicts import gate_options
from promptgrid.errors import ExportError, PromptgridError
from promptgrid.runner import here
from promptgrid.runner.process import abandon, tune
from promptgrid.store import Database, runs
from promptgrid.store.across.parts import opening_sentences, openings_of_run
from promptgrid.store.runs import RunInfo, RunProgress
from promptgrid.text import printable

if TYPE_CHECKING:
    from promptgrid.export.runs import FileFormat
    from promptgrid.gate import GateReport

_LINE_EVERY_S = 5.0

ShowProgress = Callable[[RunInfo, RunProgress], None]


@dataclass(frozen=True)
class Outputs:
    """What to do with the results of a run: the files to write (None: not written), and the gates to check (None: no
    gates). With `for_excel`, the file `csv` is one for Excel; with `as_json`, JSON is printed at the end."""

    csv: Path | None = None
    for_excel: bool = False
    jsonl: Path | None = None
    as_json: bool = False
    gates: gate_options.GateRequest | None = None


def prepare(models: Sequence[str]) -> None:
    """Downloads and starts the built-in model if it is among the models, so that its tokens can be counted exactly.
    Names the endpoints that cannot be used because of a wrong setting."""
    for name, error in connections.faults().items():
        echo(f"Left out: {name}. {error}", err=True)
    if not any(connections.split_model(ref)[0] == connections.BUILTIN for ref in models):
        return
    fetch()
    builtin.ensure()


def fetch() -> None:
    """Downloads the weights of the built-in model if they are missing, with a progress bar."""
    if builtin.status().ready:
        return
    with click.progressbar(length=1, label="Fetching the built-in model (93 MB)", file=sys.stderr) as bar:

        def advance(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        builtin.fetch(advance)


def carry_out(database: Database, run_id: str, outputs: Outputs) -> int:
    """Carries out the run, shows its progress and its summary, checks the gates and writes the files; Ctrl+C pauses it.
    Returns the exit code: 0 if every cell is answered, every gate holds and every file is written, else 1."""
    tune()
    with here.carried_out_here(database, run_id) as watch:
        try:
            info, progress = follow(database, run_id, watch)
        except KeyboardInterrupt:
            info, progress = _pause(database, run_id, watch)
    report, held = _ask(database, run_id, outputs.gates)
    openings = openings_of_run(database, run_id)
    if outputs.as_json:
        gates = gate_options.as_json(report) if report else {}
        gates |= {"openings_of_prove": openings} if openings else {}
        echo_json(json.dumps({"run": asdict(info), "progress": asdict(progress), **gates}))
    else:
        from promptgrid.compare import count_differences, run_remarks, summary  # not before the first call

        echo(sheet.summary_table(summary(database, info.id)))
        if table := sheet.retrieval_table(database, info.id):
            echo(f"\n{table}")
        lines = [*sheet.error_lines(runs.errors(database, info.id)), *sheet.remedy_lines(progress)]
        for line in [*lines, *run_remarks(database, info.id), *count_differences(database, info.id)]:
            echo(line, err=True)
        echo(sheet.end_line(info, progress), err=True)
        for sentence in opening_sentences(openings):
            echo(sentence, err=True)
        if report:
            gate_options.show(report)
    written = _write(database, run_id, outputs)
    return 0 if written and held and progress.by_status == {"answered": progress.total} else 1


def _ask(database: Database, run_id: str, gates: gate_options.GateRequest | None) -> tuple[GateReport | None, bool]:
    """Returns (the results of the gates, whether all hold); (None, True) without gates. An error is printed and counts
    as a gate that does not hold."""
    if gates is None:
        return None, True
    try:
        report = gate_options.ask(database, run_id, gates)
    except PromptgridError as error:
        echo(f"{error} The replies are stored. To check again: promptgrid gate {run_id}", err=True)
        return None, False
    return report, report.held


def follow(database: Database, run_id: str, watch: here.Watch) -> tuple[RunInfo, RunProgress]:
    """Shows the progress of the run until it ends, and returns its final state. `watch` is that of
    `here.carried_out_here`."""
    with _progress_display() as show:
        for info, progress in here.follow(database, run_id, watch):
            show(info, progress)
    return info, progress


@contextmanager
def _progress_display() -> Iterator[ShowProgress]:
    """Yields a function that takes the run's record and its figures and shows them on stderr: as a bar on a terminal,
    else as a line every few seconds."""
    if not sys.stderr.isatty():
        yield _plain_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    text_column = Column(ratio=1, overflow="fold")  # wraps in a narrow terminal
    columns = (
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.description}", markup=False, table_column=text_column),
    )
    with Bar(*columns, console=Console(stderr=True), expand=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(info: RunInfo, progress: RunProgress) -> None:
            line = printable(sheet.progress_line(info, progress))
            bar.update(task, completed=progress.done, total=progress.total, description=line)

        yield show


def _plain_lines() -> ShowProgress:
    printed_at = float("-inf")

    def show(info: RunInfo, progress: RunProgress) -> None:
        nonlocal printed_at
        if time.monotonic() - printed_at >= _LINE_EVERY_S or info.status not in runs.ACTIVE:
            printed_at = time.monotonic()
            echo(sheet.progress_line(info, progress), err=True)

    return show


def _pause(database: Database, run_id: str, watch: here.Watch) -> tuple[RunInfo, RunProgress]:
    """Pauses the run after Ctrl+C and waits for the calls in flight; a second Ctrl+C abandons them. Returns the run's
    state and figures at the end."""
    try:
        if runs.ask(database, run_id, "pause") == "pausing":
            echo("Pausing: waiting for the calls in flight. Press Ctrl+C again to abandon them.", err=True)
        return follow(database, run_id, watch)
    except KeyboardInterrupt:
        _give_up(database, run_id)
        return follow(database, run_id, watch)


def _give_up(database: Database, run_id: str) -> None:
    """Pauses the run without waiting for its calls in flight, whose replies are lost."""
    if abandon(database, run_id):
        echo("Abandoned: these calls may still cost money, and are sent again when the run resumes.", err=True)


def _write(database: Database, run_id: str, outputs: Outputs) -> bool:
    """Writes the requested files and returns True. After a write error, prints it and returns False; the results stay
    in the database."""
    from promptgrid.export.runs import save_run

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
            echo(f"{error} The replies are stored. To write them elsewhere: promptgrid export {run_id}", err=True)
            return False
        echo(f"Wrote {path}.", err=True)
    return True
