"""What is improved, on which cases, by which models and for how much."""

from __future__ import annotations

import streamlit as st

from promptgrid.connections import DEFAULT_MODEL
from promptgrid.improve.preflight import FEWEST_CASES, MOST, ImproveSettings
from promptgrid.store import Database
from promptgrid.ui import links, server
from promptgrid.ui.improve.drafting import draft_field
from promptgrid.ui.widgets.feedback import empty_state
from promptgrid.ui.widgets.fields import keep_selection
from promptgrid.ui.widgets.tables import read_table

_PROMPT, _TABLE, _MODEL, _WRITER = "improve_prompt", "improve_table", "improve_model", "improve_writer"
_BUDGET, _CANDIDATES = "improve_budget", "improve_candidates"


def settings_fields(database: Database) -> ImproveSettings:
    """Draws the fields, which the address keeps, and returns what they say. Stops the page if the library has no prompt
    or no table. Raises CasesError for a table that cannot be read."""
    prompts, tables = server.prompts(), {path.name: path for path in server.library().cases()}
    if not prompts or not tables:
        detail = f"It takes a prompt and a table of at least {FEWEST_CASES} cases with a column called expected."
        if empty_state("Nothing to improve yet", "Open Library", "improve_to_library", detail=detail):
            st.switch_page(links.LIBRARY)
        st.stop()
    first, second = st.columns(2)
    name = _choice(first, "Prompt", _PROMPT, list(prompts))
    prompt = prompts[name]
    own = [table for table in tables if prompt.cases.endswith(table)]
    table = _choice(second, "Cases", _TABLE, list(tables), *own)
    refs = server.model_refs(DEFAULT_MODEL)
    model = _choice(first, "Model that is prompted", _MODEL, refs)
    writer = _choice(second, "Model that rewrites", _WRITER, refs)
    for key, value in ((_BUDGET, st.query_params.get("budget", "1500calls")), (_CANDIDATES, MOST)):
        st.session_state.setdefault(key, value)
    help_text = "A wall over both models: 1500calls, 100000tok or 2.50usd."
    budget = first.text_input("Budget", key=_BUDGET, help=help_text)
    candidates = int(second.number_input("Most candidates", 3, 200, key=_CANDIDATES))
    cases = read_table(tables[table]).cases
    draft_field(database, tables[table], writer)
    links.set_query({"prompt": name, "cases": table, "model": model, "writer": writer, "budget": budget})
    return ImproveSettings(prompt, cases, model, writer, budget, most=candidates)


def _choice(column: st.delta_generator.DeltaGenerator, label: str, key: str, options: list[str], *first: str) -> str:
    """Draws a selector, whose first choice is that of the address, else `first`, else the first of all."""
    names = {_PROMPT: "prompt", _TABLE: "cases", _MODEL: "model", _WRITER: "writer"}
    asked = st.query_params.get(names[key], "")
    default = next((one for one in (asked, *first) if one in options), options[0])
    keep_selection(key, options, default)
    return str(column.selectbox(label, options, key=key))
