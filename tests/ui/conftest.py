"""Pages are drawn in this process, each test's for itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from promptgrid.library.folder import Library
from promptgrid.paths import shipped_folder


@pytest.fixture(autouse=True)
def _page(no_runner: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No runner, no built-in model, and nothing that a server caches reaches the next test."""
    monkeypatch.setenv("PROMPTGRID_BUILTIN_MODEL", str(tmp_path / "none.gguf"))
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    """The shipped prompts, in a folder of the test's own."""
    folder = tmp_path / "prompts"
    shutil.copytree(shipped_folder() / "prompts", folder)
    monkeypatch.setenv("PROMPTGRID_PROMPTS", str(folder))
    return Library(folder)
