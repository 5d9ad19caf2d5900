"""The judge of faithfulness: its fields, what it costs, and its progress."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from promptgrid.budget import BudgetReached, parse_budget
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.errors import PromptgridError
from promptgrid.grid.preflight import ModelPreflight
from promptgrid.humanize import duration
from promptgrid.judging.faithfulness import FEWEST, KIND, MOST, USUAL, faithfulness_preflight, judge_faithfulness
from promptgrid.runner import phrases
from promptgrid.store import Database
from promptgrid.ui import server
from promptgrid.ui.compare.rescoring import progress, rescorings
from promptgrid.ui.widgets.callbacks import leaving_error
from promptgrid.ui.widgets.feedback import calls_label, show_error, show_left_error
from promptgrid.ui.widgets.fields import number_field
from promptgrid.ui.widgets.plain import plain

_OFFER, _ERROR, _BUDGET = "faithfulness_offer", "faithfulness_error", "faithfulness_budget"


@dataclass(frozen=True, slots=True)
class _Offer:
    """What judging the replies of a run would cost."""

    run_id: str
    model: str
    repeats: int
    preflight: ModelPreflight


def judge_replies(database: Database, run_id: str) -> None:
    """Draws the fields by which a model judges the faithfulness of the run's replies, or the progress while it does."""
    task = rescorings().by_run.get(_name(run_id))
    if task is not None and not task.future.done():
        progress(lambda: None if task.future.done() else task)
        return
    if task is not None and not task.drawn:
        task.drawn = True
        try:
            task.future.result()
        except BudgetReached as reached:
            st.error(plain(f"{reached} The verdicts so far are below."))
        except PromptgridError as error:
            show_error(error)
    show_left_error(_ERROR)
    with st.popover("Judge faithfulness", key="faithfulness"):
        _fields(database, run_id)


def _fields(database: Database, run_id: str) -> None:
    st.caption(
        "A model reads each reply with its passages, several times, and says whether they support all that it states."
        " Its repeats show how far it agrees with itself, your ratings how far it agrees with people."
    )
    model = st.selectbox("Judge", server.model_refs(DEFAULT_MODEL), key="faithfulness_model", accept_new_options=True)
    repeats = number_field("Repeats", FEWEST, MOST, key="faithfulness_repeats", value=USUAL, step=1)
    wanted = (run_id, str(model or ""), int(repeats or USUAL))
    st.button(
        "Count the calls", key="faithfulness_count", disabled=not model, on_click=_count, args=(database, *wanted)
    )
    offer: _Offer | None = st.session_state.get(_OFFER)
    if offer is None or (offer.run_id, offer.model, offer.repeats) != wanted:
        return
    one = offer.preflight
    mark = "" if one.exact else "≈ "
    parts = [f"{mark}{one.prompt_tokens:,} prompt tokens", phrases.dated_cost(one, [one]), duration(one.seconds)]
    parts += [f"{one.answered:,} judged already"] if one.answered else []
    st.caption(plain(" · ".join(filter(None, parts))))
    st.text_input("Budget", key=_BUDGET, placeholder="none; 2.50usd, 500calls")
    label = calls_label("Judge", one.calls)
    st.button(label, key="faithfulness_go", type="primary", on_click=_start, args=(database, offer))


@leaving_error(_ERROR)
def _count(database: Database, run_id: str, model: str, repeats: int) -> None:
    preflight = faithfulness_preflight(database, run_id, model, repeats)
    st.session_state[_OFFER] = _Offer(run_id, model, repeats, preflight)


@leaving_error(_ERROR)
def _start(database: Database, offer: _Offer) -> None:
    budget = str(st.session_state.get(_BUDGET) or "")
    parse_budget(budget)
    del st.session_state[_OFFER]
    rescorings().start_work(
        _name(offer.run_id),
        lambda task: judge_faithfulness(
            database, offer.run_id, offer.model, offer.repeats, budget=budget, on_progress=task.tell
        ),
    )


def _name(run_id: str) -> str:
    return f"{KIND}:{run_id}"
