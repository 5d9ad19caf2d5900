"""A dashboard that is served to a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.places import CHECKOUT


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A running server: its address without a slash at the end, and the PROMPTGRID_HOME it works in."""

    url: str
    home: Path

    def run(self, code: str, **environment: str) -> str:
        """What Python code prints that works on this dashboard's data."""
        added = {"PROMPTGRID_HOME": str(self.home), "PYTHONPATH": str(CHECKOUT), **environment}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env={**os.environ, **added}, cwd=self.home, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


Serve = Callable[..., AbstractContextManager[Dashboard]]
