"""Makes Streamlit keep every press, however soon the next one follows.

Streamlit handles a press in a run of the script: the run takes the values of the widgets, calls the callbacks, then
draws the page. The next press starts another run and stops this one, which loses the press unless its callbacks have
ended. `keep_every_press` changes that: callbacks run to their end, and a run that has not begun hands its presses over
to the run that replaces it. Turning `fastReruns` off is no way out: the browser then mixes up the two drawings.

A text that was typed just before a press on the link to another page is reported by a request that comes after that
press. It is a request of the page that is left, and must not bring that page back.

An error of a callback that the user can correct, such as a full disk, is shown above the page, which is drawn with all
its buttons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamlit import config
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import StopException, get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import (
    ScriptRequests,
    ScriptRequestType,
    _coalesce_widget_states,
)
from streamlit.runtime.state import SafeSessionState

from promptgrid.errors import PromptgridError
from promptgrid.ui.widgets.feedback import announce_error

if TYPE_CHECKING:
    from streamlit.proto.ClientState_pb2 import ClientState
    from streamlit.proto.WidgetStates_pb2 import WidgetStates

_take_values_and_call_back = SafeSessionState.on_script_will_rerun
_request_rerun = AppSession.request_rerun


def keep_every_press() -> None:
    """Replaces two methods of Streamlit by `_uninterrupted` and `_with_earlier_presses`, for all sessions of this
    process, so that no press is lost."""
    SafeSessionState.on_script_will_rerun = _uninterrupted  # type: ignore[method-assign, assignment]
    AppSession.request_rerun = _with_earlier_presses  # type: ignore[method-assign, assignment]


def _uninterrupted(state: SafeSessionState, *args: Any, **options: Any) -> None:
    """Replaces the method in which a run of the script takes the values of the widgets and calls the callbacks: the
    next press can stop the script run only after that. A PromptgridError of a callback is shown above the page. Raises
    StopException if the script run was stopped before it began; its presses go to the next one."""
    context = get_script_run_ctx(suppress_warning=True)
    requests = None if context is None else context.script_requests
    if requests is None:
        _take_values_and_call_back(state, *args, **options)
        return
    with state._lock:  # the run of the next press takes its values after this one
        _begin(requests)
        requests.on_scriptrunner_yield = lambda: None  # type: ignore[method-assign]
        try:
            _take_values_and_call_back(state, *args, **options)
        except PromptgridError as error:
            announce_error(error)
        finally:
            del requests.on_scriptrunner_yield


def _begin(requests: ScriptRequests) -> None:
    with requests._lock:
        if requests._state is ScriptRequestType.STOP:
            raise StopException
        if requests._state is ScriptRequestType.CONTINUE:  # else the data is that of a later request
            vars(requests)["begun"] = requests._rerun_data


def _with_earlier_presses(session: AppSession, client_state: ClientState | None) -> None:
    """Replaces the method that requests a run of the script. If the new script run stops one that has not begun, it
    gets the presses of both. A request of a page that was left becomes one of the page that was opened."""
    if client_state is not None and _is_of_left_page(session, client_state):
        if client_state.is_auto_rerun:
            return
        opening: ClientState = vars(session)["opening"]
        client_state.page_script_hash, client_state.query_string = opening.page_script_hash, opening.query_string
        client_state.fragment_id = ""
    runner = session._scriptrunner
    replaces = client_state is not None and not client_state.fragment_id and config.get_option("runner.fastReruns")
    if runner is not None and client_state is not None and replaces:
        states = _coalesce_widget_states(_stopped(runner._requests), client_state.widget_states)
        if states is not None:
            client_state.widget_states.CopyFrom(states)
    _request_rerun(session, client_state)


def _is_of_left_page(session: AppSession, request: ClientState) -> bool:
    """Returns whether the browser sent the request before it knew that another page was opened. Notes the requests that
    open a page: they name another page than the one on the screen, and have no values of widgets."""
    notes, page = vars(session), request.page_script_hash
    on_screen = session._pages_manager.current_page_script_hash
    if page != on_screen and not request.fragment_id and not request.widget_states.widgets:
        notes["opening"], notes["left"] = request, {*notes.get("left", ()), on_screen}
        return False
    if notes.get("opening") and page in notes["left"] and page != notes["opening"].page_script_hash:
        return True
    notes["opening"], notes["left"] = None, set()
    return False


def _stopped(requests: ScriptRequests) -> WidgetStates | None:
    """Stops the run of the script that was requested last. Returns the widget states of its request, or None if that
    script run has begun or was stopped already."""
    with requests._lock:
        over = requests._state is ScriptRequestType.STOP or vars(requests).get("begun") is requests._rerun_data
        requests._state = ScriptRequestType.STOP
        return None if over else requests._rerun_data.widget_states
