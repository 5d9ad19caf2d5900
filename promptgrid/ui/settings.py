"""The parts of the Settings page: endpoints and where a key goes, the built-in model, the data, what is missing."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import streamlit as st

from promptgrid import builtin, connections, humanize, loop, paths
from promptgrid.connections import BUILTIN
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.errors import PromptgridError
from promptgrid.library.folder import library_folder
from promptgrid.models import learned
from promptgrid.runner.process import log_path
from promptgrid.store import conversations, runs
from promptgrid.ui import server
from promptgrid.ui.widgets.endpoints import endpoint_line, weights_notice
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain

ENV_LINES = "OPENAI_API_KEY=…\nOPENAI_BASE_URL=https://api.openai.com/v1"
ENDPOINTS_EXAMPLE = """\
[deepseek]
base_url = "https://api.deepseek.com/v1"
key_env = "DEEPSEEK_API_KEY"    # the name of the variable that holds the key, never the key

[ollama]
base_url = "http://localhost:11434/v1"
"""
DOCTOR_MARKS = {True: ":green[ok]", False: ":red[mend]", None: ":gray[note]"}


def endpoints() -> None:
    """Every endpoint with its address, its state and its models; asked again on request."""
    known = server.endpoints()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Endpoints", width="stretch")
        if st.button("Check again", key="endpoints_check", help="Reads the settings again and asks every endpoint."):
            with st.spinner("Asking …"):
                known.refresh(wait=True)
    if known.error is not None:
        show_error(known.error)
    configured = _configured()
    for found in known.states.values():
        with st.container(border=True, key=f"endpoint_{found.name}", gap="xsmall"):
            st.markdown(
                endpoint_line(replace(found, message="Ready.") if found.ok and found.name != BUILTIN else found)
            )
            if found.name in configured:
                st.caption(_where(configured[found.name]))
            if found.models:
                with st.popover(humanize.many(len(found.models), "model"), type="tertiary"):
                    st.code("\n".join(f"{found.name}/{model}" for model in found.models), language=None, height=260)
            _test_connection(found.name, found.models)


def _configured() -> dict[str, EndpointSettings]:
    try:
        return connections.settings()
    except PromptgridError:
        return {}  # said above, from the endpoints' own state


def _where(found: EndpointSettings) -> str:
    """The address, and whether there is a key, by its variable's name only."""
    key = "takes no key"
    if found.key_env:
        key = f"key in {found.key_env}" if found.api_key else f"no key yet: {found.key_env} is not set"
    return f"{plain(found.base_url)} · {plain(key)}"


def _test_connection(name: str, models: tuple[str, ...]) -> None:
    """One word to one model: what a list of models cannot show is whether the key may use them."""
    if name == BUILTIN or not models:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox("Model", models, key=f"test_model_{name}", label_visibility="collapsed", width=280)
        if st.button("Test the connection", key=f"test_{name}", help="Sends one short request."):
            _say_hello(name, str(model))


def _say_hello(name: str, model: str) -> None:
    from promptgrid.endpoint import Request
    from promptgrid.prompt import Message

    began = time.monotonic()
    request = Request(model=model, messages=(Message("user", "Say hello."),), max_tokens=16)
    try:
        with st.spinner("Asking …"):
            loop.run_sync(connections.connect(name).complete(request))
    except PromptgridError as error:
        show_error(error)
    else:
        st.caption(f":green[●] {plain(model)} answered after {time.monotonic() - began:.1f} s.")


def where_keys_go() -> None:
    """The exact lines and files, for someone without a terminal."""
    file = Path.cwd() / ".env"
    there = "It is there." if file.is_file() else "It is not there yet: make it with any text editor."
    st.subheader("Add OpenAI, or a server that speaks its protocol")
    st.caption(f"Two lines in the file {plain(file)}. {there} Then press Check again. Keys stay in that file: they are "
               "never asked for here, shown, logged or exported.")  # fmt: skip
    st.code(ENV_LINES, language="bash")
    config = paths.config_folder() / "endpoints.toml"
    with st.expander("More endpoints"):
        st.caption(f"One table an endpoint in {plain(config)}, its key in a line of the .env file above.")
        st.code(ENDPOINTS_EXAMPLE, language="toml")


