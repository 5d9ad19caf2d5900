"""What the Compare page shows of a run: kept in its widgets and mirrored in the address, so that a refresh or a link
brings it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from promptgrid.compare.filters import SHOWS, Filter, Show
from promptgrid.compare.matrix import Entry, Matrix, MatrixCase
from promptgrid.ui.component import STATIC

PAGE_ROWS = 40
MATRIX = "compare_matrix"
SAMPLE = "compare_sample"  # the sample that is read, where it is not the usual one

# Widget key -> its name in the address.
_NAMES = {
    "compare_show": "show",
    "compare_find": "find",
    "compare_cases": "cases",
    "compare_in": "in",
    "compare_columns": "columns",
    "compare_baseline": "baseline",
    "compare_page": "page",
}
_SHOW_WORDS: dict[Show, str] = {"all": "All", "differ": "Answers differ", "wrong": "Wrong", "failed": "Failed"}


@dataclass(frozen=True, slots=True)
class View:
    """The part of a run that is looked at: `matrix` has the shown columns, baseline first, `cases` match the filter,
    `page` (from 1) of `pages` is on the screen."""

    matrix: Matrix
    cases: Sequence[MatrixCase]
    page: int
    pages: int

    @property
    def on_page(self) -> Sequence[MatrixCase]:
        start = (self.page - 1) * PAGE_ROWS
        return self.cases[start : start + PAGE_ROWS]

    def positions(self) -> list[int]:
        """The cells of everything that matches, on whatever page."""
        entries = (entry for case in self.cases for entry in case.entries.values())
        return [sample.position for entry in entries for sample in entry.samples]


def start() -> None:
    """Sets the page's style, and fills the widgets from the address where they have no value yet: after a refresh, or
    when a link was followed."""
    st.html(f"<style>{(STATIC / 'compare.css').read_text('utf-8')}</style>")
    for key, name in _NAMES.items():
        if key not in st.session_state and name in st.query_params:
            st.session_state[key] = _read(key, st.query_params[name])
    _keep_valid("compare_show", SHOWS)
    st.session_state.setdefault("compare_show", "all")


def _read(key: str, text: str) -> object:
    if key == "compare_columns":
        return text.split(",")
    return _number(text) or 1 if key == "compare_page" else text


def _number(text: str) -> int:
    """0 where it is none."""
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def remember(run_id: str, selected: tuple[str, str] | None) -> None:
    """Puts what is on the screen into the address."""
    wanted = {"run": run_id}
    for key, name in _NAMES.items():
        value = st.session_state.get(key)
        text = ",".join(value) if isinstance(value, list) else str(value or "")
        if text and (key, text) not in (("compare_show", "all"), ("compare_page", "1")):
            wanted[name] = text
    if selected:
        wanted |= {"case": selected[0], "variant": selected[1]}
        if sample := st.session_state.get(SAMPLE):
            wanted["sample"] = str(sample)
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def forget() -> None:
    """Another run was chosen: nothing of the old view holds for it."""
    for key in (*_NAMES, MATRIX, SAMPLE):
        st.session_state.pop(key, None)
    st.query_params.clear()


def start_selection() -> tuple[str, str] | None:
    """The cell that the address names; the matrix's own selection goes before it."""
    case, variant = st.query_params.get("case"), st.query_params.get("variant")
    return (case, variant) if case and variant else None


def start_sample(entry: Entry) -> int:
    """The sample that the address names for this cell, from 1; 0 where it names none."""
    if start_selection() != (entry.case_id, entry.variant.id):
        return 0
    return _number(st.query_params.get("sample", ""))


def select(case_id: str, variant_id: str, page: int) -> None:
    """Moves the selection, to another page if it must be; a callback."""
    st.session_state[MATRIX] = {"selected": [case_id, variant_id]}
    st.session_state["compare_page"] = page


def unselect() -> None:
    """Closes the detail; a callback."""
    st.session_state[MATRIX] = {"selected": []}


def columns_popover(found: Matrix) -> Matrix:
    """Which variants are shown, and which of them the others are compared with; returns the part that is shown."""
    ids = [variant.id for variant in found.variants]
    names = {variant.id: found.label(variant) for variant in found.variants}
    chosen = st.session_state.get("compare_columns")
    st.session_state["compare_columns"] = [i for i in ids if i in (chosen or ())]
    label = f"Columns {len(chosen)} of {len(ids)}" if chosen and len(chosen) < len(ids) else "Columns"
    with st.popover(label):
        shown = st.multiselect(
            "Shown", ids, format_func=names.__getitem__, key="compare_columns", placeholder=f"All {len(ids)} variants"
        )
        candidates = ["", *(shown or ids)]
        _keep_valid("compare_baseline", candidates)
        baseline = st.selectbox(
            "Baseline",
            candidates,
            format_func=lambda i: names.get(i, "the first shown"),
            key="compare_baseline",
            help="It comes first; answers that are not the baseline's are marked with ≠.",
        )
    return found.only(shown, first=baseline or "")


def filter_popover(found: Matrix) -> Filter:
    """The whole filter; the popover asks for its rarer parts."""
    ids = ["", *(variant.id for variant in found.variants)]
    names = {"": "any shown", **{variant.id: found.label(variant) for variant in found.variants}}
    _keep_valid("compare_in", ids)
    active = sum(bool(st.session_state.get(key)) for key in ("compare_in", "compare_cases"))
    with st.popover(f"Filter · {active}" if active else "Filter"):
        variant = st.selectbox(
            "Variant",
            ids,
            format_func=names.__getitem__,
            key="compare_in",
            help="With one chosen, wrong and failed mean in this variant; differing means other than the baseline.",
        )
        cases = st.text_input("Cases", key="compare_cases", placeholder="all; or ids: 3, 7, 12")
    return Filter(
        show=st.session_state["compare_show"],
        text=st.session_state.get("compare_find") or "",
        case_ids=tuple(part.strip() for part in cases.split(",") if part.strip()),
        variant=variant or "",
    )


def chips(counts: dict[Show, int]) -> None:
    """All · Answers differ · Wrong · Failed, with how many cases each would show, and the text to look for."""
    with st.container(horizontal=True, vertical_alignment="center", key="compare_bar"):
        st.segmented_control(
            "Cases",
            SHOWS,
            format_func=lambda show: f"{_SHOW_WORDS[show]} {counts[show]:,}",
            key="compare_show",
            required=True,
            label_visibility="collapsed",
        )
        st.text_input(
            "Find",
            key="compare_find",
            live=True,
            label_visibility="collapsed",
            placeholder="Find in cases and answers  ( / )",
            width=280,
        )


def view_of(matrix: Matrix, chosen: Filter) -> View:
    """The filtered cases, at the page that the widget or the address names."""
    cases = chosen.apply(matrix)
    count = max(1, -(-len(cases) // PAGE_ROWS))
    page = min(max(1, st.session_state.get("compare_page") or 1), count)
    st.session_state["compare_page"] = page
    return View(matrix, cases, page, count)


def pages(view: View) -> None:
    """Turns the pages, where there is more than one."""
    if view.pages > 1:
        st.pagination(view.pages, key="compare_page")


def _keep_valid(key: str, options: Sequence[str]) -> None:
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]
