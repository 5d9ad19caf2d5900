import json
from pathlib import Path

import pytest

from promptgrid.builtin import adapters
from promptgrid.errors import TuningError


def save(name: str, folder: Path, data: bytes = b"GGUF") -> adapters.Adapter:
    file = folder / "made.gguf"
    file.write_bytes(data)
    return adapters.save(
        name, file, base_sha256="b" * 64, data_sha256="d" * 64, settings={"rank": 8}, curve=[{"epoch": 1, "loss": 0.5}]
    )


def test_a_saved_adapter_is_found_and_listed_with_its_manifest(tmp_path: Path) -> None:
    saved = save("mood", tmp_path)
    assert adapters.find("mood") == saved
    assert adapters.adapters() == [saved]
    assert saved.path.read_bytes() == b"GGUF"
    assert json.loads((saved.path.parent / "manifest.json").read_text())["adapter_sha256"] == saved.adapter_sha256
    assert saved.curve == [{"epoch": 1, "loss": 0.5}]


def test_a_name_that_is_taken_or_impossible_is_refused(tmp_path: Path) -> None:
    save("mood", tmp_path)
    with pytest.raises(TuningError, match="already"):
        save("mood", tmp_path)
    for name in ("", "a+b", "../x", "A", ".bin", "a/b", "x" * 41, "a."):
        with pytest.raises(TuningError, match="cannot be the name"):
            adapters.check_name(name)
    with pytest.raises(TuningError, match="Did you mean"):
        adapters.find("moods")


def test_a_deleted_adapter_comes_back_unless_its_name_is_in_use_again(tmp_path: Path) -> None:
    first = save("mood", tmp_path, b"first")
    adapters.delete("mood")
    assert adapters.adapters() == []
    assert adapters.deleted() == ["mood"]
    second = save("mood", tmp_path, b"second")
    with pytest.raises(TuningError, match="already"):
        adapters.undelete("mood")
    adapters.delete("mood")
    assert adapters.undelete("mood") == second  # the one deleted last
    adapters.delete("mood")
    assert adapters.empty_bin() == 2
    with pytest.raises(TuningError, match="No tuned model"):
        adapters.undelete("mood")
    assert first.adapter_sha256 != second.adapter_sha256


def test_a_folder_that_is_no_adapter_is_not_listed(tmp_path: Path) -> None:
    save("mood", tmp_path)
    (adapters.folder() / "broken").mkdir()
    (adapters.folder() / "other").mkdir()
    (adapters.folder() / "other" / "manifest.json").write_text("[1")
    assert [adapter.name for adapter in adapters.adapters()] == ["mood"]
