"""The view of the Compare page: in its widgets, and in the address, so that a refresh or a link restores it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from promptgrid.compare import METRICS, SHOWS, VARIANT, Axis, ComparisonRows, Facts, Filter, Head, Sort, View
from promptgrid.compare.axes import PARAMETER_AXES, AxisValue, value_text
from promptgrid.compare.layouts import layout
from promptgrid.ui.widgets.address import parse_number, set_query
from promptgrid.ui.widgets.component import STATIC

MOST_ROWS, LEAST_ROWS = 40, 10  # of a page
_CELLS = 400  # of a page: a browser draws them without a pause
MATRIX = "compare_matrix"
SAMPLE = "compare_sample"  # the number of the sample in the detail, unless it is the default one
WITH = "compare_with"  # what the reply in the detail is compared with
FIND = "compare_find"
PART = "compare_cases_part"  # the part of the cases that is shown; "": all
AGAINST = "compare_against"  # the other run, when two runs are compared

# The axes as the page shows them: another version of a prompt is another prompt.
Side = str
SIDES: dict[Side, tuple[Axis, ...]] = {
    "case": ("case",),
    "prompt": ("prompt", "version"),
    "technique": ("technique",),
    "model": ("model",),
    **{axis: (axis,) for axis in PARAMETER_AXES},
}

# Widget key -> its name in the address, by the type of its value.
_TEXTS = {
    "compare_rows": "rows",
    "compare_baseline": "baseline",
    "compare_show": "show",
    FIND: "find",
    "compare_cases": "cases",
    PART: "part",
    "compare_in": "in",
    "compare_sort": "sort",
    "compare_sort_column": "by",
    "compare_order": "order",
}
_LISTS = {"compare_across": "across", "compare_columns": "columns", **{f"compare_only_{a}": a for a in VARIANT}}
_NUMBERS = {"compare_page": "page", "compare_below": "below"}
_FLAGS = {"compare_delta": "delta"}
_NAMES = {**_TEXTS, **_LISTS, **_NUMBERS, **_FLAGS}

# The widgets of a closed popover are not on the page. When it opens, they take the values that the last run of the page
# has set in the session state, or their defaults: so every run sets them.
_IN_POPOVERS = _NAMES.keys() - {FIND, "compare_show", "compare_page"}

_OF_CELL = {SAMPLE: "sample", WITH: "with"}

# The values that the address leaves out.
_DEFAULTS = {"compare_rows": "case", "compare_show": "all", "compare_sort": "case", "compare_order": "up"}


def start() -> None:
    """Adds the style of the page, and fills widgets without a value from the address, after a refresh or a link."""
    st.html(f"<style>{(STATIC / 'compare.css').read_text('utf-8')}</style>")
    for key, name in _NAMES.items():
        if key not in st.session_state and name in st.query_params:
            st.session_state[key] = _read(key, st.query_params.get_all(name))
    if WITH not in st.session_state and "with" in st.query_params:
        st.session_state[WITH] = st.query_params["with"]
    for key, default in _DEFAULTS.items():
        st.session_state.setdefault(key, default)
    for key in _IN_POPOVERS & st.session_state.keys():
        st.session_state[key] = st.session_state[key]


def _read(key: str, texts: Sequence[str]) -> object:
    if key in _LISTS:
        return list(texts)
    if key in _FLAGS:
        return True
    if key in _NUMBERS:
        return parse_number(texts[-1]) or (1 if key == "compare_page" else None)
    return texts[-1]


def write_address(run_id: str, selected: tuple[str, str] | None) -> None:
    query: dict[str, str | list[str]] = {"run": run_id}
    for key, name in _NAMES.items():
        value = st.session_state.get(key)
        if not value or value == _DEFAULTS.get(key) or (key == "compare_page" and value == 1):
            continue
        query[name] = [str(item) for item in value] if isinstance(value, list) else str(value)
    if selected:
        query |= {"case": selected[0], "variant": selected[1]}
        for key, name in _OF_CELL.items():
            if value := st.session_state.get(key):
                query[name] = str(value)
    set_query(query)


def reset() -> None:
    """Back to the default view, for another run."""
    for key in (*_NAMES, *_OF_CELL, MATRIX, AGAINST):
        st.session_state.pop(key, None)
    st.query_params.clear()


@dataclass(frozen=True)
class ViewState:
    """The `view`, and the heads of all `columns` in its layout, including hidden ones."""

    view: View
    columns: Sequence[Head]

    @property
    def side(self) -> Side:
        return next(side for side, axes in SIDES.items() if axes == self.view.rows)

    def label(self, column_id: str) -> str:
        return next((head.label for head in self.columns if head.id == column_id), column_id)


def sides_of(facts: Facts) -> list[Side]:
    """The sides that can be rows: the cases, and each side that varies in the run."""
    return [side for side, axes in SIDES.items() if side == "case" or any(len(facts.axes[axis]) > 1 for axis in axes)]


def current(facts: Facts) -> ViewState:
    """The view in the widgets. Values that the run does not have are removed from them first."""
    _keep_valid("compare_rows", sides_of(facts))
    _keep_valid("compare_show", SHOWS)
    side = str(st.session_state["compare_rows"])
    across = _listed("compare_across", [other for other in sides_of(facts) if other != side])
    columns = [axis for other in across for axis in SIDES[other]]
    choices = {axis: texts if len(texts) > 1 else [] for axis, texts in facts.axes.items()}
    only = {axis: tuple(_listed(f"compare_only_{axis}", choices[axis])) for axis in VARIANT}
    view = View(
        rows=SIDES[side],
        columns=tuple(columns) or tuple(axis for axis in VARIANT if axis not in SIDES[side]),
        only={axis: values for axis, values in only.items() if values},
    )
    heads = layout(facts, view).columns
    ids = [head.id for head in heads]
    visible = _listed("compare_columns", ids)
    for key, options in (("compare_baseline", visible or ids), ("compare_in", ids), ("compare_sort_column", ids)):
        _keep_valid(key, ["", *options])
    baseline = str(st.session_state.get("compare_baseline") or "")
    return ViewState(replace(view, column_ids=tuple(visible), baseline=baseline, filter=_filter(), sort=_sort()), heads)


def selected_part(parts: Sequence[str]) -> str:
    """The part that is shown, if it is one of these; "": all."""
    _keep_valid(PART, ["", *parts])
    return str(st.session_state.get(PART) or "")


def _filter() -> Filter:
    state = st.session_state
    below, cases = state.get("compare_below"), str(state.get("compare_cases") or "")
    return Filter(
        show=state["compare_show"],
        text=str(state.get(FIND) or ""),
        below=None if below is None else below / 100,
        case_ids=tuple(part.strip() for part in cases.split(",") if part.strip()),
        column=str(state.get("compare_in") or ""),
    )


def _sort() -> Sort:
    state = st.session_state
    _keep_valid("compare_sort", ("case", *METRICS))
    _keep_valid("compare_order", ("up", "down"))
    return Sort(
        by=state["compare_sort"],
        column=str(state.get("compare_sort_column") or ""),
        descending=state["compare_order"] == "down",
        against_baseline=bool(state.get("compare_delta")),
    )


def _listed(key: str, options: Iterable[str]) -> list[str]:
    """The values of a multiselect that are among its options, which also become its state."""
    selected = st.session_state.get(key) or ()
    valid = [option for option in options if option in selected]
    if valid or key in st.session_state:
        st.session_state[key] = valid
    return valid


def _keep_valid(key: str, options: Sequence[str]) -> None:
    if st.session_state.get(key, options[0]) not in options:
        st.session_state[key] = options[0]


@dataclass(frozen=True, slots=True)
class Pages:
    """`total` rows in pages of `rows`; `current` counts from 1."""

    total: int
    rows: int
    current: int

    @property
    def count(self) -> int:
        return max(1, -(-self.total // self.rows))

    @property
    def start(self) -> int:
        """The first row of the current page."""
        return (self.current - 1) * self.rows


def page_rows(columns: int) -> int:
    """The number of rows on a page: the more columns, the fewer."""
    return max(LEAST_ROWS, min(MOST_ROWS, _CELLS // max(1, columns)))


def pages_of(total: int, columns: int) -> Pages:
    """The pages for `total` rows, at the page in the widget."""
    pages = Pages(total, page_rows(columns), 1)
    requested = st.session_state.get("compare_page") or 1
    current = min(max(1, requested), pages.count)
    if current != requested:
        st.session_state["compare_page"] = current
    return replace(pages, current=current)


def start_selection() -> tuple[str, str] | None:
    """(row id, column id) in the address, which counts until the user selects a cell."""
    case, variant = st.query_params.get("case"), st.query_params.get("variant")
    return (case, variant) if case and variant else None


def start_sample(row_id: str, column_id: str) -> int:
    """The number of the sample in the address, from 1, if the address is for this cell; else 0."""
    return parse_number(st.query_params.get("sample", "")) if start_selection() == (row_id, column_id) else 0


def select(row_id: str, column_id: str, page: int) -> None:
    """Selects a cell on that page. A callback."""
    st.session_state[MATRIX] = {"selected": [row_id, column_id]}
    st.session_state["compare_page"] = page


def turn(comparison: ComparisonRows, row_id: str, column_id: str, by: int) -> None:
    """Selects the row above (-1) or below (+1), which may be on another page. A callback."""
    index = comparison.index_of(row_id)
    if index is not None and 0 <= index + by < len(comparison):
        select(comparison.row_id(index + by), column_id, (index + by) // page_rows(len(comparison.columns)) + 1)


def unselect() -> None:
    """Closes the detail. A callback."""
    st.session_state[MATRIX] = {"selected": []}


def needs_rerun() -> bool:
    """Whether a callback has changed more than the answers since the last call."""
    return bool(st.session_state.pop("compare_whole_page", False))


def drill(values: Mapping[Axis, AxisValue]) -> None:
    """Shows the cases of a pooled cell. A callback."""
    unselect()
    st.session_state["compare_whole_page"] = True
    for key in ("compare_across", "compare_columns", "compare_baseline", "compare_in"):
        st.session_state.pop(key, None)
    st.session_state["compare_rows"], st.session_state["compare_page"] = "case", 1
    for axis, value in values.items():
        st.session_state[f"compare_only_{axis}"] = [value_text(value)]


def sort_by(column_id: str) -> None:
    """Sorts by a column: ascending, on the next press descending, then not at all; "" is the corner. A callback."""
    state = st.session_state
    same = state.get("compare_sort_column") == column_id and state["compare_sort"] != "case"
    if not column_id or (same and state["compare_order"] == "down"):
        state["compare_sort"], state["compare_sort_column"], state["compare_order"] = "case", "", "up"
    elif same:
        state["compare_order"] = "down"
    else:
        state["compare_sort"] = "score" if state["compare_sort"] == "case" else state["compare_sort"]
        state["compare_sort_column"], state["compare_order"] = column_id, "up"
    state["compare_page"] = 1
    state["compare_whole_page"] = True
