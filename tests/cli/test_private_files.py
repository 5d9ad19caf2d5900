"""What other users of the machine can read of a run: nothing, even if the user lets files be made readable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.server import HostileServer
from tests.places import CHECKOUT

CASES = "text\nsecret of the user\n"
EXPORT = """if True:
    from promptgrid import paths
    from promptgrid.export.runs import save_run
    from promptgrid.store import Database, runs
    database = Database()
    (paths.data_folder() / "exports").mkdir()
    save_run(database, runs.find_run(database, "last").id, paths.data_folder() / "exports" / "run.csv", "csv")
    database.copy_to(database.copies() / "mine.sqlite3")"""


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_run_its_log_its_copies_and_exports_are_closed_to_others(hostile: HostileServer, home: Path) -> None:
    Path("cases.csv").write_text(CASES, "utf-8")
    given = {"OPENAI_BASE_URL": hostile.url, "PYTHONPATH": str(CHECKOUT)}
    run = ["-m", "promptgrid", "run", "sentiment", "--model", "openai/ok", "--cases", "cases.csv", "--max-tokens", "8"]
    for words in (run, ["-c", EXPORT]):
        done = subprocess.run([sys.executable, *words], env=os.environ | given, umask=0, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
    data = home / "data"
    assert {"promptgrid.sqlite3", "exports", "copies"} <= {path.name for path in data.iterdir()}
    assert data.stat().st_mode & 0o777 == 0o700  # closes all that is in it
    private = list(data.rglob("*.sqlite3*"))
    assert len(private) >= 2
    assert [path.name for path in private if path.stat().st_mode & 0o077] == []
