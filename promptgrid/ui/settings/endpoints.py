"""The endpoints on the Settings page: their state, adding, changing and removing them, and where their keys go."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from promptgrid import connections, endpoints_file, humanize, loop, paths
from promptgrid.connections import BUILTIN
from promptgrid.endpoint.settings import FILE, EndpointSettings
from promptgrid.endpoints_file import EndpointsChange
from promptgrid.errors import PromptgridError
from promptgrid.ui import server
from promptgrid.ui.widgets.callbacks import close_popover, leaving_error, one_at_a_time
from promptgrid.ui.widgets.endpoints import endpoint_line
from promptgrid.ui.widgets.feedback import calls_label, show_error, show_left_error
from promptgrid.ui.widgets.plain import copied, plain
from promptgrid.ui.widgets.undo import offer_undo, undo_note

PAGE, ERROR = "endpoints", "endpoints_error"
_CHECK, _CHANGES = "settings_check", "settings_changes"
ENV_LINES = ("OPENAI_API_KEY=…", "OPENAI_BASE_URL=https://api.openai.com/v1")
MORE_SETTINGS = """\
[lab]
base_url = "http://127.0.0.1:8000/v1"
concurrency = 32                # the most requests in flight
max_n = 1                       # the most samples of one request
timeout_s = 300
token_parameter = "max_tokens"
free = true                     # its replies cost nothing
"""


def endpoints() -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Endpoints", width="stretch")
        if st.button("Check again", key="endpoints_check", help="Reads the settings again and checks every endpoint."):
            st.session_state[_CHECK] = True
    if st.session_state.pop(_CHECK, False):
        with st.spinner("Checking …"):
            server.endpoints().refresh(wait=True)
    show_left_error(ERROR)
    undo_note(PAGE)
    if (error := server.endpoints().error) is not None:
        show_error(error)
    configured = connections.settings() if server.endpoints().error is None else {}
    tables = _tables()
    for state in server.endpoints().states.values():
        with st.container(border=True, key=f"endpoint_{state.name}", gap="xsmall"):
            ready = state.ok and state.name != BUILTIN
            st.markdown(endpoint_line(replace(state, message="Ready.") if ready else state))
            if state.name in configured:
                st.caption(_address(configured[state.name]))
            if state.models:
                with st.popover(humanize.many(len(state.models), "model"), type="tertiary"):
                    st.code("\n".join(f"{state.name}/{model}" for model in state.models), language=None, height=260)
            if state.note:
                st.caption(state.note)
            _test_connection(state.name, state.models)
            if state.name in tables:
                _change_row(state.name, tables[state.name])
    _add_popover()


def _address(settings: EndpointSettings) -> str:
    """Returns the endpoint's base URL and the name of the environment variable with its key, as text. Never returns the
    key."""
    key = f"key in {settings.key_env}" if settings.key_env else "no key needed"
    return f"{copied(settings.base_url)} · {plain(key)}"


def _test_connection(name: str, models: tuple[str, ...]) -> None:
    """Draws the button that sends a short request to one of the `models` of the endpoint `name`: only a request shows
    whether the key may use the model."""
    if name == BUILTIN or not models:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox("Model", models, key=f"test_model_{name}", label_visibility="collapsed", width=280)
        if st.button(calls_label("Test the connection", 1), key=f"test_{name}", help="Sends one short request."):
            _send_greeting(name, str(model))


def _send_greeting(name: str, model: str) -> None:
    from promptgrid.endpoint import Request
    from promptgrid.prompt import Message, Parameters

    began = time.monotonic()
    request = Request(model=model, messages=(Message("user", "Say hello."),), parameters=Parameters(max_tokens=16))
    try:
        with st.spinner("Waiting for the reply …"):
            loop.run_sync(connections.connect(name).complete(request))
    except PromptgridError as error:
        show_error(error)
    else:
        st.caption(f":green[●] {plain(model)} answered after {time.monotonic() - began:.1f} s.")


def where_keys_go() -> None:
    """Shows which lines to write into the file .env to add a key, for a user without a terminal, and where more
    settings of an endpoint go."""
    file = Path.cwd() / ".env"
    create = "" if file.is_file() else "The file does not exist yet: create it with any text editor. "
    st.subheader("Where keys go")
    st.caption(f"OpenAI needs two lines in the file {copied(file)}, others a line with their variable. {create}"
               "Then press Check again. Keys stay in that file: Promptgrid never asks for them here, and never shows, "
               "logs or exports them.")  # fmt: skip
    st.code("\n".join([*ENV_LINES, *_missing_lines()]), language=None)
    with st.expander("More settings of an endpoint"):
        st.caption(f"Endpoints stand in {copied(paths.config_folder() / FILE)}, where you can add these lines.")
        st.code(MORE_SETTINGS, language=None)


def _missing_lines() -> list[str]:
    """Returns a line for .env for each configured endpoint whose key's variable is not set."""
    configured = connections.settings().values()
    return list(dict.fromkeys(f"{one.key_env}=…" for one in configured if one.key_env and not one.api_key))


