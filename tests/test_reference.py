"""The reference in docs/ is what the code says of itself."""

from __future__ import annotations

import runpy
from pathlib import Path

import promptgrid

DOCS = Path(__file__).parents[1] / "docs"


def test_the_reference_is_what_the_code_says() -> None:
    written = {path.name: path.read_text("utf-8") for path in (DOCS / "reference").glob("*.md")}
    pages: dict[str, str] = runpy.run_path(str(DOCS / "reference.py"))["pages"]()
    assert written == pages, "run `make reference`"


def test_it_has_every_command_and_every_public_name() -> None:
    from promptgrid.cli import main

    commands = (DOCS / "reference" / "command-line.md").read_text("utf-8")
    names = (DOCS / "reference" / "python.md").read_text("utf-8")
    assert [name for name in main.commands if f"## promptgrid {name}\n" not in commands] == []
    assert [name for name in promptgrid.__all__ if f"### {name}\n" not in names] == []
