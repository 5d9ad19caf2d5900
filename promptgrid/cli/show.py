"""`promptgrid prompts`, `models` and `doctor`: print lists and findings; they change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from promptgrid.cli.output import echo, echo_json
from promptgrid.text import one_line

if TYPE_CHECKING:
    from promptgrid.library.folder import Library, LibraryEntry
    from promptgrid.prompt import Prompt
    from promptgrid.store import Database


def part_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the option `--part`, which restricts a command to the cases of one part of a run."""
    return click.option("--part", default="", help="Only the cases of this part: learn, choose or prove.")(command)


def echo_openings(database: Database, part: str, *run_ids: str) -> None:
    """If `part` is "prove", prints on stderr how often the results of that part were looked at for the prompts of these
    runs, since repeated looks weaken its verdict."""
    from promptgrid.store.across.parts import opening_sentences, openings_of
    from promptgrid.store.runs import plan_of

    if part == "prove":
        prompts = [prompt.name for run_id in run_ids for prompt in plan_of(database, run_id).prompts]
        for sentence in opening_sentences(openings_of(database, prompts)):
            echo(one_line(sentence, 300), err=True)


def echo_notes(prompt: Prompt) -> None:
    """Prints on stderr a line for each part of the prompt's file that promptgrid ignores."""
    for note in prompt.notes:
        echo(one_line(f"{prompt.name}: {note}", 300), err=True)


@click.command()
@click.option("--json", "as_json", is_flag=True)
def prompts(as_json: bool) -> None:
    """List the prompts of the library, broken ones with the reason."""
    from promptgrid.library.folder import Library, library_folder

    library = Library(library_folder())
    entries = library.entries()
    if as_json:
        listed = [
            {
                "name": e.name,
                "title": e.prompt.title if e.prompt else "",
                "path": str(e.path),
                "version": e.prompt and e.prompt.version,
                "labels": _labels(library, e),
                "error": e.error,
                "notes": list(e.prompt.notes) if e.prompt else [],
            }
            for e in entries
        ]
        echo_json(json.dumps(listed, ensure_ascii=False))
        return
    rows = [
        [
            " ".join([e.name, *(f"@{label}" for label in _labels(library, e))]),
            e.prompt.version[:6] if e.prompt else "broken",
            e.prompt.description if e.prompt else e.error,
        ]
        for e in entries
    ]
    lines = [f"{one_line(name, 100):<22} {version}  {one_line(about)}" for name, version, about in rows]
    echo("\n".join(lines) or "No prompts yet.")
    for entry in entries:
        if entry.prompt:
            echo_notes(entry.prompt)
    echo(f"In {library_folder()}", err=True)


def _labels(library: Library, entry: LibraryEntry) -> list[str]:
    """Returns the labels of the version that the prompt's file has now."""
    from promptgrid.errors import LibraryError
    from promptgrid.library.versions import marks

    try:
        return marks(library, entry.name).labels_of(entry.prompt.version) if entry.prompt else []
    except LibraryError as error:
        echo(str(error), err=True)
        return []


@click.command()
@click.option("--json", "as_json", is_flag=True)
def models(as_json: bool) -> None:
    """List the models that every configured endpoint serves, as ENDPOINT/MODEL."""
    from promptgrid.connections import check, endpoint_names

    states = [check(name) for name in endpoint_names()]
    if as_json:
        echo_json(json.dumps([asdict(state) for state in states]))
        return
    for state in states:
        for model in state.models:
            echo(f"{state.name}/{model}")
        if state.note or not state.ok:
            echo(f"{state.name}: {state.note or state.message}", err=True)


@click.command()
@click.option("--fetch", is_flag=True, help="Fetch the built-in model if it is missing.")
@click.option("--start", is_flag=True, help="Also start the built-in model.")
@click.option("--json", "as_json", is_flag=True)
def doctor(fetch: bool, start: bool, as_json: bool) -> None:
    """Check the built-in model, tokenizers, endpoints, database, disk and port, and say what to do."""
    from promptgrid.doctor import checks

    if fetch:
        from promptgrid.cli import live

        live.fetch()
    findings = checks(start=start)
    if as_json:
        echo_json(json.dumps([asdict(f) for f in findings]))
    else:
        for f in findings:
            mark = {True: "ok", False: "!!", None: "--"}[f.ok]
            echo(f"{mark}  {f.area:<14} {f.message}" + (f"\n{'':19}{f.fix}" if f.fix else ""))
    raise SystemExit(1 if any(f.ok is False for f in findings) else 0)