def _tables() -> Mapping[str, Mapping[str, Any]]:
    try:
        return endpoints_file.tables()
    except PromptgridError:
        return {}  # `server.endpoints()` has the error already


def _change_row(name: str, table: Mapping[str, Any]) -> None:
    """Draws the buttons that change and remove an endpoint which stands in endpoints.toml as this `table`."""
    with st.container(horizontal=True, gap="small"):
        with st.popover("Change", key=f"endpoint_change_{name}", type="tertiary"):
            _form(name, table)
        st.button("Remove", key=f"endpoint_remove_{name}", on_click=_remove, args=(name,), type="tertiary")


def _add_popover() -> None:
    with st.popover("Add an endpoint", key="endpoint_add", icon=":material/add:"):
        _form("", {})


def _form(name: str, table: Mapping[str, Any]) -> None:
    """Draws the fields of an endpoint, filled from its `table` in endpoints.toml; `name` is empty for a new one."""
    key = _field_key(name)
    models = table.get("models", [])
    with st.form(key("form"), border=False):
        if not name:
            st.text_input("Name", key=key("name"), placeholder="deepseek")
        st.text_input("Base URL", str(table.get("base_url", "")), key=key("base_url"),
                      placeholder="https://api.deepseek.com/v1")  # fmt: skip
        st.text_input(
            "Name of the variable that holds the key",
            str(table.get("key_env", "")),
            key=key("key_env"),
            placeholder="DEEPSEEK_API_KEY; empty: no key",
            help="The name only. The key itself goes into the environment or the file .env, never here.",
        )
        st.text_input("Models, if the server lists none", ", ".join(models) if isinstance(models, list) else "",
                      key=key("models"), placeholder="deepseek-chat, deepseek-reasoner")  # fmt: skip
        st.form_submit_button("Save" if name else "Add", on_click=_put, args=(name,), width="stretch")


def _field_key(name: str) -> Callable[[str], str]:
    """Returns the function from a field's name to the key of its widget in the form of the endpoint `name`. The keys of
    a form change after each change of the file, so that its fields show what is in the file."""
    number = st.session_state.get(_CHANGES, 0)
    return lambda field: f"endpoint_{field}_{name}_{number}"


def _changed(text: str, change: EndpointsChange) -> None:
    st.session_state[_CHECK] = True
    st.session_state[_CHANGES] = st.session_state.get(_CHANGES, 0) + 1

    def restore() -> None:
        endpoints_file.revert(change)
        st.session_state[_CHECK] = True
        st.session_state[_CHANGES] += 1

    close_popover()
    offer_undo(PAGE, text, restore)


@one_at_a_time
@leaving_error(ERROR)
def _put(name: str) -> None:
    """Adds the endpoint in the form, or changes the endpoint `name`."""
    key, state = _field_key(name), st.session_state
    new_name = name or str(state[key("name")] or "").strip()
    base_url, key_env = str(state[key("base_url")] or ""), str(state[key("key_env")] or "")
    models = str(state[key("models")] or "").split(",")
    try:
        change = endpoints_file.put_endpoint(new_name, base_url, key_env, models, is_new=not name)
    except PromptgridError:
        state[key("key_env")] = ""  # it may be a key
        raise
    _changed(f"{'Changed' if name else 'Added'} {new_name}.", change)


@one_at_a_time
@leaving_error(ERROR)
def _remove(name: str) -> None:
    _changed(f"Removed {name}.", endpoints_file.remove_endpoint(name))
