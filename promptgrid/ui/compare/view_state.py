"""What the Compare page shows of a run: kept in its widgets and mirrored in the address, so that a refresh or a link
brings it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import streamlit as st

from promptgrid.compare import METRICS, SHOWS, VARIANT, Arranged, Axis, Facts, Filter, Head, Sort, View
from promptgrid.compare.axes import AxisValue, value_text
from promptgrid.compare.layouts import layout
from promptgrid.ui.widgets.address import parse_number, set_query
from promptgrid.ui.widgets.component import STATIC

MOST_ROWS, LEAST_ROWS = 40, 10  # of a page
_CELLS = 400  # of a page: as many as a browser draws at once without a pause
MATRIX = "compare_matrix"
SAMPLE = "compare_sample"  # the sample that is read, where it is not the usual one
WITH = "compare_with"  # what the reply that is read is compared with
FIND = "compare_find"
AGAINST = "compare_against"  # the other run, where two are compared

# What one sees as one axis: a prompt in another version is another prompt.
Side = Literal["case", "prompt", "technique", "model", "temperature"]
SIDES: dict[Side, tuple[Axis, ...]] = {
    "case": ("case",),
    "prompt": ("prompt", "version"),
    "technique": ("technique",),
    "model": ("model",),
    "temperature": ("temperature",),
}

# Widget key -> its name in the address, by what its value is.
_TEXTS = {
    "compare_rows": "rows",
    "compare_baseline": "baseline",
    "compare_show": "show",
    FIND: "find",
    "compare_cases": "cases",
    "compare_in": "in",
    "compare_sort": "sort",
    "compare_sort_column": "by",
    "compare_order": "order",
}
_LISTS = {"compare_across": "across", "compare_columns": "columns", **{f"compare_only_{a}": a for a in VARIANT}}
_NUMBERS = {"compare_page": "page", "compare_below": "below"}
_FLAGS = {"compare_delta": "delta"}
_NAMES = {**_TEXTS, **_LISTS, **_NUMBERS, **_FLAGS}

# A closed popover's widgets are not on the page yet. When it opens they take what the last run has set, and where it
# has set nothing their default: so every run sets them.
_IN_POPOVERS = _NAMES.keys() - {FIND, "compare_show", "compare_page"}

_OF_CELL = {SAMPLE: "sample", WITH: "with"}

# What a widget stands at when nobody has touched it: not worth a word in the address.
_USUAL = {"compare_rows": "case", "compare_show": "all", "compare_sort": "case", "compare_order": "up"}


def start() -> None:
    """Sets the page's style, and fills the widgets from the address where they have no value yet: after a refresh, or
    when a link was followed."""
    st.html(f"<style>{(STATIC / 'compare.css').read_text('utf-8')}</style>")
    for key, name in _NAMES.items():
        if key not in st.session_state and name in st.query_params:
            st.session_state[key] = _read(key, st.query_params.get_all(name))
    if WITH not in st.session_state and "with" in st.query_params:
        st.session_state[WITH] = st.query_params["with"]
    for key, usual in _USUAL.items():
        st.session_state.setdefault(key, usual)
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


def remember(run_id: str, selected: tuple[str, str] | None) -> None:
    """Puts what is on the screen into the address."""
    wanted: dict[str, str | list[str]] = {"run": run_id}
    for key, name in _NAMES.items():
        value = st.session_state.get(key)
        if not value or value == _USUAL.get(key) or (key == "compare_page" and value == 1):
            continue
        wanted[name] = [str(one) for one in value] if isinstance(value, list) else str(value)
    if selected:
        wanted |= {"case": selected[0], "variant": selected[1]}
        for key, name in _OF_CELL.items():
            if value := st.session_state.get(key):
                wanted[name] = str(value)
    set_query(wanted)


def forget() -> None:
    """Another run was chosen: nothing of the old view holds for it."""
    for key in (*_NAMES, *_OF_CELL, MATRIX, AGAINST):
        st.session_state.pop(key, None)
    st.query_params.clear()


@dataclass(frozen=True)
class Shown:
    """What is looked at: the `view`, and the heads of all `columns` that its layout has, hidden ones too."""

    view: View
    columns: Sequence[Head]

    @property
    def side(self) -> Side:
        return next(side for side, axes in SIDES.items() if axes == self.view.rows)

    def label(self, column_id: str) -> str:
        return next((head.label for head in self.columns if head.id == column_id), column_id)


def sides_of(found: Facts) -> list[Side]:
    """What can stand on rows: the cases, and whatever the run has more than one of."""
    return [side for side, axes in SIDES.items() if side == "case" or any(len(found.axes[axis]) > 1 for axis in axes)]


def current(found: Facts) -> Shown:
    """The view that the widgets stand at; what makes no sense for this run is dropped from them first."""
    _keep_valid("compare_rows", sides_of(found))
    _keep_valid("compare_show", SHOWS)
    side = cast(Side, st.session_state["compare_rows"])
    across = _listed("compare_across", [other for other in sides_of(found) if other != side])
    columns = [axis for other in across for axis in SIDES[cast(Side, other)]]
    choices = {axis: texts if len(texts) > 1 else [] for axis, texts in found.axes.items()}
    only = {axis: tuple(_listed(f"compare_only_{axis}", choices[axis])) for axis in VARIANT}
    view = View(
        rows=SIDES[side],
        columns=tuple(columns) or tuple(axis for axis in VARIANT if axis not in SIDES[side]),
        only={axis: values for axis, values in only.items() if values},
    )
    heads = layout(found, view).columns
    ids = [head.id for head in heads]
    shown = _listed("compare_columns", ids)
    for key, options in (("compare_baseline", shown or ids), ("compare_in", ids), ("compare_sort_column", ids)):
        _keep_valid(key, ["", *options])
    baseline = str(st.session_state.get("compare_baseline") or "")
    return Shown(replace(view, shown=tuple(shown), baseline=baseline, filter=_filter(), sort=_sort()), heads)


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
    """The values of a multiselect, those that are among its options; kept so."""
    chosen = st.session_state.get(key) or ()
    found = [option for option in options if option in chosen]
    if found or key in st.session_state:
        st.session_state[key] = found
    return found


def _keep_valid(key: str, options: Sequence[str]) -> None:
    if st.session_state.get(key, options[0]) not in options:
        st.session_state[key] = options[0]


@dataclass(frozen=True, slots=True)
class Pages:
    """How `total` rows are cut into pages of `rows`; `current` counts from 1."""

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
    """How many rows a page has: fewer where there are many columns."""
    return max(LEAST_ROWS, min(MOST_ROWS, _CELLS // max(1, columns)))


def pages_of(total: int, columns: int) -> Pages:
    """The pages of so many rows and columns, at the one that the widget names."""
    pages = Pages(total, page_rows(columns), 1)
    asked = st.session_state.get("compare_page") or 1
    current = min(max(1, asked), pages.count)
    if current != asked:
        st.session_state["compare_page"] = current
    return replace(pages, current=current)


def start_selection() -> tuple[str, str] | None:
    """The cell that the address names; the matrix's own selection goes before it."""
    case, variant = st.query_params.get("case"), st.query_params.get("variant")
    return (case, variant) if case and variant else None


