"""`promptgrid runs` and what can be done to one: resume, extend, pause, cancel, rename, delete, undelete, export."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from promptgrid import humanize
from promptgrid.cli.run import Command, Listed, Numbers, output_options

if TYPE_CHECKING:
    from promptgrid.export.runs import FileFormat
    from promptgrid.store import Database
    from promptgrid.store.runs import RunInfo

_RUN = click.argument("run", metavar="RUN")


@click.command()
@click.option("--deleted", is_flag=True, help="The deleted ones, which `undelete` brings back.")
@click.option("--json", "as_json", is_flag=True)
def runs(deleted: bool, as_json: bool) -> None:
    """List the runs, newest first."""
    from datetime import datetime

    from promptgrid.cli import sheet
    from promptgrid.runner import phrases
    from promptgrid.store import Database, baselines
    from promptgrid.store import runs as store

    database = Database()
    baseline_of: dict[str, list[str]] = {}
    for prompt, run_id in baselines.pinned(database).items():
        baseline_of.setdefault(run_id, []).append(prompt)
    found = [(info, store.progress(database, info.id)) for info in store.list_runs(database, deleted=deleted)]
    if as_json:
        listed = [
            asdict(info) | {"progress": asdict(progress), "baseline_of": baseline_of.get(info.id, [])}
            for info, progress in found
        ]
        click.echo(json.dumps(listed))
        return
    if not found:
        click.echo("No runs yet. Start one with: promptgrid run sentiment")
        return
    rows = [
        [
            i.id,
            i.name,
            phrases.STATUS_WORDS[i.status],
            f"{p.done}/{p.total}",
            f"{datetime.fromtimestamp(i.created):%F %H:%M}",
            ", ".join(baseline_of.get(i.id, ())),
        ]
        for i, p in found
    ]
    header = ["run", "name", "status", "done", "created", "baseline of"]
    shown = len(header) if any(row[-1] for row in rows) else len(header) - 1
    click.echo(sheet.table(header[:shown], [row[:shown] for row in rows]))


@click.command()
@_RUN
@click.option("--budget", default="", help="A new one, for all that the run spends from its start on.")
@output_options
def resume(run: str, budget: str, **outputs: Any) -> None:
    """Go on with a paused, stopped or cancelled run, or try the failed cells of a finished one again."""
    from promptgrid.budget import parse_budget
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    database = Database()
    run_id = store.find_run(database, run).id
    if parse_budget(budget):
        store.set_budget(database, run_id, budget)
    store.ask(database, run_id, "resume")
    raise SystemExit(_carry_out(database, run_id, **outputs))


@click.command()
@_RUN
@click.option("--samples", type=int, help="So many to each cell, with those that are there.")
@click.option("--temperature", "temperatures", type=Numbers(), default=(), help="More of them, from 0 to 2.")
@click.option("--model", "models", type=Listed(), default=(), help="More of them, as ENDPOINT/MODEL.")
@output_options
def extend(
    run: str, samples: int | None, temperatures: tuple[float, ...], models: tuple[str, ...], **outputs: Any
) -> None:
    """Add samples, temperatures or models to a run that is at rest; only the new cells are sent.

    promptgrid extend last --samples 20 --temperature 0,0.7,1.2
    """
    from promptgrid.cli import live
    from promptgrid.runner import client
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    if not (samples or temperatures or models):
        raise click.UsageError("Say what to add: --samples N, --temperature T or --model ENDPOINT/MODEL.")
    database = Database()
    run_id = store.find_run(database, run).id
    live.prepare((*store.plan_of(database, run_id).models, *models))
    added = client.extend(database, run_id, samples=samples, temperatures=temperatures, models=models)
    click.echo(f"{humanize.many(added, 'cell')} added to run {run_id}.", err=True)
    raise SystemExit(_carry_out(database, run_id, **outputs))


def _carry_out(
    database: Database, run_id: str, csv_path: Path | None, csv_for_excel: bool, jsonl_path: Path | None, as_json: bool
) -> int:
    from promptgrid.cli import live

    return live.carry_out(database, run_id, live.Outputs(csv_path, csv_for_excel, jsonl_path, as_json))


@click.command()
@_RUN
def pause(run: str) -> None:
    """Let the calls in flight go and send nothing more; `resume` goes on."""
    _ask(run, "pause")


@click.command()
@_RUN
def cancel(run: str) -> None:
    """End a run; what is answered stays."""
    _ask(run, "cancel")


def _ask(run: str, wanted: Literal["pause", "cancel"]) -> None:
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    database = Database()
    info = store.find_run(database, run)
    status = store.ask(database, info.id, wanted)
    click.echo(f"Run {info.id} is {status}.")


@click.command()
@_RUN
@click.argument("name")
def rename(run: str, name: str) -> None:
    """Give a run another name."""
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    database = Database()
    info = store.find_run(database, run)
    store.change(database, info.id, name=name)
    click.echo(f'Run {info.id} is called "{name}".')


@click.command()
@_RUN
def delete(run: str) -> None:
    """Take a run out of the list; `undelete` brings it back."""
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    database = Database()
    info = store.find_run(database, run)
    store.delete(database, info.id)
    click.echo(f"Run {info.id} is deleted. Bring it back with: promptgrid undelete {info.id}")


@click.command()
@_RUN
def undelete(run: str) -> None:
    """Bring a deleted run back."""
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    database = Database()
    info = store.find_run(database, run)
    store.restore(database, info.id)
    click.echo(f"Run {info.id} is back.")


_FORMS: dict[FileFormat, str] = {
    "csv": "One row a cell, with everything needed to redo it.",
    "csv-wide": "A CSV with one row a case, one column a variant: the answers.",
    "jsonl": "One JSON object a cell.",
    "xlsx": "An Excel workbook: results, summary, how the run was made.",
    "parquet": "One row a cell, with types: for DuckDB, pandas, Polars.",
    "html": "A report in one file: summary, charts, the first cases.",
    "markdown": "The summary and the first cases as tables.",
}
_OUT = click.Path(path_type=Path, dir_okay=False)


def _form_options(command: Command) -> Command:
    for form, told in reversed(_FORMS.items()):
        command = click.option(f"--{form}", type=_OUT, metavar="OUT", help=told)(command)
    return command


@click.command()
@_RUN
@_form_options
@click.option("--csv-for-excel", is_flag=True, help="--csv with a BOM, cells cut at what Excel can hold.")
@click.option("--preferences", type=_OUT, metavar="OUT", help="The votes as JSONL: prompt, chosen, rejected.")
def export(run: str, csv_for_excel: bool, preferences: Path | None, **outputs: Path | None) -> None:
    """Write the results of a run to files. RUN is an id, its beginning, or `last`.

    promptgrid export last --csv out.csv --html report.html
    """
    from promptgrid.export.preferences import save_preferences
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    asked = [(form, path) for form in _FORMS if (path := outputs[form.replace("-", "_")])]
    if not (preferences or asked):
        every = ", ".join(f"--{form}" for form in (*_FORMS, "preferences"))
        raise click.UsageError(f"Say where to, with one or more of {every}.")
    database = Database()
    info = store.find_run(database, run)
    for form, path in asked:
        _export(database, info, path, "csv-for-excel" if form == "csv" and csv_for_excel else form)
    if preferences:
        pairs = save_preferences(database, info.id, preferences)
        click.echo(f"Wrote {pairs:,} preference pairs to {preferences}.")


def _export(database: Database, info: RunInfo, path: Path, form: FileFormat) -> None:
    from promptgrid.export.runs import BY_CASE, save_run

    with click.progressbar(length=info.total, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        rows = save_run(database, info.id, path, form, progress=lambda done: bar.update(done - bar.pos))
    click.echo(f"Wrote {humanize.many(rows, 'case' if form in BY_CASE else 'row')} to {path}.")
