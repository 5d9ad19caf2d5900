"""Files are saved whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pytest

from promptgrid.errors import ExportError
from promptgrid.export import read_csv, save, write_csv
from tests.export.rows import one


def test_a_saved_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.csv"
    with pytest.raises(ExportError, match=r"Cannot write .*out\.csv: No such file.* Create the folder .*new\."):
        save(path, lambda out: 0)
    path.parent.mkdir()
    assert save(path, lambda out: write_csv([one()], out, variables=["text"], checks=["label"])) == 1
    before = path.read_bytes()

    def full_disk(out: BinaryIO) -> int:
        out.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(ExportError, match=r"Cannot write .*out\.csv: No space left on device"):
        save(path, full_disk)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["out.csv"]
    assert len(list(read_csv(path))) == 1
    with pytest.raises(ExportError, match="Is a directory"):
        save(path.parent, lambda out: 0)
    with pytest.raises(ExportError, match=r"none\.csv"):
        list(read_csv(tmp_path / "none.csv"))


def test_saving_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    save(tmp_path / "link.csv", lambda out: out.write(b"new"))
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"
