"""Which prompts are as Promptgrid brought them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from promptgrid import paths
from promptgrid.library.folder import Library
from promptgrid.library.shipped import is_shipped


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of two prompts, written an hour ago."""
    folder = tmp_path / "checkout"
    (folder / "prompts").mkdir(parents=True)
    for name in ("sentiment", "arithmetic"):
        shutil.copyfile(paths.shipped_folder() / "prompts" / f"{name}.prompty", folder / "prompts" / f"{name}.prompty")
    (folder / "workbench.py").touch()
    for path in folder.rglob("*.p*y"):
        os.utime(path, (1e9, 1e9))
    monkeypatch.setattr(paths, "shipped_folder", lambda: folder)
    return folder


def as_shipped(folder: Path) -> list[bool]:
    return [is_shipped(entry) for entry in Library(folder).entries()]


def test_a_copy_is_shipped_until_its_text_is_changed(shipped: Path, tmp_path: Path) -> None:
    own = shutil.copytree(shipped / "prompts", tmp_path / "own", copy_function=shutil.copyfile)
    assert as_shipped(own) == [True, True]
    (own / "arithmetic.prompty").write_text("user:\nHi\n", "utf-8")
    (own / "mine.prompty").write_text("user:\nHi\n", "utf-8")
    assert as_shipped(own) == [False, False, True]


def test_in_a_checkout_a_prompt_is_shipped_until_it_is_written_again(shipped: Path) -> None:
    assert as_shipped(shipped / "prompts") == [True, True]
    os.utime(shipped / "prompts" / "arithmetic.prompty", (1e9 + 3600, 1e9 + 3600))
    assert as_shipped(shipped / "prompts") == [False, True]
