"""Files that are there whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from promptgrid import files

posix = pytest.mark.skipif(os.name != "posix", reason="modes of files are a matter of POSIX")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@posix
def test_a_file_is_its_owners_only_even_where_the_old_one_was_not(tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    path.write_bytes(b"old")
    path.chmod(0o644)
    files.write(path, b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)


@posix
def test_a_shared_file_keeps_the_mode_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "prompt.prompty"
    files.write(path, b"first", shared=True)
    assert mode(path) == 0o666 & ~_umask()
    path.chmod(0o640)
    files.write(path, b"second", shared=True)
    assert (path.read_bytes(), mode(path)) == (b"second", 0o640)


@posix
def test_a_file_that_is_added_to_is_its_owners_only(tmp_path: Path) -> None:
    for line in "ab":
        with open(tmp_path / "log", "a", opener=files.private) as file:
            file.write(line)
    assert ((tmp_path / "log").read_text(), mode(tmp_path / "log")) == ("ab", 0o600)


def test_an_error_on_the_way_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    files.write(path, b"old")
    with suppress(ZeroDivisionError), files.replacing(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir() if one.is_file()] == [("table.csv", b"old")]


def test_the_old_file_is_read_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    files.write(path, b"old")
    with files.replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
