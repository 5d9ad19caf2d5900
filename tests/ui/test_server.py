"""A call runs on as long as a tab shows it, and no longer."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from promptgrid.loop import Background
from promptgrid.ui import server
from tests.running import until


class Endless(Background):
    def start(self) -> None:
        self._start(self._go())

    async def _go(self) -> None:
        while True:
            await asyncio.sleep(0.01)


@pytest.fixture
def tabs(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The sessions that are open. The code runs in one of them after the other, by `shown_in`."""
    opened: set[str] = set()
    runtime = SimpleNamespace(is_active_session=opened.__contains__)
    monkeypatch.setattr(server, "runtime", SimpleNamespace(exists=lambda: True, get_instance=lambda: runtime))
    monkeypatch.setattr(server, "GRACE_S", 0.0)
    monkeypatch.setattr(server, "_CHECK_S", 0.01)
    return opened


def shown_in(tab: str, call: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    context = SimpleNamespace(session_id=tab)
    monkeypatch.setattr(server, "get_script_run_ctx", lambda suppress_warning: context)
    server.stop_when_left(call)


def test_a_call_is_stopped_when_the_last_tab_that_shows_it_is_closed(
    tabs: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Endless()
    tabs.update(("first", "second", "another page"))
    call.start()
    shown_in("first", call, monkeypatch)
    shown_in("second", call, monkeypatch)
    tabs.remove("first")
    call.wait(0.3)
    assert call.running
    tabs.remove("second")
    until(lambda: not call.running)
    assert call.stopped
    assert call.error is None


def test_a_refresh_does_not_stop_a_call(tabs: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "GRACE_S", 60.0)
    call = Endless()
    tabs.add("before")
    call.start()
    shown_in("before", call, monkeypatch)
    tabs.clear()
    call.wait(0.3)
    tabs.add("after")
    shown_in("after", call, monkeypatch)
    monkeypatch.setattr(server, "GRACE_S", 0.0)
    call.wait(0.3)
    assert call.running
    call.stop()
    until(lambda: not call.running)
