"""The line of an endpoint."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from promptgrid import builtin
from promptgrid.connections import BUILTIN, EndpointState
from promptgrid.ui import server
from promptgrid.ui.widgets.endpoints import endpoint_line


def test_a_model_that_is_being_downloaded_is_not_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    download = SimpleNamespace(running=True)
    monkeypatch.setattr(server, "weights_download", lambda: download)
    monkeypatch.setattr(builtin, "status", lambda: SimpleNamespace(ready=False))
    missing = EndpointState(BUILTIN, False, "The weights are not here. Fetch them.")
    assert "being downloaded" in endpoint_line(missing)
    assert "being downloaded" not in endpoint_line(EndpointState("openai", False, "Not reachable."))
    download.running = False
    assert "Fetch them" in endpoint_line(missing)
