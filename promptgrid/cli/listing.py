"""Prints tables of long texts: with rich on a terminal, in plain columns elsewhere. Control characters are removed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from promptgrid.cli.output import echo
from promptgrid.text import cut, printable

_WIDEST = 100  # characters of a cell without wrapping


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
