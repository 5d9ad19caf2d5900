"""The first row of the Compose page: which prompt, how it stands, and what can be done with it."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid.errors import PromptgridError
from promptgrid.humanize import ago, moment
from promptgrid.store import plans
from promptgrid.ui import links
from promptgrid.ui.compose import state
from promptgrid.ui.server import database, library
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain


def choose(name: str) -> None:
    """The selector; choosing another prompt changes the address."""
    options = state.names()
    st.session_state.compose_choice = name if name in options else None
    st.selectbox(
        "Prompt",
        options,
        key="compose_choice",
        on_change=lambda: st.query_params.update(prompt=st.session_state.compose_choice or name),
        placeholder="Choose a prompt",
        label_visibility="collapsed",
    )


def header(name: str) -> DeltaGenerator:
    """Draws the row and returns the place where `status` writes."""
    with st.container(horizontal=True, vertical_alignment="center", key="compose_header"):
        with st.container(width=300):
            choose(name)
        with st.container(width="stretch", key="compose_status"):
            place = st.empty()
        with st.popover("New", key="compose_new"):
            _named("Name of the new prompt", "compose_new_name", "Create", state.create)
        _more()
        st.button("Save", key="compose_save", on_click=state.save)
        _run(name)
    return place


def only_choice(name: str) -> None:
    """The row where the prompt cannot be opened."""
    with st.container(horizontal=True, key="compose_header"):
        with st.container(width=300):
            choose(name)
        with st.popover("New", key="compose_new"):
            _named("Name of the new prompt", "compose_new_name", "Create", state.create)


def status(place: DeltaGenerator, changed: bool) -> None:
    """Says whether the file has what is on the screen."""
    now, prompt = state.opened(), state.saved_prompt()
    version = f" · {prompt.version[:6]}" if prompt else ""
    if now.etag is None:
        place.caption("not saved yet")
    elif changed:
        place.caption(f":orange[●] unsaved changes{version}")
    else:
        entry = next((entry for entry in library().entries() if entry.name == now.name), None)
        place.caption(f"saved {ago(entry.modified)}{version}" if entry else "deleted")


def notices() -> None:
    """What a callback could not do, what was taken out, and what somebody else has saved meanwhile."""
    error = st.session_state.pop("compose_error", None)
    if isinstance(error, PromptgridError) and not state.stale():
        show_error(error)
    if state.stale():
        _told_of_theirs()


def _told_of_theirs() -> None:
    name = plain(state.opened().name)
    gone = library().etag(state.opened().name) is None
    what = "was deleted" if gone else "was saved by somebody else, in another tab or an editor,"
    with st.container(border=True, key="compose_stale"):
        st.markdown(f":orange[●] **{name}** {what} since you began. Your changes are kept as a draft.")
        with st.container(horizontal=True):
            label = "Drop my changes" if gone else "Load theirs"
            st.button(label, key="compose_theirs", on_click=state.revert)
            with st.popover("Save mine as another prompt"):
                _named("Name", "compose_mine_name", "Save", state.save)


def _more() -> None:
    with st.popover("More", key="compose_more"):
        _named("Save as another prompt", "compose_as_name", "Save as", state.save)
        now = state.opened()
        label = "Discard this prompt" if now.etag is None else "Discard the changes"
        st.button(label, key="compose_revert", on_click=state.revert, disabled=now.kept is None, width="stretch")
        _versions(now.name)


def _versions(name: str) -> None:
    kept = plans.versions(database(), name)
    if not kept:
        return
    when = dict(kept)
    st.selectbox(
        "Versions kept",
        list(when),
        key="compose_version",
        format_func=lambda version: f"{version[:6]} · {moment(when[version])}",
        help="Kept when a prompt is saved or run. Loading one changes nothing until you save.",
    )
    st.button(
        "Load this version",
        key="compose_load",
        on_click=lambda: state.load_version(st.session_state.compose_version),
        width="stretch",
    )


def _run(name: str) -> None:
    pressed = st.button("Run…", key="compose_run")
    now = state.opened()
    if now.kept is None and (pressed or st.session_state.pop("compose_saved_to_run", False)):
        st.switch_page(links.RUN, query_params={"prompts": name})
    if pressed:
        _ask_what_to_run(name)


@st.dialog("A run takes the saved prompt")
def _ask_what_to_run(name: str) -> None:
    st.markdown(f"**{plain(name)}** has changes that are not saved.")
    if st.button("Save and run", key="compose_save_run", on_click=_save_to_run, type="primary"):
        st.rerun()
    if state.opened().etag is not None and st.button("Run what is saved", key="compose_run_saved"):
        st.switch_page(links.RUN, query_params={"prompts": name})


def _save_to_run() -> None:
    state.save()
    st.session_state.compose_saved_to_run = state.opened().kept is None


def _named(label: str, key: str, action: str, act: object) -> None:
    """A name and a button that does something with it."""
    with st.form(f"{key}_form", border=False, enter_to_submit=True):
        st.text_input(label, key=key)
        st.form_submit_button(action, on_click=_with_name, args=(act, key), width="stretch")


def _with_name(act: object, key: str) -> None:
    name = str(st.session_state.get(key) or "").strip()
    if callable(act) and name:
        act(name)
        st.session_state[key] = ""
