"""What the tests of the command line share: a folder with a prompt and cases, and a model that answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.command import write_label

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


@pytest.fixture
def work(endpoint: HostileServer) -> Path:
    """Models find everything good, and so is one of two cases."""
    endpoint.answer = lambda body: "Reason.\nAnswer: good"
    write_label("lovely,good", "awful,bad")
    return Path.cwd()
