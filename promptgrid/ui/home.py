"""The home page, with an example to start with, the next steps, the prompts and the endpoints."""

from __future__ import annotations

import streamlit as st

from promptgrid import api, builtin
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.errors import PromptgridError
from promptgrid.grid import Plan
from promptgrid.runner import client
from promptgrid.store import runs
from promptgrid.ui import links, server
from promptgrid.ui.widgets.endpoints import endpoint_line, weights_notice
from promptgrid.ui.widgets.feedback import calls_label, show_error
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.run_list import recent_runs

EXAMPLE = "sentiment"
EXAMPLE_CASES = 6
EXAMPLE_CALLS = 24  # 6 cases, 2 techniques, 2 temperatures
PROMPTS_SHOWN = 10


def draw() -> None:
    """Draws the page below its name."""
    run_id = newest_run_id()
    if run_id is None and has_example():
        example()
    else:
        weights_notice()
    next_steps(run_id)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Recent runs")
        recent_runs(count=6, manage=False)
        st.subheader("Endpoints")
        endpoints()
    with right:
        st.subheader("Prompts")
        prompts()


def example() -> None:
    """Offers a small run for the first visit: says what the run shows, and draws the button that starts it."""
    with st.container(border=True, key="home_example", gap="small"):
        st.markdown("**See it work: one prompt, two techniques, two temperatures, six reviews**")
        st.caption(
            "The model labels each review positive, negative or mixed, without examples and with three, at "
            f"temperatures 0 and 0.7, by {_example_model()}. Then you compare the answers side by side."
        )
        ready = server.answers_now(_example_model()) or weights_notice()
        label = calls_label("Run the example", EXAMPLE_CALLS)
        if st.button(label, type="primary", key="home_example_run", disabled=not ready):
            _run_example()


def _example_model() -> str:
    others = [ref for ref in server.model_refs() if ref != DEFAULT_MODEL]
    return DEFAULT_MODEL if builtin.status().supported or not others else others[0]


def example_plan() -> Plan:
    """Returns the plan of the example. Raises PromptgridError if the library no longer has its prompt."""
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
    """Returns whether the library still has the prompt of the example."""
    return EXAMPLE in server.prompts()


def next_steps(run_id: str | None) -> None:
    """Draws links to the pages Compose, Run and Compare. With a `run_id`, the link to Compare opens that run."""
    query = {"run": run_id} if run_id else {}
    steps: list[tuple[str, str, str, str, dict[str, str]]] = [
        (links.COMPOSE, "Try a prompt", "edit_note", "See exactly what is sent and what comes back.", {}),
        (links.RUN, "Run a grid", "play_arrow", "Prompts × techniques × models × temperatures × cases.", {}),
        (links.COMPARE, "Compare", "table_chart", "The answers of a run, side by side.", query),
    ]
    for column, (file, label, icon, text, parameters) in zip(st.columns(3, gap="medium"), steps, strict=True):
        with column, st.container(border=True, gap="xxsmall", key=f"home_step_{icon}", height="stretch"):
            st.page_link(file, label=f"**{label}**", icon=f":material/{icon}:", query_params=parameters)
            st.caption(text)


def prompts() -> None:
    readable, total = server.prompts(), len(server.library().entries())
    for name, prompt in list(readable.items())[:PROMPTS_SHOWN]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"home_prompt_{name}"):
            st.page_link(links.COMPOSE, label=plain(name), query_params={"prompt": name})
            st.caption(plain(prompt.description, limit=70), width="stretch")
    broken = total - len(readable)
    st.page_link(links.LIBRARY, label=f"All {total} prompts" + (f", {broken} of them broken" if broken else ""))


def endpoints() -> None:
    if (error := server.endpoints().error) is not None:
        show_error(error)
    for state in server.endpoints().states.values():
        st.caption(endpoint_line(state))
    st.page_link(links.SETTINGS, label="Settings")


def newest_run_id() -> str | None:
    newest = runs.list_runs(server.database(), limit=1)
    return newest[0].id if newest else None
