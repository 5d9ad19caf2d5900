"""`promptgrid runs` and the commands on one run: resume, extend, pause, cancel, rename, delete, undelete, export."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from promptgrid import humanize
from promptgrid.cli.output import OutputFile, echo, echo_json
from promptgrid.cli.run import Command, Listed, more_options, output_options
from promptgrid.cli.show import echo_openings, part_option
from promptgrid.prompt.parameters import AXIS_SPECS

if TYPE_CHECKING:
    from promptgrid.export.runs import FileFormat
    from promptgrid.store import Database
    from promptgrid.store.runs import RunInfo

_RUN = click.argument("run", metavar="RUN")


@click.command()
@click.option("--deleted", is_flag=True, help="List deleted runs, which `undelete` restores.")
@click.option("--favourites", is_flag=True, help="Only favourites (see `tag`).")
@click.option("--tag", default="", help="Only the runs with this tag.")
@click.option("--json", "as_json", is_flag=True)
def runs(deleted: bool, favourites: bool, tag: str, as_json: bool) -> None:
    """List the runs, newest first."""
    from datetime import datetime

    from promptgrid.cli import sheet
    from promptgrid.runner import phrases
    from promptgrid.store import Database
    from promptgrid.store import runs as store
    from promptgrid.store.across import baselines

    database = Database()
    baseline_of: dict[str, list[str]] = {}
    for prompt, run_id in baselines.pinned(database).items():
        baseline_of.setdefault(run_id, []).append(prompt)
    infos = store.list_runs(database, deleted=deleted, favourite=favourites, tag=tag)
    entries = [(info, store.progress(database, info.id)) for info in infos]
    if as_json:
        listed = [
            asdict(info) | {"progress": asdict(progress), "baseline_of": baseline_of.get(info.id, [])}
            for info, progress in entries
        ]
        echo_json(json.dumps(listed))
        return
    if not entries:
        marked = favourites or tag or deleted
        echo("No such runs." if marked else "No runs yet. Start one with: promptgrid run sentiment")
        return
    rows = [
        [
            i.id,
            i.name,
            phrases.STATUS_WORDS[i.status],
            f"{p.done}/{p.total}",
            f"{datetime.fromtimestamp(i.created):%F %H:%M}",
            "★" if i.favourite else "",
            ", ".join(i.tags),
            ", ".join(baseline_of.get(i.id, ())),
        ]
        for i, p in entries
    ]
    header = ["run", "name", "status", "cells", "created", "favourite", "tags", "baseline of"]
    used = [at for at in range(len(header)) if at < 5 or any(row[at] for row in rows)]
    echo(sheet.table([header[at] for at in used], [[row[at] for at in used] for row in rows]))


@click.command()
@_RUN
@click.option("--budget", default="", help="A new budget for the whole run, what it has spent included.")
@click.option("--max-calls", type=click.IntRange(1), help="A new limit of calls, those made included.")
@output_options
def resume(run: str, budget: str, max_calls: int | None, **outputs: Any) -> None:
    """Resume a paused, stopped or cancelled run, or retry the failed cells of a finished one."""
    from promptgrid.budget import parse_budget
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    database = Database()
    run_id = store.find_run(database, run).id
    parse_budget(budget)
    store.set_limits(database, run_id, budget=budget, max_calls=max_calls)
    store.ask(database, run_id, "resume")
    raise SystemExit(_carry_out(database, run_id, **outputs))


@click.command()
@_RUN
@click.option("--samples", type=int, help="The new number of samples, present ones included.")
@more_options
@click.option("--model", "models", type=Listed(), default=(), help="Further models, as ENDPOINT/MODEL.")
@output_options
def extend(run: str, samples: int | None, models: tuple[str, ...], **options: Any) -> None:
    """Add samples, models or values of parameters to a run that is not in progress; only new cells are sent.

    promptgrid extend last --samples 20 --temperature 0,0.7,1.2
    """
    from promptgrid.cli import live
    from promptgrid.runner import client
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    values = {spec.plural: options.pop(spec.plural) for spec in AXIS_SPECS}
    if not (samples or models or any(values.values())):
        options_of_axes = ", ".join(spec.option for spec in AXIS_SPECS)
        raise click.UsageError(f"Say what to add: --samples, {options_of_axes} or --model.")
    database = Database()
    run_id = store.find_run(database, run).id
    live.prepare((*store.plan_of(database, run_id).models, *models))
    added = client.extend(database, run_id, samples=samples, models=models, **values)
    echo(f"{humanize.many(added, 'cell')} added to run {run_id}.", err=True)
    raise SystemExit(_carry_out(database, run_id, **options))


def _carry_out(
    database: Database, run_id: str, csv_path: Path | None, csv_for_excel: bool, jsonl_path: Path | None, as_json: bool
) -> int:
    from promptgrid.cli import live

    return live.carry_out(database, run_id, live.Outputs(csv_path, csv_for_excel, jsonl_path, as_json))


@click.command()
@_RUN
def pause(run: str) -> None:
    """Finish the calls in flight and send no more; `resume` continues."""
    _ask(run, "pause")


@click.command()
@_RUN
def cancel(run: str) -> None:
    """End a run; its replies stay."""
    _ask(run, "cancel")


def _ask(run: str, request: Literal["pause", "cancel"]) -> None:
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    database = Database()
    info = store.find_run(database, run)
    status = store.ask(database, info.id, request)
    echo(f"Run {info.id} is {status}.")


@click.command()
@_RUN
@click.argument("name")
def rename(run: str, name: str) -> None:
    """Rename a run."""
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    database = Database()
    info = store.find_run(database, run)
    store.change(database, info.id, name=name)
    echo(f'Run {info.id} is called "{name}".')


@click.command()
@_RUN
@click.argument("tags", metavar="TAG…", nargs=-1)
@click.option("--remove", multiple=True, metavar="TAG", help="Take this tag off; may be repeated.")
@click.option("--favourite/--no-favourite", default=None, help="Make the run a favourite, or no longer one.")
def tag(run: str, tags: tuple[str, ...], remove: tuple[str, ...], favourite: bool | None) -> None:
    """Add tags to a run, by which `promptgrid runs --tag` finds it; without options or tags, list its tags.

    promptgrid tag last production "before the move" --favourite
    """
    from promptgrid.store import Database
    from promptgrid.store import runs as store
    from promptgrid.store.across import tags as marks

    database = Database()
    run_id = store.find_run(database, run).id
    if favourite is not None:
        marks.set_favourite(database, run_id, favourite)
    listed = marks.change_tags(database, run_id, add=tags, remove=remove)
    star = " is a favourite and" if store.find_run(database, run_id).favourite else ""
    echo(f"Run {run_id}{star} has {'the tags ' + ', '.join(listed) if listed else 'no tags'}.")


@click.command()
@_RUN
def delete(run: str) -> None:
    """Remove a run from the list; `undelete` restores it."""
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    database = Database()
    info = store.find_run(database, run)
    store.delete(database, info.id)
    echo(f"Run {info.id} is deleted. To restore it: promptgrid undelete {info.id}")


@click.command()
@_RUN
def undelete(run: str) -> None:
    """Restore a deleted run. Here `last` is the one that was deleted last."""
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    database = Database()
    info = store.find_run(database, run, deleted=True)
    store.restore(database, info.id)
    echo(f"Run {info.id} is restored.")


_FORMS: dict[FileFormat, str] = {
    "csv": "One row per cell, with everything needed to repeat it.",
    "csv-wide": "A CSV of answers: one row per case, one column per variant.",
    "jsonl": "One JSON object per cell.",
    "xlsx": "An Excel workbook: results, summary, settings.",
    "parquet": "One row per cell, with types, for DuckDB, pandas, Polars.",
    "html": "A report in one file: summary, charts, the first cases.",
    "markdown": "The summary and the first cases as tables.",
}
_OUT = OutputFile()


def _form_options(command: Command) -> Command:
    for form, help_text in reversed(_FORMS.items()):
        command = click.option(f"--{form}", type=_OUT, metavar="OUT", help=help_text)(command)
    return command


@click.command()
@_RUN
@_form_options
@click.option("--csv-for-excel", is_flag=True, help="--csv with a BOM, cells cut to Excel's limit.")
@click.option("--preferences", type=_OUT, metavar="OUT", help="The votes as JSONL: prompt, chosen, rejected.")
@part_option
def export(run: str, csv_for_excel: bool, preferences: Path | None, part: str, **outputs: Path | None) -> None:
    """Write the results of a run to files. RUN is an id, its beginning, or `last`.

    promptgrid export last --csv out.csv --html report.html
    """
    from promptgrid.export.preferences import save_preferences
    from promptgrid.store import Database
    from promptgrid.store import runs as store

    files = [(form, path) for form in _FORMS if (path := outputs[form.replace("-", "_")])]
    if not (preferences or files):
        every = ", ".join(f"--{form}" for form in (*_FORMS, "preferences"))
        raise click.UsageError(f"Name at least one file: {every}.")
    database = Database()
    info = store.find_run(database, run)
    for form, path in files:
        _export(database, info, path, "csv-for-excel" if form == "csv" and csv_for_excel else form, part)
    if preferences:
        pairs = save_preferences(database, info.id, preferences, part)
        echo(f"Wrote {pairs:,} preference pairs to {preferences}.")
    echo_openings(database, part, info.id)


def _export(database: Database, info: RunInfo, path: Path, form: FileFormat, part: str) -> None:
    from promptgrid.export.runs import BY_CASE, save_run

    with click.progressbar(length=info.total, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        rows = save_run(database, info.id, path, form, progress=lambda done: bar.update(done - bar.pos), part=part)
    echo(f"Wrote {humanize.many(rows, 'case' if form in BY_CASE else 'row')} to {path}.")
