"""Prints text, much of which was written by others: without the characters that a terminal would obey."""

from __future__ import annotations

import json

import click

from promptgrid.text import printable


def echo(text: str, *, err: bool = False) -> None:
    """Prints the text to stdout, or with `err` to stderr. Line breaks stay; control characters become spaces."""
    click.echo("\n".join(map(printable, text.split("\n"))), err=err)


def echo_json(text: str) -> None:
    """Prints a JSON text to stdout. Control characters in its strings become JSON's own escapes."""
    lines = (line if line.isprintable() else "".join(map(_escaped, line)) for line in text.split("\n"))
    click.echo("\n".join(lines))


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
