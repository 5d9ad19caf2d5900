"""A dashboard that is served to a browser."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A running server: its address without a slash at the end, and the PROMPTGRID_HOME it works in."""

    url: str
    home: Path


Serve = Callable[..., AbstractContextManager[Dashboard]]
