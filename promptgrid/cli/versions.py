"""`promptgrid versions`, `label` and `rollback`: the versions of a prompt, their labels, and the way back to one."""

from __future__ import annotations

import json

import click

from promptgrid.cli.output import echo, echo_json


@click.command()
@click.argument("prompt")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def versions(prompt: str, as_json: bool) -> None:
    """List the versions of a prompt of the library, newest first, with their labels and notes.

    `NAME@VERSION` and `NAME@LABEL` name a version in `run`, `plan` and all other commands that take a prompt.
    """
    from promptgrid.cli.output import print_table
    from promptgrid.humanize import moment
    from promptgrid.store import Database, plans

    listed = plans.listed_versions(Database(), prompt)
    if as_json:
        rows = [
            {"version": v.version, "stored": v.stored, "current": v.current, "labels": v.labels, "note": v.note}
            for v in listed
        ]
        echo_json(json.dumps(rows, ensure_ascii=False))
        return
    print_table(
        ["version", "since", "", "labels", "note"],
        [
            [v.version[:6], moment(v.stored), "current" if v.current else "", ", ".join(v.labels), v.note]
            for v in listed
        ],
    )


@click.command()
@click.argument("prompt")
@click.argument("label", required=False, default="")
@click.option("--note", metavar="TEXT", help='A note on the version; "" removes it.')
@click.option("--remove", is_flag=True, help="Remove the label from the version that has it.")
def label(prompt: str, label: str, note: str | None, remove: bool) -> None:
    """Put a label such as production on a version, or write a note on it. PROMPT is NAME (the present version),
    NAME@VERSION or NAME@LABEL. A label names one version of a prompt: a second one takes it over.

    promptgrid label sentiment@3f9a1c production --note "Read by legal."
    """
    from promptgrid.library import versions as marked
    from promptgrid.library.folder import Library, library_folder
    from promptgrid.store import Database, plans

    library = Library(library_folder())
    if not label and note is None:
        raise click.UsageError("Give a label, or --note TEXT.")
    if remove:
        marked.remove_label(library, prompt.partition("@")[0], label)
        echo(f"{label} names no version of {prompt.partition('@')[0]} any more.")
        return
    version = plans.named_prompt(Database(), prompt)
    if note is not None:
        marked.set_note(library, version, note)
    if label:
        before = marked.set_label(library, version, label)
        was = f", before {before[:6]}" if before and before != version.version else ""
        echo(f"{version.name}@{label} is {version.version[:6]}{was}.")


@click.command()
@click.argument("prompt")
@click.argument("version")
def rollback(prompt: str, version: str) -> None:
    """Write an earlier version (its first characters, or a label) into the file of a prompt. The version that the file
    has now stays among the versions.

    promptgrid rollback sentiment production
    """
    from promptgrid.library.folder import Library, library_folder
    from promptgrid.store import Database, plans

    library = Library(library_folder())
    before = library.load(prompt)[0].version[:6]
    plans.roll_back(Database(), library, prompt, version)
    now = library.load(prompt)[0].version[:6]
    if now == before:
        echo(f"{prompt} has the version {now} already.")
    else:
        echo(f"{prompt} has the version {now}. To undo: promptgrid rollback {prompt} {before}")
