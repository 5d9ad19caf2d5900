"""Makes Streamlit keep every press, however soon the next one follows.

Streamlit handles a press in a run of the script: the run takes the values of the widgets, calls the callbacks, then
draws the page. The next press starts another run and stops this one, which loses the press unless its callbacks have
ended. `keep_every_press` changes that: callbacks run to their end, and a run that has not begun hands its presses over
to the run that replaces it. Turning `fastReruns` off is no way out: the browser then mixes up the two drawings.

The runs of a session take their values in turn. Otherwise a run that is being stopped could put an older text in the
place of the newer one, whose callback would then not be called.

A run begins when the one that it has stopped has ended, since both would change what Streamlit knows of the fragments.

The browser sends all changes of one moment in one request, which names a fragment if the first widget is in one. The
request is then taken as one for all the widgets in it. For example, the text of a field is reported to a fragment while
the user types, and a press of Ctrl+Enter in the same moment redraws the page. A fragment that redraws itself every few
seconds may send a press before the request of that press does. It is handled once, with its own request.

A text that was typed just before a press on the link to another page is reported by a request that comes after that
press. It is a request of the page that is left, and must not bring that page back.

An error of a callback that the user can correct, such as a full disk, is shown above the page, which is drawn with all
its buttons.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from streamlit import config
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import RerunData, StopException, get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import (
    ScriptRequests,
    ScriptRequestType,
    _coalesce_widget_states,
    _has_active_trigger_value,
)
from streamlit.runtime.state import SafeSessionState

from promptgrid.errors import PromptgridError
from promptgrid.ui.widgets.feedback import announce_error

if TYPE_CHECKING:
    from streamlit.proto.ClientState_pb2 import ClientState
    from streamlit.runtime.scriptrunner import ScriptRunContext
    from streamlit.runtime.state import SessionState

_take_values_and_call_back = SafeSessionState.on_script_will_rerun
_clear_presses = SafeSessionState.on_script_finished
_request_rerun = AppSession.request_rerun
_ENDING_S = 1.0


def keep_every_press() -> None:
    """Replaces three methods of Streamlit by `_uninterrupted`, `_unless_replaced` and `_with_earlier_presses`, for all
    sessions of this process, so that no press is lost."""
    SafeSessionState.on_script_will_rerun = _uninterrupted  # type: ignore[method-assign, assignment]
    SafeSessionState.on_script_finished = _unless_replaced  # type: ignore[method-assign, assignment]
    AppSession.request_rerun = _with_earlier_presses  # type: ignore[method-assign, assignment]


def _uninterrupted(state: SafeSessionState, values: WidgetStates | None, **options: Any) -> None:
    """Replaces the method in which a run of the script takes the values of the widgets and calls the callbacks: the
    next press can stop the script run only after that. A PromptgridError of a callback is shown above the page. Raises
    StopException if the script run was stopped before it began; its presses go to the next one."""
    context = get_script_run_ctx(suppress_warning=True)
    requests = None if context is None else context.script_requests
    if context is None or requests is None:
        _take_values_and_call_back(state, values, **options)
        return
    _wait_for_the_run_before(context)
    with _turn(context):
        _begin(requests)
        requests.on_scriptrunner_yield = lambda: None  # type: ignore[method-assign]
        try:
            _take_values_and_call_back(state, values, **options)
        except PromptgridError as error:
            announce_error(error)
        finally:
            del requests.on_scriptrunner_yield
        if others := _fragments_to_draw(context, state._state):
            requests.request_rerun(_drawing(others, context, values))


def _wait_for_the_run_before(context: ScriptRunContext) -> None:
    """Waits until the script run that this one has stopped has ended, for `_ENDING_S` seconds at most. It ends at its
    next call of Streamlit; drawing on meanwhile, it would not find the places that this run clears."""
    notes, this = vars(context.pages_manager), threading.current_thread()
    before, notes["thread"] = notes.get("thread", this), this
    if before is not this:
        before.join(_ENDING_S)


def _fragments_to_draw(context: ScriptRunContext, state: SessionState) -> set[str | None]:
    """Returns the fragments of the widgets that have changed, without those that this script run draws; None stands for
    the page outside of all fragments. The set is empty if the run draws the whole page."""
    if not context.fragment_ids_this_run:
        return set()
    widgets = state._new_widget_state.widget_metadata
    changed = [key for key in state._new_widget_state if key in widgets and state._widget_changed(key)]
    return {widgets[key].fragment_id for key in changed}.difference(context.fragment_ids_this_run)


def _drawing(fragments: set[str | None], context: ScriptRunContext, values: WidgetStates | None) -> RerunData:
    """Returns the request for a script run that draws the fragments, or with None among them the whole page. It sees
    the presses in `values`, but does not call their callbacks again."""
    return RerunData(
        query_string=context.query_string,
        page_script_hash=context.page_script_hash,
        fragment_id_queue=[] if None in fragments else sorted(filter(None, fragments)),
        replay_trigger_states=values,
        cached_message_hashes=context.cached_message_hashes,
        context_info=context.context_info,
    )


def _unless_replaced(state: SafeSessionState, *args: Any, **options: Any) -> None:
    """Replaces the method that forgets the presses of a script run at its end. A run that another one has stopped
    forgets none: they would be those of the other one, which are still to be handled."""
    context = get_script_run_ctx(suppress_warning=True)
    requests = None if context is None else context.script_requests
    if context is None or requests is None:
        _clear_presses(state, *args, **options)
        return
    with _turn(context):
        if requests._state is not ScriptRequestType.STOP:
            _clear_presses(state, *args, **options)


def _turn(context: ScriptRunContext) -> threading.RLock:
    """Returns the lock that one script run of a session at a time holds while it takes or clears the values of the
    widgets. The lock of a SafeSessionState does not do: each script run has its own, over the same SessionState."""
    lock: threading.RLock = vars(context.pages_manager).setdefault("turn", threading.RLock())
    return lock


def _begin(requests: ScriptRequests) -> None:
    with requests._lock:
        if requests._state is ScriptRequestType.STOP:
            raise StopException
        if requests._state is ScriptRequestType.CONTINUE:  # else the data is that of a later request
            vars(requests)["begun"] = requests._rerun_data


def _with_earlier_presses(session: AppSession, client_state: ClientState | None) -> None:
    """Replaces the method that requests a run of the script. If the new script run stops one that has not begun, it
    gets the presses of both. A request of a page that was left becomes one of the page that was opened. A fragment that
    draws itself again takes no presses along: the browser sends them next."""
    if client_state is not None and client_state.is_auto_rerun:
        values = [value for value in client_state.widget_states.widgets if not _has_active_trigger_value(value)]
        client_state.widget_states.CopyFrom(WidgetStates(widgets=values))
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
