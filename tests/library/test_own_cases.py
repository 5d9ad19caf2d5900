"""A prompt names a table in its library, and no other file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from promptgrid import api
from promptgrid.cases.table import FORMATS
from promptgrid.cli import main
from promptgrid.errors import CasesError, LibraryError
from promptgrid.library.folder import Library
from promptgrid.library.own_cases import TABLES, add_table, own_table, tables

PROMPT = """---
name: stranger
metadata: {{cases: {cases!r}}}
template: {{format: {{kind: jinja2}}, parser: {{kind: prompty}}}}
---
user:
Say {{{{ text }}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A library with a table, beside a private file."""
    folder = tmp_path / "library"
    (folder / "cases").mkdir(parents=True)
    (folder / "cases" / "good.csv").write_text("text\none\n", "utf-8")
    (tmp_path / "private.csv").write_text("text\nsecret of the user\n", "utf-8")
    return folder


def test_a_table_of_the_library_is_found(folder: Path) -> None:
    assert own_table(folder, "cases/good.csv", "p") == folder / "cases" / "good.csv"
    assert own_table(folder, "cases/../cases/good.csv", "p").is_file()


def test_a_file_outside_is_refused_by_every_way_there(folder: Path, tmp_path: Path) -> None:
    (folder / "cases" / "link.csv").symlink_to(tmp_path / "private.csv")
    (folder / "elsewhere").symlink_to(tmp_path)
    ways = [
        "../private.csv",
        str(tmp_path / "private.csv"),
        "cases/link.csv",
        "elsewhere/private.csv",
        "a\0b",
        "/dev/zero",
    ]
    for way in ways:
        with pytest.raises(CasesError, match="outside of its library"):
            own_table(folder, way, "p")


def test_a_missing_table_is_said(folder: Path) -> None:
    with pytest.raises(CasesError, match="are not at"):
        own_table(folder, "cases/none.csv", "p")


def test_links_out_of_the_library_are_not_listed(folder: Path, tmp_path: Path) -> None:
    (folder / "cases" / "link.csv").symlink_to(tmp_path / "private.csv")
    os.symlink("loop.csv", folder / "cases" / "loop.csv")
    assert [path.name for path in tables(folder)] == ["good.csv"]
    assert [path.name for path in Library(folder).cases()] == ["good.csv"]


@pytest.mark.parametrize("cases", ["../private.csv", "{folder}/private.csv"])
def test_a_plan_reads_no_file_that_only_the_prompt_names(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cases: str
) -> None:
    monkeypatch.setenv("PROMPTGRID_PROMPTS", str(folder))
    (folder / "stranger.prompty").write_text(PROMPT.format(cases=cases.format(folder=tmp_path)), "utf-8")
    refused = CliRunner().invoke(main, ["plan", "stranger"])
    assert refused.exit_code == 2
    assert "names cases outside of its library" in refused.output
    assert "secret" not in refused.output
    named = api.cases_table(tmp_path / "private.csv", [Library(folder).load("stranger")[0]])
    assert len(named.cases) == 1


def test_a_table_is_added_beside_one_of_its_name_and_listed(tmp_path: Path) -> None:
    names = ["a.csv", "a.csv", "b.JSONL", "c.txt", "d.xlsx"]
    added = [add_table(tmp_path, name, b"x\n1\n").name for name in names]
    assert added == ["a.csv", "a-2.csv", "b.jsonl", "c.csv", "d.xlsx"]
    assert {path.name for path in tables(tmp_path)} == set(added)
    with pytest.raises(LibraryError):
        add_table(tmp_path, "../x.csv", b"")


def test_every_form_of_table_that_can_be_read_can_be_kept() -> None:
    assert {suffix.removeprefix(".") for suffix in TABLES} == set(FORMATS) - {"txt"}
