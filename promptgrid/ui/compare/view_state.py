"""The view of the Compare page. Its widgets and the address hold the view, so a refresh or a link restores it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from promptgrid.compare import METRICS, SHOWS, VARIANT, Axis, ComparisonRows, Facts, Filter, Head, Sort, View
from promptgrid.compare.axes import PARAMETER_AXES, AxisValue, value_text
from promptgrid.compare.layouts import layout
from promptgrid.ui.compare.matrix import page_rows
from promptgrid.ui.links import follow_address, parse_number, set_query
from promptgrid.ui.widgets.component import STATIC

MATRIX = "compare_matrix"
SAMPLE = "compare_sample"  # the number of the sample in the detail, unless it is the default one
WITH = "compare_with"  # what the reply in the detail is compared with
FIND = "compare_find"
MEAN = "\0mean"  # no check has this name
PART = "compare_cases_part"  # the part of the cases that is shown; "": all
CHECK = "compare_check"  # the check that scores and colours the cells; MEAN: the mean over all
AGAINST = "compare_against"  # the other run, when two runs are compared

# The axes as the page shows them. Each version of a prompt counts as a separate prompt.
Side = str
SIDES: dict[Side, tuple[Axis, ...]] = {
    "case": ("case",),
    "prompt": ("prompt", "version"),
    "technique": ("technique",),
    "model": ("model",),
    **{axis: (axis,) for axis in PARAMETER_AXES},
}

# Widget key -> name in the address, one table for each type of value.
_TEXTS = {
    "compare_rows": "rows",
    "compare_baseline": "baseline",
    "compare_show": "show",
    FIND: "find",
    "compare_cases": "cases",
    PART: "part",
    CHECK: "check",
    "compare_in": "in",
    "compare_sort": "sort",
    "compare_sort_column": "by",
    "compare_order": "order",
}
_LISTS = {"compare_across": "across", "compare_columns": "columns", **{f"compare_only_{a}": a for a in VARIANT}}
_NUMBERS = {"compare_page": "page", "compare_below": "below"}
_FLAGS = {"compare_delta": "delta"}
_NAMES = {**_TEXTS, **_LISTS, **_NUMBERS, **_FLAGS}

# The widgets of a closed popover are not on the page. When the popover opens, they take the values that the last rerun
# has set in the session state, or their defaults. So every rerun sets these values.
_IN_POPOVERS = _NAMES.keys() - {FIND, "compare_show", "compare_page"}

_OF_CELL = {SAMPLE: "sample", WITH: "with"}

# The values that the address leaves out.
_DEFAULTS = {"compare_rows": "case", "compare_show": "all", "compare_sort": "case", "compare_order": "up"}


def start() -> None:
    """Adds the style sheet of the page, and fills widgets that have no value yet from the address (after a refresh, or
    by a link), else with defaults."""
    st.html(f"<style>{(STATIC / 'compare.css').read_text('utf-8')}</style>")
    follow_address(*_NAMES, *_OF_CELL, MATRIX, AGAINST)
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
    """Resets the view (layout, filters, order, selection) to its defaults, for another run."""
    for key in (*_NAMES, *_OF_CELL, MATRIX, AGAINST):
        st.session_state.pop(key, None)
    st.query_params.clear()


@dataclass(frozen=True)
class ViewState:
    """The current `view` (layout, filter and order), and the headings of all `columns` in this layout, including hidden
    ones."""

    view: View
    columns: Sequence[Head]

    @property
    def side(self) -> Side:
        return next(side for side, axes in SIDES.items() if axes == self.view.rows)

    def label(self, column_id: str) -> str:
        return next((head.label for head in self.columns if head.id == column_id), column_id)


def sides_of(facts: Facts) -> list[Side]:
    """Returns what the rows can stand for (each a Side): the cases, and each axis that has more than one value in the
    run. A prompt's name and its version count as one axis."""
    return [side for side, axes in SIDES.items() if side == "case" or any(len(facts.axes[axis]) > 1 for axis in axes)]


def current(facts: Facts) -> ViewState:
    """Returns the view that the widgets define. First removes from the widgets values that the run does not have."""
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
    visible = _listed("compare_columns", ids, ordered=False)
    for key, options in (("compare_baseline", visible or ids), ("compare_in", ids), ("compare_sort_column", ids)):
        _keep_valid(key, ["", *options])
    baseline = str(st.session_state.get("compare_baseline") or "")
    return ViewState(replace(view, column_ids=tuple(visible), baseline=baseline, filter=_filter(), sort=_sort()), heads)


