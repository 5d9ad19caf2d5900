"""The Compare page's controls: what stands on rows and columns, in which order, and which of it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from promptgrid.compare import METRICS, SHOWS, VARIANT, Facts, ShowFilter
from promptgrid.ui.compare.view_state import FIND, Pages, Shown, Side, sides_of

SIDE_WORDS: Mapping[Side, str] = {
    "case": "Cases",
    "prompt": "Prompts",
    "technique": "Techniques",
    "model": "Models",
    "temperature": "Temperatures",
}
METRIC_WORDS: Mapping[str, str] = {
    "case": "The cases' own order",
    "score": "Score",
    "agreement": "Samples that agree",
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
    "changed": "Not as the baseline",
    "too_long": "Over the limit",
}
_ORDERS = {"up": "Lowest first", "down": "Highest first"}


def layout_popover(found: Facts, shown: Shown) -> None:
    """What stands on rows, what across, which columns are shown and which the others are compared with."""
    names = {head.id: head.label for head in shown.columns}
    visible = len(shown.view.shown) or len(names)
    sides = sides_of(found)
    with st.popover("Columns" if visible == len(names) else f"Columns {visible} of {len(names)}"):
        st.selectbox("Rows", sides, format_func=SIDE_WORDS.__getitem__, key="compare_rows")
        across = [side for side in sides if side != shown.side]
        if len(across) > 1:
            st.multiselect(
                "Columns by",
                across,
                format_func=SIDE_WORDS.__getitem__,
                key="compare_across",
                placeholder="whatever differs",
                help="What is neither on rows nor here is pooled: its figures are means.",
            )
        if len(names) > 1:
            st.multiselect(
                "Shown",
                list(names),
                format_func=names.__getitem__,
                key="compare_columns",
                placeholder=f"All {len(names)} columns",
            )
            st.selectbox(
                "Baseline",
                ["", *(shown.view.shown or names)],
                format_func=lambda i: names.get(i, "the first shown"),
                key="compare_baseline",
                help="It comes first. What is not as there is marked: answers with ≠, figures in words.",
            )


def sort_popover(shown: Shown) -> None:
    """The order of the rows; a press on a column's head sets it too."""
    sort, names = shown.view.sort, {head.id: head.label for head in shown.columns}
    label = "Sort" if sort.by == "case" else f"Sort · {METRIC_WORDS[sort.by].lower()} {'↓' if sort.descending else '↑'}"
    with st.popover(label):
        st.selectbox("Rows by", ["case", *METRICS], format_func=METRIC_WORDS.__getitem__, key="compare_sort")
        st.selectbox(
            "Of",
            ["", *names],
            format_func=lambda i: names.get(i, "all shown columns"),
            key="compare_sort_column",
            disabled=sort.by == "case",
        )
        st.toggle("Its difference from the baseline", key="compare_delta", disabled=sort.by == "case")
        st.segmented_control(
            "Order",
            list(_ORDERS),
            format_func=_ORDERS.__getitem__,
            key="compare_order",
            required=True,
            disabled=sort.by == "case",
        )


def filter_popover(found: Facts, shown: Shown) -> None:
    """The rarer filters; what most look for is in the chips."""
    names = {"": "any shown", **{head.id: head.label for head in shown.columns}}
    chosen = shown.view.filter
    active = sum([bool(chosen.column), bool(chosen.case_ids), chosen.below is not None, len(shown.view.only)])
    with st.popover(f"Filter · {active}" if active else "Filter"):
        if len(names) > 2:
            st.selectbox(
                "Column",
                list(names),
                format_func=names.__getitem__,
                key="compare_in",
                help="With one chosen, wrong and failed mean in this column, differing means other than the baseline.",
            )
        st.number_input("Score below, %", 0, 100, value=None, step=10, key="compare_below", placeholder="any")
        st.text_input("Cases", key="compare_cases", placeholder="all; or ids: 3, 7, 12")
        for axis in VARIANT:
            if len(found.axes[axis]) > 1:
                st.multiselect(f"Only {axis}", found.axes[axis], key=f"compare_only_{axis}", placeholder="all")


def chips(shown: Shown, counts: Mapping[ShowFilter, int]) -> None:
    """All · Answers differ · Wrong · Failed, with how many rows each would show, and the text to look for."""
    rare = {"changed": len(shown.view.shown or shown.columns) > 2, "too_long": counts["too_long"] > 0}
    offered = [show for show in SHOWS if rare.get(show, True) or show == shown.view.filter.show]
    with st.container(horizontal=True, vertical_alignment="center", key="compare_bar"):
        st.segmented_control(
            "Cases",
            offered,
            format_func=lambda show: f"{_SHOW_WORDS[show]} {counts[show]:,}",
            key="compare_show",
            required=True,
            label_visibility="collapsed",
        )
        st.text_input(
            "Find",
            key=FIND,
            live=True,
            label_visibility="collapsed",
            placeholder="Find in cases and answers  ( / )",
            width=280,
        )


def turn_pages(pages: Pages) -> None:
    """Turns the pages, where there is more than one."""
    if pages.count > 1:
        st.pagination(pages.count, key="compare_page")
