"""No press is lost because another one follows at once."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from streamlit import config
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import RerunData, StopException
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests, ScriptRequestType
from streamlit.runtime.state import SafeSessionState, SessionState

from promptgrid.ui.shell import presses


class Callbacks(SessionState):
    """A state that calls one callback, whatever the values of the widgets."""

    callback: Callable[[], None]

    def on_script_will_rerun(self, *_: Any, **__: Any) -> None:
        self.callback()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> ScriptRequests:
    """The requests of the run in which `get_script_run_ctx` says that the code runs."""
    requests = ScriptRequests()
    context = SimpleNamespace(script_requests=requests)
    monkeypatch.setattr(presses, "get_script_run_ctx", lambda suppress_warning: context)
    return requests


@pytest.fixture
def safe(requests: ScriptRequests) -> SafeSessionState:
    """A state whose every access ends the run when the next press has come."""

    def interrupt() -> None:
        if requests.on_scriptrunner_yield() is not None:
            raise StopException

    presses.keep_every_press()
    return SafeSessionState(Callbacks(), interrupt)


def pressed(*buttons: str) -> ClientState:
    state = ClientState()
    for button in buttons:
        widget = state.widget_states.widgets.add()
        widget.id, widget.trigger_value = button, True
    return state


def begun_with(requests: ScriptRequests, *buttons: str) -> None:
    """The run has been started for these presses."""
    requests.request_rerun(RerunData(widget_states=pressed(*buttons).widget_states))
    assert requests.on_scriptrunner_ready().type is ScriptRequestType.RERUN


def take_values(safe: SafeSessionState) -> None:
    safe.on_script_will_rerun(cast("Any", None))


def presses_after(monkeypatch: pytest.MonkeyPatch, requests: ScriptRequests, *buttons: str) -> set[str]:
    """The presses that the next run gets when these follow."""
    monkeypatch.setattr(presses, "_request_rerun", lambda session, client_state: None)
    client_state = pressed(*buttons)
    session = SimpleNamespace(_scriptrunner=SimpleNamespace(_requests=requests), _pages_manager=pages_at(""))
    AppSession.request_rerun(cast("Any", session), client_state)
    return {widget.id for widget in client_state.widget_states.widgets if widget.trigger_value}


def pages_at(page: str) -> SimpleNamespace:
    return SimpleNamespace(current_page_script_hash=page)


def test_callbacks_end_before_the_next_press_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, safe: SafeSessionState, requests: ScriptRequests
) -> None:
    def callback() -> None:
        assert presses_after(monkeypatch, requests, "next") == {"next"}
        safe["first"] = safe["second"] = "written"

    cast("Callbacks", safe._state).callback = callback
    begun_with(requests, "one")
    take_values(safe)
    assert safe._state["first"] == safe._state["second"] == "written"
    with pytest.raises(StopException):
        _ = safe["first"]


def test_a_run_that_has_not_called_back_hands_its_presses_over_and_ends(
    monkeypatch: pytest.MonkeyPatch, safe: SafeSessionState, requests: ScriptRequests
) -> None:
    cast("Callbacks", safe._state).callback = lambda: pytest.fail("called twice")
    begun_with(requests, "one")
    assert presses_after(monkeypatch, requests, "two") == {"one", "two"}
    with pytest.raises(StopException):
        take_values(safe)
    assert presses_after(monkeypatch, requests, "three") == {"three"}


def test_a_run_that_is_still_to_start_hands_its_presses_over(
    monkeypatch: pytest.MonkeyPatch, requests: ScriptRequests
) -> None:
    presses.keep_every_press()
    requests.request_rerun(RerunData(widget_states=pressed("one").widget_states))
    assert presses_after(monkeypatch, requests, "two") == {"one", "two"}
    assert requests.on_scriptrunner_ready().type is ScriptRequestType.STOP


def test_presses_are_handed_over_only_by_a_run_that_is_replaced(
    monkeypatch: pytest.MonkeyPatch, requests: ScriptRequests
) -> None:
    presses.keep_every_press()
    requests.request_rerun(RerunData(widget_states=pressed("one").widget_states))
    monkeypatch.setattr(config, "get_option", lambda name: name != "runner.fastReruns")
    assert presses_after(monkeypatch, requests, "two") == {"two"}
    assert requests.on_scriptrunner_ready().type is ScriptRequestType.RERUN


def test_a_late_request_of_the_page_that_is_left_does_not_bring_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    presses.keep_every_press()
    requested: list[tuple[str, str, int]] = []

    def note(session: object, state: ClientState) -> None:
        requested.append((state.page_script_hash, state.query_string, len(state.widget_states.widgets)))

    monkeypatch.setattr(presses, "_request_rerun", note)
    session = SimpleNamespace(_scriptrunner=None, _pages_manager=pages_at("compose"))

    def request(page: str, *buttons: str, **fields: Any) -> None:
        state = pressed(*buttons)
        state.MergeFrom(ClientState(page_script_hash=page, **fields))
        AppSession.request_rerun(cast("Any", session), state)

    request("compare", query_string="run=1")  # a press on the link
    request("compose", "text", query_string="prompt=a")  # the text that was typed before
    request("compose", "text", is_auto_rerun=True)  # the page that is left updates itself
    session._pages_manager = pages_at("compare")
    request("compose", "text", fragment_id="preview")
    request("compare", "cell", query_string="run=1")
    request("compose", "text", query_string="prompt=a")  # Python opened this page since
    assert requested == [
        ("compare", "run=1", 0),
        ("compare", "run=1", 1),
        ("compare", "run=1", 1),
        ("compare", "run=1", 1),
        ("compose", "prompt=a", 1),
    ]
