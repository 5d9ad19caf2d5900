"""`promptgrid backup`."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from promptgrid.cli import main
from promptgrid.store import Database


def test_the_copy_is_a_database_and_the_way_back_is_said(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.sqlite3"
    result = CliRunner().invoke(main, ["backup", str(path)])
    assert result.exit_code == 0, result.output
    assert str(path) in result.stdout
    assert str(home / "data" / "promptgrid.sqlite3") in result.stderr
    assert Database(path).version()


def test_a_file_that_exists_is_not_overwritten(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("mine")
    result = CliRunner().invoke(main, ["backup", str(path)])
    assert result.exit_code == 2
    assert "exists" in result.stderr
    assert path.read_text() == "mine"


def test_without_a_file_the_copies_of_the_data_folder_get_it(home: Path) -> None:
    assert CliRunner().invoke(main, ["backup"]).exit_code == 0
    assert len(list((home / "data" / "copies").iterdir())) == 1