def selected_part(parts: Sequence[str]) -> str:
    """Returns the part of the cases that the user has selected, one of `parts`; "" for all cases."""
    _keep_valid(PART, ["", *parts])
    return str(st.session_state.get(PART) or "")


def selected_check(checks: Sequence[str]) -> str:
    """Returns the check that the user has selected to score the cells: at first the first of `checks`; "" for the mean
    over all of them."""
    _keep_valid(CHECK, [*checks, MEAN])
    selected = str(st.session_state.get(CHECK, checks[0]))
    return "" if selected == MEAN else selected


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


def _listed(key: str, options: Iterable[str], *, ordered: bool = True) -> list[str]:
    """Returns those of the `options` that are selected in the multiselect with this key, and drops other selections
    from its state. They are in the order of the `options`, or without `ordered` in that of the selection."""
    selected, known = st.session_state.get(key) or (), list(options)
    valid = [one for one in known if one in selected] if ordered else [one for one in selected if one in known]
    if valid or key in st.session_state:
        st.session_state[key] = valid
    return valid


def _keep_valid(key: str, options: Sequence[str]) -> None:
    if st.session_state.get(key, options[0]) not in options:
        st.session_state[key] = options[0]


def start_selection() -> tuple[str, str] | None:
    """Returns the (row id, column id) of the cell that the address names, which is selected until the user selects
    another; None if it names none."""
    case, variant = st.query_params.get("case"), st.query_params.get("variant")
    return (case, variant) if case and variant else None


def start_sample(row_id: str, column_id: str) -> int:
    """Returns the number, from 1, of the sample that the address names for this cell; 0 if it names none, or another
    cell."""
    return parse_number(st.query_params.get("sample", "")) if start_selection() == (row_id, column_id) else 0


def select(row_id: str, column_id: str, page: int) -> None:
    """Selects the cell in this row and column, which is on page `page`. For use in callbacks."""
    st.session_state[MATRIX] = {"selected": [row_id, column_id]}
    st.session_state["compare_page"] = page


def turn(comparison: ComparisonRows, row_id: str, column_id: str, by: int) -> None:
    """Selects, in the same column, the cell in the row above (`by` = -1) or below (+1) the row `row_id`, perhaps on
    another page. For use in callbacks."""
    index = comparison.index_of(row_id)
    if index is not None and 0 <= index + by < len(comparison):
        select(comparison.row_id(index + by), column_id, (index + by) // page_rows(len(comparison.columns)) + 1)


def unselect() -> None:
    """Selects no cell, which closes the detail. For use in callbacks."""
    st.session_state[MATRIX] = {"selected": []}


def needs_rerun() -> bool:
    """Returns True once after a callback has changed parts of the page outside the matrix and the detail: the whole
    page must then run again."""
    return bool(st.session_state.pop("compare_whole_page", False))


def rerun_page() -> None:
    """Makes `needs_rerun` return True once. For use in callbacks."""
    st.session_state["compare_whole_page"] = True


def drill(values: Mapping[Axis, AxisValue]) -> None:
    """Shows the single cases of a cell that pools several: the rows become cases, filtered by `values`, the value of
    each axis of that cell. For use in callbacks."""
    unselect()
    rerun_page()
    for key in ("compare_across", "compare_columns", "compare_baseline", "compare_in"):
        st.session_state.pop(key, None)
    st.session_state["compare_rows"], st.session_state["compare_page"] = "case", 1
    for axis, value in values.items():
        st.session_state[f"compare_only_{axis}"] = [value_text(value)]


def move(comparison: ComparisonRows, column_id: str, place: int) -> None:
    """Moves the column to this place among the shown columns, counted from 0. The column that then comes first is the
    baseline. For use in callbacks."""
    order = [head.id for head in comparison.columns if head.id != column_id]
    if len(order) < len(comparison.columns):
        order.insert(max(0, place), column_id)
        st.session_state["compare_columns"], st.session_state["compare_baseline"] = order, ""
        rerun_page()


def sort_by(column_id: str) -> None:
    """Sorts the rows by this column: at the first call ascending, at the second descending. The third call, or "" as
    the column, restores the order of the cases. For use in callbacks."""
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
    rerun_page()
