"""The comparison of two runs on the Compare page: what broke, what improved, what is new, and each change in detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from promptgrid import compare
from promptgrid.compare import KINDS, Change, ChangeKind, Changes, VariantChange
from promptgrid.errors import PromptgridError, StoreError
from promptgrid.store import Database, results, runs
from promptgrid.store.across import baselines
from promptgrid.store.runs import RunInfo
from promptgrid.text import one_line
from promptgrid.ui.compare import detail, reading, view_state
from promptgrid.ui.compare.cells import STATES, case_title, score_badge, score_state
from promptgrid.ui.compare.controls import pagination
from promptgrid.ui.compare.facts import Fact, facts
from promptgrid.ui.compare.matrix import MatrixCell, MatrixColumn, MatrixRow, matrix, pages_of
from promptgrid.ui.compare.view_state import AGAINST
from promptgrid.ui.links import set_query
from promptgrid.ui.widgets.callbacks import close_popover
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.fields import buttons, keep_selection
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.run_select import run_label, time_and_id
from promptgrid.ui.widgets.words_diff import show_words_diff

_KIND = "compare_kind"
_MATRIX = "compare_changes"
_HEIGHT = 620

_KIND_WORDS: Mapping[ChangeKind, str] = {
    "broke": "Broke",
    "improved": "Improved",
    "changed": "Changed",
    "new": "New",
    "gone": "Gone",
    "same": "Same",
}


def runs_popover(database: Database, run: RunInfo) -> RunInfo | None:
    """Draws the selector of a second run, and the button that pins `run` as the baseline of its prompts or unpins it.
    Returns the second run; None if none is selected."""
    others = {other.id: other for other in runs.list_runs(database) if other.id != run.id}
    pinned = baselines.pinned(database)
    from_address = st.session_state.setdefault(AGAINST, st.query_params.get("against", ""))
    if from_address and from_address not in others:
        show_error(StoreError(f'There is no run "{from_address}" to compare with.', hint="Select one under Runs."))
    keep_selection(AGAINST, others, "")
    ordered = sorted(others, key=lambda other: other not in pinned.values())  # pinned runs first
    with st.popover("Runs"):
        selected = st.selectbox(
            "Compare with run",
            ["", *ordered],
            format_func=lambda i: _option(others[i], pinned) if i else "none: only this run",
            key=AGAINST,
            help="Shows what broke, what improved and what is new. Matches cases by content and prompts by name.",
        )
        prompts = [prompt for prompt, run_id in pinned.items() if run_id == run.id]
        if prompts:
            st.caption(plain(f"This run is the baseline of {', '.join(prompts)}."))
            st.button("Unpin", key="compare_unpin", on_click=_unpin, args=(database, prompts))
        else:
            st.button("Pin as the baseline of its prompts", key="compare_pin", on_click=_pin, args=(database, run.id))
    return others.get(selected)


def _option(run: RunInfo, pinned: Mapping[str, str]) -> str:
    prompts = [prompt for prompt, run_id in pinned.items() if run_id == run.id]
    return run_label(run) + (f" · baseline of {', '.join(prompts)}" if prompts else "")


def _pin(database: Database, run_id: str) -> None:
    prompts = baselines.pin(database, run_id)
    st.toast(plain(f"Pinned as the baseline of {', '.join(prompts)}."))
    close_popover()


def _unpin(database: Database, prompts: Sequence[str]) -> None:
    for prompt in prompts:
        baselines.unpin(database, prompt)
    close_popover()


def two_runs(database: Database, before: RunInfo, after: RunInfo) -> None:
    """Draws the changes from `before` to `after`, page by page, and the detail of the selected change."""
    stamps = tuple(results.stamp(database, run.id) for run in (before, after))
    try:
        changes = _against(before.id, after.id, stamps, _database=database)
    except PromptgridError as error:
        show_error(error)
        return
    kind = _kind_chips(changes)
    st.markdown(plain(changes.summary))
    if changes.copies:
        st.caption(changes.copies)
    pages = pages_of(changes.counts[kind], 2)
    page_changes = changes.listed(database, [kind], pages.start, pages.rows)
    sides = {"before": before, "after": after}
    by_id = {_change_id(change): change for change in page_changes}
    with st.container(horizontal=True, key="compare_beside"):
        with st.container(key="compare_answers"):
            selected = matrix(
                _MATRIX,
                columns=[MatrixColumn(name, [run.name, time_and_id(run)], mark=name) for name, run in sides.items()],
                rows=[_row(change) for change in page_changes],
                selected=_start(),
                height=_HEIGHT,
            )
            pagination(pages)
        if selected:
            with st.container(border=True, height=_HEIGHT, gap="xsmall", key="compare_detail"):
                _detail(database, before, after, by_id[selected[0]])
    st.subheader("By variant")
    facts([_variant(one) for one in changes.variants], key="compare_variants")
    _write_address(before, after, kind, pages.current, selected)


@st.cache_resource(max_entries=4, show_spinner="Comparing the runs…")
def _against(before: str, after: str, stamps: object, *, _database: Database) -> Changes:
    return compare.against(_database, before, after)


def _kind_chips(changes: Changes) -> ChangeKind:
    default = next((kind for kind in _KIND_WORDS if changes.counts[kind]), "same")
    wanted = st.session_state.get(_KIND) or st.query_params.get("changes")
    st.session_state[_KIND] = wanted if wanted in KINDS else default
    names = {kind: f"{word} {changes.counts[kind]:,}" for kind, word in _KIND_WORDS.items()}
    return buttons("Changes", names, _KIND, label_visibility="collapsed")


def _change_id(change: Change) -> str:
    return f"{change.position_a}-{change.position_b}"


def _row(change: Change) -> MatrixRow:
    title = case_title(change.case_id, change.inputs)
    expected = "" if change.expected is None else f"expected {one_line(change.expected)}"
    before = _cell(change.answer_a, change.status_a, change.score_a)
    after = _cell(change.answer_b, change.status_b, change.score_b, change)
    return MatrixRow(_change_id(change), title, " · ".join(filter(None, [change.label, expected])), [before, after])


def _cell(answer: str | None, status: str | None, score: float | None, against: Change | None = None) -> MatrixCell:
    """Returns the matrix cell for the answer, the status and the score that a case has in one of the two runs. For the
    earlier run `against` is None. For the later run it is the change, which has the earlier run's values, and the cell
    shows how it differs from them."""
    if status is None:
        return MatrixCell("", state="none")
    if status != "answered":
        return MatrixCell("", state=STATES[status])
    state = score_state(score)
    text = "no answer read" if answer is None else one_line(answer)
    if against is None or against.status_a != "answered":
        return MatrixCell(text, state=state)
    delta = None if score is None or against.score_a is None else score - against.score_a
    badges = [score_badge(delta)] if delta else []
    return MatrixCell(text, state=state, differs=answer != against.answer_a, badges=badges)


def _detail(database: Database, before: RunInfo, after: RunInfo, change: Change) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap=None, key="compare_head"):
        st.markdown(f"**{plain(change.label)}**", width="stretch")
        st.button("Close", icon=":material/close:", type="tertiary", key="compare_close", on_click=_close)
    st.caption(plain(f"Case {case_title(change.case_id, change.inputs)}"))
    sides = [(before, change.position_a), (after, change.position_b)]
    rows = [
        None if position is None else next(results.result_rows(database, run.id, [position])) for run, position in sides
    ]
    outputs = [row.output for row in rows if row is not None and row.output is not None]
    if len(outputs) == 2:
        show_words_diff(outputs[0], outputs[1], "before", "after", height=280, key="compare_words")
    else:
        for row in rows:
            if row is not None:
                detail.reply_or_error(row)
    for (run, _), row, name in zip(sides, rows, ("Before", "After"), strict=True):
        if row is not None:
            st.caption(name)
            facts(detail.answer_and_scores(row), key=f"compare_judged_{name}")
            key = f"compare_open_{name}"
            st.button("Open in this run", key=key, type="tertiary", on_click=_open, args=(run.id, row.case_id))


def _close() -> None:
    st.session_state[_MATRIX] = {"selected": []}


def _open(run_id: str, case_id: str) -> None:
    view_state.reset()
    st.session_state[f"{reading.PAGE}_run"], st.session_state["compare_cases"] = run_id, case_id


def _variant(change: VariantChange) -> Fact:
    counts = ", ".join(
        f"{change.counts[kind]:,} {word.lower()}" for kind, word in _KIND_WORDS.items() if change.counts[kind]
    )
    return Fact(change.label, counts, change.sentence)


def _start() -> tuple[str, str] | None:
    """Returns the (row id, column id) of the change that the address names, to be selected first; None if it names
    none."""
    change = st.query_params.get("change")
    return (change, "after") if change else None


def _write_address(
    before: RunInfo, after: RunInfo, kind: ChangeKind, page: int, selected: tuple[str, str] | None
) -> None:
    """Writes both runs, the kind of change, the page and the selected change to the address. `selected` is the (row id,
    column id) of the selected cell, whose row id names the change; None if no change is selected."""
    query = {"run": after.id, "against": before.id, "changes": kind, "page": "" if page == 1 else str(page)}
    query["change"] = selected[0] if selected else ""
    set_query({name: value for name, value in query.items() if value})
