"""Files that are there whole or not at all."""

import os
import subprocess
import sys
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


def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path: Path) -> None:
    code = "from pathlib import Path; import os, signal, sys; from promptgrid import files\n"
    code += "with files.replacing(Path('table.csv')) as file: os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    (left,) = tmp_path.glob(".table.csv.*.part")
    others = [tmp_path / name for name in ("film.part", ".film.part", ".table.csv.0123abcd.parts")]
    for other in others:
        other.touch()
        os.utime(other, (0, 0))
    files.write(tmp_path / "other.csv", b"new")
    assert left.exists()  # its process may still write
    os.utime(left, (0, 0))
    files.write(tmp_path / "other.csv", b"new")
    assert not left.exists()
    assert all(other.exists() for other in others)


def test_a_stale_folder_is_removed_with_its_content_and_no_other(tmp_path: Path) -> None:
    for name in ("fetch-old", "fetch-new", "kept"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "wheel").write_bytes(b"x")
    for name in ("fetch-old", "kept"):
        os.utime(tmp_path / name, (0, 0))
    files.remove_stale(tmp_path, "fetch-*/")
    files.remove_stale(tmp_path / "missing", "fetch-*")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name in ("fetch-old", "fetch-new", "kept")) == [
        "fetch-new",
        "kept",
    ]


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
