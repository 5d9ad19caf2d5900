"""No press is lost because another one follows at once."""

from __future__ import annotations

import threading
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
from streamlit.runtime.state.common import WidgetMetadata

from promptgrid.ui.shell import presses


class Callbacks(SessionState):
    """A state that calls one callback, whatever the values of the widgets."""

    callback: Callable[[], None]

    def on_script_will_rerun(self, *_: Any, **__: Any) -> None:
        self.callback()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> ScriptRequests:
    """The requests of the run in which `get_script_run_ctx` says that the code runs."""
    return run_of(monkeypatch)


def run_of(monkeypatch: pytest.MonkeyPatch, *fragments: str) -> ScriptRequests:
    """The requests of a run of the whole page, or of these fragments."""
    requests = ScriptRequests()
    context = SimpleNamespace(
        script_requests=requests,
        pages_manager=SimpleNamespace(),
        fragment_ids_this_run=list(fragments) or None,
        query_string="prompt=a",
        page_script_hash="compose",
        cached_message_hashes=frozenset(),
        context_info=None,
    )
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


def test_a_run_begins_when_the_one_that_it_has_stopped_has_ended(
    monkeypatch: pytest.MonkeyPatch, safe: SafeSessionState, requests: ScriptRequests
) -> None:
    waited: list[float] = []
    notes = vars(cast("Any", presses).get_script_run_ctx(suppress_warning=True).pages_manager)
    notes["thread"] = SimpleNamespace(join=waited.append)
    cast("Callbacks", safe._state).callback = lambda: waited.append(0)
    begun_with(requests, "one")
    take_values(safe)
    take_values(safe)  # for the next request of the same thread
    assert waited == [presses._ENDING_S, 0, 0]


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


def test_two_runs_of_a_session_take_their_values_in_turn(safe: SafeSessionState, requests: ScriptRequests) -> None:
    state, order = cast("Callbacks", safe._state), []
    next_run = SafeSessionState(state, lambda: None)  # each run has its own, over the same state
    thread = threading.Thread(target=take_values, args=(next_run,))

    def first_callback() -> None:
        state.callback = lambda: order.append("next")
        thread.start()
        thread.join(0.2)  # long enough for a run that does not wait
        order.append("first")

    state.callback = first_callback
    begun_with(requests, "one")
    take_values(safe)
    thread.join()
    assert order == ["first", "next"]


def test_a_run_that_was_replaced_forgets_no_press_of_the_next(safe: SafeSessionState, requests: ScriptRequests) -> None:
    values = safe._state._new_widget_state
    values.set_widget_metadata(field("button", "trigger_value"))
    values.set_from_value("button", True)
    requests.request_stop()
    safe.on_script_finished(frozenset(["button"]))
    assert values["button"] is True


def test_a_run_of_a_fragment_is_followed_by_one_for_what_else_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn_next(monkeypatch, fragment=None, text="new") == []  # the whole page
    assert drawn_next(monkeypatch, fragment="preview", text="new") == ["preview"]
    assert drawn_next(monkeypatch, fragment="count", text="new") is None
    assert drawn_next(monkeypatch, fragment=None, text="old") is None


def drawn_next(monkeypatch: pytest.MonkeyPatch, *, fragment: str | None, text: str) -> list[str] | None:
    """The fragments that are drawn after "count", in which a button was pressed while the text in `fragment` was "old"
    and became `text`; None if nothing is drawn."""
    requests = run_of(monkeypatch, "count")
    presses.keep_every_press()
    safe = SafeSessionState(SessionState(), lambda: None)
    values = safe._state._new_widget_state
    values.set_widget_metadata(field("text", "string_value", fragment_id=fragment))
    values.set_widget_metadata(field("button", "trigger_value", fragment_id="count"))
    values.set_from_value("text", "old")
    state = pressed("button")
    state.widget_states.widgets.add(id="text", string_value=text)
    begun_with(requests)
    safe.on_script_will_rerun(state.widget_states)
    request = requests.on_scriptrunner_ready()
    if request.type is ScriptRequestType.STOP:
        return None
    replayed = request.rerun_data.replay_trigger_states
    assert replayed is not None
    assert [widget.id for widget in replayed.widgets] == ["button"]
    return request.rerun_data.fragment_id_queue


def field(name: str, kind: Any, **options: Any) -> WidgetMetadata[Any]:
    return WidgetMetadata(name, lambda value: value, lambda value: value, kind, **options)


def test_a_fragment_that_redraws_itself_takes_no_press_along(monkeypatch: pytest.MonkeyPatch) -> None:
    presses.keep_every_press()
    requested: list[list[str]] = []

    def note(session: object, state: ClientState) -> None:
        requested.append([widget.id for widget in state.widget_states.widgets])

    monkeypatch.setattr(presses, "_request_rerun", note)
    session = SimpleNamespace(_scriptrunner=None, _pages_manager=pages_at("run"))
    state = pressed("start")
    state.widget_states.widgets.add(id="text", string_value="typed")
    for auto in (True, False):
        request = ClientState(fragment_id="progress", is_auto_rerun=auto, widget_states=state.widget_states)
        AppSession.request_rerun(cast("Any", session), request)
    assert requested == [["text"], ["start", "text"]]
