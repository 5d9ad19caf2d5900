"""The controls of the Compare page: rows and columns, their order, and filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from promptgrid.compare import METRICS, SHOWS, VARIANT, Facts, ShowFilter
from promptgrid.prompt.parameters import AXIS_SPECS
from promptgrid.ui.compare.matrix import Pages
from promptgrid.ui.compare.view_state import CHECK, FIND, MEAN, PART, Side, ViewState, sides_of
from promptgrid.ui.widgets.fields import buttons, number_field

SIDE_WORDS: Mapping[Side, str] = {
    "case": "Cases",
    "prompt": "Prompts",
    "technique": "Techniques",
    "model": "Models",
    **{spec.column: spec.axis.capitalize() for spec in AXIS_SPECS},
}
METRIC_WORDS: Mapping[str, str] = {
    "case": "Case order",
    "score": "Score",
    "agreement": "Agreement",
    "answers": "Distinct answers",
    "tokens": "Tokens",
    "cost": "Cost",
    "latency": "Latency",
    "length": "Length",
}
_SHOW_WORDS: Mapping[ShowFilter, str] = {
    "all": "All",
    "differ": "Answers differ",
    "wrong": "Wrong",
    "failed": "Failed",
    "changed": "Differ from the baseline",
    "too_long": "Over the limit",
}
_ORDERS = {"up": "Lowest first", "down": "Highest first"}


def layout_popover(facts: Facts, state: ViewState) -> None:
    """Draws the controls for what the rows and the columns show, which columns are visible, and which one is the
    baseline."""
    names = {head.id: head.label for head in state.columns}
    visible = len(state.view.column_ids) or len(names)
    sides = sides_of(facts)
    with st.popover("Columns" if visible == len(names) else f"Columns {visible} of {len(names)}"):
        st.selectbox("Rows", sides, format_func=SIDE_WORDS.__getitem__, key="compare_rows")
        across = [side for side in sides if side != state.side]
        if len(across) > 1:
            st.multiselect(
                "Columns by",
                across,
                format_func=SIDE_WORDS.__getitem__,
                key="compare_across",
                placeholder="every axis that varies",
                help="Axes that are neither rows nor columns are pooled: the figures are means.",
            )
        if len(names) > 1:
            st.multiselect(
                "Visible columns",
                list(names),
                format_func=names.__getitem__,
                key="compare_columns",
                placeholder=f"All {len(names)} columns",
                help="In the order in which you choose them. A column is also dragged by its head.",
            )
            st.selectbox(
                "Baseline",
                ["", *(state.view.column_ids or names)],
                format_func=lambda i: names.get(i, "first column"),
                key="compare_baseline",
                help="The first column. Other answers are marked with ≠, notable differences in figures with a word.",
            )


def sort_popover(state: ViewState) -> None:
    """Draws the controls for the order of the rows. A press on the head of a column also sets this order."""
    sort, names = state.view.sort, {head.id: head.label for head in state.columns}
    label = "Sort" if sort.by == "case" else f"Sort · {METRIC_WORDS[sort.by].lower()} {'↓' if sort.descending else '↑'}"
    with st.popover(label):
        st.selectbox("Rows by", ["case", *METRICS], format_func=METRIC_WORDS.__getitem__, key="compare_sort")
        st.selectbox(
            "Of",
            ["", *names],
            format_func=lambda i: names.get(i, "all visible columns"),
            key="compare_sort_column",
            disabled=sort.by == "case",
        )
        st.toggle("By the difference from the baseline", key="compare_delta", disabled=sort.by == "case")
        buttons("Order", _ORDERS, "compare_order", disabled=sort.by == "case")


def filter_popover(facts: Facts, state: ViewState, parts: Sequence[str]) -> None:
    """Draws the filters that are seldom used; `chips` draws the others. `parts` are the parts of the run's cases
    (learn, choose, prove)."""
    names = {"": "any visible column", **{head.id: head.label for head in state.columns}}
    current = state.view.filter
    active = sum([bool(current.column), bool(current.case_ids), current.below is not None, len(state.view.only)])
    active += bool(st.session_state.get(PART))
    with st.popover(f"Filter · {active}" if active else "Filter"):
        if len(names) > 2:
            st.selectbox(
                "Column",
                list(names),
                format_func=names.__getitem__,
                key="compare_in",
                help="With a column, Wrong and Failed refer to it, and Answers differ compares it with the baseline.",
            )
        number_field("Score below, %", 0, 100, key="compare_below", value=None, step=10, placeholder="any")
        if len(parts) > 1:
            st.selectbox(
                "Part",
                ["", *parts],
                format_func=lambda part: part.capitalize() or "All cases",
                key=PART,
                help="The summary is over this part too. Keep Prove for the verdict.",
            )
        st.text_input("Cases", key="compare_cases", placeholder="all; or ids: 3, 7, 12")
        for axis in VARIANT:
            if len(facts.axes[axis]) > 1:
                st.multiselect(f"Only {axis}", facts.axes[axis], key=f"compare_only_{axis}", placeholder="all")


def chips(state: ViewState, counts: Mapping[ShowFilter, int], checks: Sequence[str]) -> None:
    """Draws the search field and the chips All · Answers differ · Wrong · Failed, each with its number of rows from
    `counts`. With several `checks`, also draws the selector of the one that scores the cells.

    Two more chips, for differences from the baseline and for too long prompts, appear only where they apply.
    """
    conditional = {"changed": len(state.view.column_ids or state.columns) > 2, "too_long": counts["too_long"] > 0}
    options = [show for show in SHOWS if conditional.get(show, True) or show == state.view.filter.show]
    with st.container(horizontal=True, vertical_alignment="center", key="compare_bar"):
        names = {show: f"{_SHOW_WORDS[show]} {counts[show]:,}" for show in options}
        buttons("Cases", names, "compare_show", wrap=True, label_visibility="collapsed")
        st.text_input(
            "Find",
            key=FIND,
            live=True,
            label_visibility="collapsed",
            placeholder="Find in cases and answers  ( / )",
            width=280,
        )
        if len(checks) > 1:
            st.selectbox(
                "Scored by",
                [*checks, MEAN],
                format_func=lambda check: "Score: mean of all checks" if check == MEAN else f"Score: {check}",
                key=CHECK,
                label_visibility="collapsed",
                width=230,
                help="Colours the cells; Wrong, the scores and the summary follow it.",
            )


def pagination(pages: Pages) -> None:
    """Draws the page selector, if there is more than one page."""
    if pages.count > 1:
        st.pagination(pages.count, key="compare_page")
