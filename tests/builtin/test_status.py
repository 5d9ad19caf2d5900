"""Whether the built-in model can be used here."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptgrid import builtin
from promptgrid.builtin import weights


def test_without_weights_the_reason_says_how_to_fetch_them() -> None:
    state = builtin.status()
    assert (state.weights, state.running, state.ready) == (None, False, False)
    assert "`promptgrid run`" in state.reason
    assert state.size == weights.DOWNLOAD_BYTES


def test_a_platform_without_llama_cpp_is_told_what_to_use_instead(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    state = builtin.status()
    assert (state.supported, state.ready) == (False, False)
    assert "OPENAI_BASE_URL" in state.reason
