"""Cases that a model proposes on the page Cases: what is asked for, and the list to accept or refuse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from promptgrid.case_review import proposals
from promptgrid.case_review.proposals import Proposal, proposing_plan, shared_out
from promptgrid.case_review.review import CasesReview
from promptgrid.cases.duplicates import PROPOSED_BY
from promptgrid.cases.table import Case
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.errors import PromptgridError
from promptgrid.grid import Plan
from promptgrid.humanize import many
from promptgrid.prompt import Prompt
from promptgrid.runner import client, phrases
from promptgrid.store import Database
from promptgrid.store.across.prompt_runs import runs_of_prompt
from promptgrid.store.runs import RunInfo
from promptgrid.text import value_text
from promptgrid.ui import server
from promptgrid.ui.widgets.feedback import announce_error, calls_label, show_error
from promptgrid.ui.widgets.follow_run import announce_end, watch_run
from promptgrid.ui.widgets.judge_name import judge_name
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo, undo_note

PAGE = "cases"
_SHOWN = 20
_RUNS = 5  # the newest runs whose proposals are listed


def propose_fields(database: Database, about: CasesReview, path: Path) -> None:
    """Draws what a model is asked for, its price, and the button that starts the run. The `about` is of the table at
    `path`."""
    st.subheader("More cases, proposed by a model")
    st.caption("You accept each. An accepted case is used to write and to choose prompts, and never to prove.")
    if not st.toggle("Let a model propose cases", key="cases_propose"):
        return
    named = _prompts_for(path)
    if not named:
        st.caption("The library has no prompt that these cases could be for.")
        return
    fields = st.columns([2, 2, 1], vertical_alignment="bottom")
    name = fields[0].selectbox("Prompt", list(named), key=f"cases_prompt_{path.name}")
    model = fields[1].selectbox("Model", server.model_refs(DEFAULT_MODEL), key="cases_model")
    count = fields[2].number_input("Cases", 1, proposals.MOST, 10, key="cases_count")
    answers = st.multiselect(
        "Right answers to ask for",
        [kind.expected for kind in about.kinds if kind.expected is not None],
        key=f"cases_answers_{path.name}",
        placeholder="Any: the model says which is right, and you check it",
    )
    try:
        plan = proposing_plan(about.cases, named[name], shared_out(int(count), answers), model, path.name)
        preflight = client.preflight(database, plan)
    except PromptgridError as error:
        show_error(error)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        label = calls_label("Propose", preflight.total.calls)
        st.button(label, key="cases_start", type="primary", on_click=_start, args=(database, plan))
        st.caption(plain(phrases.dated_cost(preflight.total, preflight.every)), width="content")


def _start(database: Database, plan: Plan) -> None:
    try:
        client.start(database, plan)
    except PromptgridError as error:
        announce_error(error)


def _prompts_for(path: Path) -> dict[str, Prompt]:
    """Returns the library's prompts by name: those that name the table as their own, or all if none does."""
    every = server.prompts()
    own = {name: one for name, one in every.items() if one.cases and Path(one.cases).name == path.name}
    return own or every


def show_proposals(database: Database, path: Path, cases: Sequence[Case]) -> None:
    """Draws the open proposals for the table at `path`, each with Accept and Refuse. `cases` are those of the table."""
    undo_note(PAGE)
    runs = [run for run in _newest(database) if run.name == proposals.run_name(path.name)]
    for run in runs:
        announce_end(run)
        watch_run(database, run)
    listed = [one for run in runs for one in proposals.proposals(database, run.id, cases)]
    good, bad = [one for one in listed if not one.problem], [one for one in listed if one.problem]
    if good:
        st.markdown(f"**{many(len(good), 'proposed case')} to look at**")
    for one in good[:_SHOWN]:
        _proposal(database, path, one)
    if len(good) > _SHOWN:
        st.caption(f"{len(good) - _SHOWN:,} more follow.")
    if bad:
        with st.expander(f"{many(len(bad), 'proposal')} that cannot be accepted"):
            for one in bad[:_SHOWN]:
                st.caption(plain(f"{one.problem}: {_words(one)}", limit=300))


def _newest(database: Database) -> Sequence[RunInfo]:
    return runs_of_prompt(database, proposals.PROMPT, _RUNS)


def _proposal(database: Database, path: Path, one: Proposal) -> None:
    key = f"{one.run_id}_{one.position}"
    with st.container(border=True, gap="xsmall", key=f"cases_proposal_{key}"):
        st.markdown(plain(_words(one), limit=1_000))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Accept", key=f"cases_accept_{key}", on_click=_accept, args=(path, one))
            st.button("Refuse", key=f"cases_refuse_{key}", type="tertiary", on_click=_refuse, args=(database, one))
            st.caption(plain(f"by {one.model}", limit=120), width="content")


def _words(one: Proposal) -> str:
    texts = [f"{name}: {value_text(value)}" for name, value in one.case.inputs.items() if name != PROPOSED_BY]
    return " · ".join([*texts, *([] if one.case.expected is None else [f"expected: {one.case.expected}"])])


def _accept(path: Path, one: Proposal) -> None:
    try:
        added = proposals.accept(path, one)
    except PromptgridError as error:
        announce_error(error)
        return
    offer_undo(PAGE, f"Added a case to {path.name}.", lambda: proposals.take_back(added))


def _refuse(database: Database, one: Proposal) -> None:
    owner = judge_name(database)
    proposals.refuse(database, one, owner)
    offer_undo(PAGE, "Refused a case.", lambda: proposals.refuse(database, one, owner, undo=True))