def start_sample(row_id: str, column_id: str) -> int:
    """The sample that the address names for this cell, from 1; 0 where it names none."""
    return parse_number(st.query_params.get("sample", "")) if start_selection() == (row_id, column_id) else 0


def select(row_id: str, column_id: str, page: int) -> None:
    """Moves the selection, to another page if it must be; a callback."""
    st.session_state[MATRIX] = {"selected": [row_id, column_id]}
    st.session_state["compare_page"] = page


def turn(arranged: Arranged, row_id: str, column_id: str, by: int) -> None:
    """Selects the row above (-1) or below (+1), on whatever page it is; a callback."""
    index = arranged.index_of(row_id)
    if index is not None and 0 <= index + by < len(arranged):
        select(arranged.row_id(index + by), column_id, (index + by) // page_rows(len(arranged.columns)) + 1)


def unselect() -> None:
    """Closes the detail; a callback."""
    st.session_state[MATRIX] = {"selected": []}


def whole_page_wanted() -> bool:
    """A callback changed more than the answers; says so once."""
    return bool(st.session_state.pop("compare_whole_page", False))


def drill(values: Mapping[Axis, AxisValue]) -> None:
    """Shows the cases that a pooled cell is made of; a callback."""
    unselect()
    st.session_state["compare_whole_page"] = True
    for key in ("compare_across", "compare_columns", "compare_baseline", "compare_in"):
        st.session_state.pop(key, None)
    st.session_state["compare_rows"], st.session_state["compare_page"] = "case", 1
    for axis, value in values.items():
        st.session_state[f"compare_only_{axis}"] = [value_text(value)]


def sort_by(column_id: str) -> None:
    """A head was pressed: by this column upwards, then downwards, then no more; "" is the corner. A callback."""
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
