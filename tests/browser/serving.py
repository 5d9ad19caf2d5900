"""A dashboard that is served to a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from tests.browser.traffic import follow
from tests.places import CHECKOUT

WAIT_MS = 60_000  # a cold server, a model that has to start, a busy machine


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A running server: its address without a slash at the end, the PROMPTGRID_HOME it works in, and the key of its
    start ("" where the script has no guard)."""

    url: str
    home: Path
    key: str = ""

    def context(self, browser: Browser, **options: Any) -> BrowserContext:
        """A context that has opened the printed address, with our patience."""
        context = browser.new_context(**options)
        context.set_default_timeout(WAIT_MS)
        self.let_in(context)
        return context

    def let_in(self, context: BrowserContext) -> None:
        """The cookie that the printed address sets."""
        follow(context)
        name = f"promptgrid-{self.url.rpartition(':')[2]}"
        context.add_cookies([{"name": name, "value": self.key, "url": self.url, "sameSite": "Strict"}])

    def run(self, code: str, **environment: str) -> str:
        """What Python code prints that works on this dashboard's data."""
        added = {"PROMPTGRID_HOME": str(self.home), "PYTHONPATH": str(CHECKOUT), **environment}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env={**os.environ, **added}, cwd=self.home, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


Serve = Callable[..., AbstractContextManager[Dashboard]]
