"""The home page's parts: the example to begin with, what to do next, and what there is."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from promptgrid import api, builtin
from promptgrid.connections import BUILTIN, DEFAULT_MODEL
from promptgrid.errors import PromptgridError
from promptgrid.grid import Plan
from promptgrid.prompt import EMPTY
from promptgrid.runner import client
from promptgrid.store import runs
from promptgrid.ui import links, server
from promptgrid.ui.widgets.endpoints import endpoint_line, weights_notice
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain

EXAMPLE = "sentiment"
EXAMPLE_CASES = 6
PROMPTS_SHOWN = 10


def example() -> None:
    """For the first visit: one small run that shows what all this is for, and the button that starts it."""
    with st.container(border=True, key="home_example", gap="small"):
        st.markdown("**See it work: one prompt, two techniques, two temperatures, six reviews**")
        st.caption(
            "Each review is labelled positive, negative or mixed, without examples and with three of them, at "
            f"temperature 0 and 0.7: 24 calls to {_example_model()}, then the answers side by side."
        )
        ready = not _example_model().startswith(f"{BUILTIN}/") or weights_notice()
        if st.button("Run the example", type="primary", key="home_example_run", disabled=not ready):
            _run_example()


def _example_model() -> str:
    others = [ref for ref in server.model_refs() if ref != DEFAULT_MODEL]
    return DEFAULT_MODEL if builtin.status().supported or not others else others[0]


def example_plan() -> Plan:
    """Raises PromptgridError where the library has no such prompt any more."""
    prompt = api.load(EXAMPLE)
    rows = api.plan(prompt).cases[:EXAMPLE_CASES]
    return api.plan(
        prompt,
        rows,
        models=_example_model(),
        techniques=["zero-shot", "few-shot"],
        temperatures=[0, 0.7],
        max_tokens=8,
        name=f"Example: {EXAMPLE}",
    )


def _run_example() -> None:
    try:
        with st.spinner("Starting …"):
            run_id = client.start(server.database(), example_plan())
    except PromptgridError as error:
        show_error(error)
        return
    st.switch_page(links.RUN, query_params={"run": run_id})


def has_example() -> bool:
    """The library still holds the prompt of the example."""
    return any(entry.name == EXAMPLE and entry.prompt for entry in server.library().entries())


def next_steps(last_run: str | None) -> None:
    """The three things that people come for."""
    compare = {"run": last_run} if last_run else {}
    columns = st.columns(3, gap="medium")
    with columns[0]:
        _step(links.COMPOSE, "Try a prompt", "edit_note", "See exactly what is sent, and what comes back.")
    with columns[1]:
        _step(links.RUN, "Run a grid", "play_arrow", "Prompts × techniques × models × temperatures × cases.")
    with columns[2]:
        _step(links.COMPARE, "Compare", "table_chart", "The answers of a run, side by side.", compare)


def _step(page: str, label: str, icon: str, text: str, query: Mapping[str, str] = EMPTY) -> None:
    with st.container(border=True, gap="xxsmall", key=f"home_step_{icon}"):
        st.page_link(page, label=f"**{label}**", icon=f":material/{icon}:", query_params=dict(query))
        st.caption(text)


def prompts() -> None:
    """A few prompts with what they are for."""
    found = server.library().entries()
    for entry in [e for e in found if e.prompt][:PROMPTS_SHOWN]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"home_prompt_{entry.name}"):
            st.page_link(links.COMPOSE, label=plain(entry.name), query_params={"prompt": entry.name})
            st.caption(plain(entry.prompt.description if entry.prompt else "", limit=70), width="stretch")
    broken = sum(entry.prompt is None for entry in found)
    rest = f"All {len(found)} prompts" + (f", {broken} of them broken" if broken else "")
    st.page_link(links.LIBRARY, label=rest)


def endpoints() -> None:
    """Each endpoint's state in a line."""
    known = server.endpoints()
    if known.error is not None:
        show_error(known.error)
    for found in known.states.values():
        st.caption(endpoint_line(found))
    st.page_link(links.SETTINGS, label="Settings")


def last_run() -> str | None:
    """The id of the newest run."""
    newest = runs.list_runs(server.database(), limit=1)
    return newest[0].id if newest else None
