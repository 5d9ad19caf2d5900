"""Prints text, much of which was written by others: without the characters that a terminal would obey.

Tables of long texts are printed with rich on a terminal, and in plain columns elsewhere. A type for options checks the
files that a command shall write.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from promptgrid.progress import OnWork, words
from promptgrid.text import cut, printable

_BAR_AFTER_S, _LINE_EVERY_S = 0.5, 5.0
_WIDEST = 100  # characters of a cell without wrapping


class OutputFile(click.Path):
    """The type of an option or argument that names a file to write. A folder that does not exist is an error at once:
    before a long run, and before a mistyped name makes a new folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not (folder := path.absolute().parent).is_dir():
            self.fail(f"The folder of {path} does not exist. Create {folder}, or name another.", param, ctx)
        return path


def echo(text: str, *, err: bool = False) -> None:
    """Prints the text to stdout, or with `err` to stderr. Line breaks stay; control characters become spaces."""
    click.echo("\n".join(map(printable, text.split("\n"))), err=err)


def echo_json(text: str) -> None:
    """Prints a JSON text to stdout. Control characters in its strings become JSON's own escapes."""
    lines = (line if line.isprintable() else "".join(map(_escaped, line)) for line in text.split("\n"))
    click.echo("\n".join(lines))


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]


def terminal_width() -> int:
    """Returns how many characters a line of the terminal has; a number without limit where stdout is a file or pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize


@contextmanager
def showing_progress() -> Iterator[OnWork]:
    """Yields the function by which the work of the block tells how far it is, on stderr: a terminal shows a bar of each
    stage that takes more than half a second, a file gets a line every 5 seconds."""
    stage, due, bar = "", 0.0, None
    every = _BAR_AFTER_S if sys.stderr.isatty() else _LINE_EVERY_S

    def show(done: int, total: int, what: str) -> None:
        nonlocal stage, due, bar
        now = time.monotonic()
        if what != stage:
            stage, due = what, now + every
        if bar is not None and done >= total:
            stage, bar = "", bars.close()
        elif bar is not None:
            bar.update(done - bar.pos)
        elif now >= due and every == _LINE_EVERY_S:
            due = now + every
            echo(words(done, total, what), err=True)
        elif now >= due and done < total:
            bar = bars.enter_context(
                click.progressbar(length=total, label=what.capitalize(), file=sys.stderr, show_pos=True)
            )

    with ExitStack() as bars:
        yield show


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Prints a table to stdout, under its title if it has one. Columns that are empty in every row are left out."""
    used = [i for i in range(len(header)) if any(row[i] for row in rows)]
    names = [header[i] for i in used]
    cells = [[" ".join(printable(row[i]).split()) for i in used] for row in rows]
    if sys.stdout.isatty():
        _rich(names, cells, title)
        return
    if title:
        echo(f"\n{title}")
    echo(_plain([names, *cells]))


def _plain(lines: Sequence[Sequence[str]]) -> str:
    from rich.cells import cell_len

    short = [[cut(cell, _WIDEST) for cell in line] for line in lines]
    widths = [max(map(cell_len, column)) for column in zip(*short, strict=True)]
    padded = ([c + " " * (w - cell_len(c)) for c, w in zip(line, widths, strict=True)] for line in short)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def _rich(header: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for name in header:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