def builtin_model() -> None:
    """The weights and the server that runs them."""
    st.subheader("Built-in model")
    if not weights_notice():
        return
    status = builtin.status()
    running = "running" if status.running else "not running; it starts at the first request"
    st.caption(f"{plain(', '.join(builtin.names()))} · {humanize.size(status.size)} · {running}.")
    st.caption("A small model: it answers on this machine, for free, and is often wrong.")
    st.code(str(status.weights), language=None, wrap_lines=True)
    if status.running and st.button("Stop it", key="builtin_stop", help="Frees its memory; it starts when needed."):
        builtin.stop()
        st.rerun()


def refused_parameters() -> None:
    """What models refused, as it counts for the next plans, and the way to ask them again."""
    st.subheader("What models refused")
    known = learned.all_refusals()
    if not known:
        st.caption(
            "Nothing so far. When a model refuses a parameter, that is kept here for 30 days with its own words, and "
            "later runs say so before they spend anything."
        )
    for number, (identity, model) in enumerate(dict.fromkeys((r.identity, r.model) for r in known)):
        said, button = st.columns([5, 1], vertical_alignment="center")
        mine = [plain(r.sentence, limit=400) for r in known if (r.identity, r.model) == (identity, model)]
        said.caption("  \n".join([*mine, plain(f"at {identity}")]))
        button.button(
            "Forget", key=f"forget_{number}", on_click=_forget, args=(identity, model),
            help="The next run sends it again, and sees.",
        )  # fmt: skip


def _forget(identity: str, model: str) -> None:
    try:
        learned.forget(identity, model)
    except PromptgridError as error:
        show_error(error)


def data() -> None:
    """Where everything is, how much it takes, and how to free it."""
    st.subheader("Data")
    folders = {
        "data": paths.data_folder(),
        "cache": paths.cache_folder(),
        "config": paths.config_folder(),
        "prompts": library_folder(),
        "log": log_path(),
    }
    st.dataframe(
        {
            "what": list(folders),
            "where": [str(path) for path in folders.values()],
            "size": [humanize.size(taken(path)) for path in folders.values()],
        },
        column_config={"what": st.column_config.TextColumn(width=70), "size": st.column_config.TextColumn(width=80)},
    )
    st.caption(
        "PROMPTGRID_HOME in the .env file moves data, cache and config. PROMPTGRID_NOTIFY in it names a command that "
        "is started when a run has ended."
    )
    _empty_the_deleted()


@st.cache_data(ttl=30, show_spinner=False)
def taken(path: Path) -> int:
    """The bytes of a file, or of all files in a folder; 0 where there is nothing."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _empty_the_deleted() -> None:
    gone_runs = len(runs.list_runs(server.database(), deleted=True, limit=10_000))
    gone_talks = len(conversations.listed(server.database(), deleted=True))
    counts = {"run": gone_runs, "conversation": gone_talks}
    gone = " and ".join(humanize.many(count, what) for what, count in counts.items() if count)
    if not gone:
        st.caption("No deleted runs or conversations take up space.")
        return
    with st.popover(f"Empty the deleted: {gone}"):
        st.caption("Removes them, and the replies of runs that no other run shows. There is no way back.")
        if st.button("Remove for good", key="purge"):
            with st.spinner("Removing …"):
                runs.purge(server.database())
                conversations.purge(server.database())
            taken.clear()
            st.toast(f"{gone} removed.")
            st.rerun()


def health() -> None:
    """What the doctor finds, on request: it asks every endpoint and looks at every folder."""
    from promptgrid import doctor

    st.subheader("Health")
    if not st.button("Look at everything", key="doctor", help="The same as `promptgrid doctor`."):
        return
    with st.spinner("Looking …"):
        found = doctor.checks()
    for finding in found:
        fix = f"  \n{plain(finding.fix, limit=400)}" if finding.fix else ""
        st.caption(f"{DOCTOR_MARKS[finding.ok]} **{finding.area}** {plain(finding.message, limit=400)}{fix}")
