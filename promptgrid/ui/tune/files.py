"""Makes a training file out of runs, and checks one."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from promptgrid import tuning
from promptgrid.export.jsonl import write_jsonl
from promptgrid.humanize import many
from promptgrid.store import Database, runs
from promptgrid.tuning import DIALECTS, FileReport
from promptgrid.tuning.dialects import METHODS, Dialect, Method
from promptgrid.tuning.sources import Target
from promptgrid.ui.widgets.downloads import Download, downloads
from promptgrid.ui.widgets.feedback import showing_errors
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.run_select import no_runs, run_label

_METHOD_WORDS: Mapping[Method, str] = {
    "sft": "Imitate a reply",
    "dpo": "Prefer one reply to another",
    "kto": "Replies marked good or bad",
}
_TARGET_WORDS: Mapping[Target, str] = {"passed": "good replies", "expected": "expected answers"}
_MADE = "tune_made"


@dataclass(frozen=True)
class _MadeFile:
    """A training file that was made, what is wrong with it, and why replies became no example."""

    data: bytes
    name: str
    report: FileReport
    taken: Mapping[str, int]
    left_out: Mapping[str, int]


def from_runs(database: Database) -> None:
    """Draws the form that makes a training file out of runs, and the file that was made."""
    listed = {run.id: run for run in runs.list_runs(database)}
    if not listed:
        detail = "Replies that were checked, rated or voted on become data for fine-tuning."
        no_runs("tune", detail)
        return
    chosen = st.multiselect(
        "Runs",
        list(listed),
        default=[next(iter(listed))],
        format_func=lambda run_id: run_label(listed[run_id]),
        key="tune_runs",
    )
    left, middle, right = st.columns(3)
    with left:
        method: Method = st.selectbox("Method", METHODS, format_func=_METHOD_WORDS.__getitem__, key="tune_method")
    with middle:
        able = [name for name, dialect in DIALECTS.items() if method in dialect.methods]
        name = st.selectbox("Trainer's file format", able, key=f"tune_dialect_{method}")
    with right:
        target: Target = "passed"
        if method == "sft":
            target = st.selectbox("To learn", _TARGET_WORDS, format_func=_TARGET_WORDS.__getitem__, key="tune_target")
    if st.button("Make the file", key="tune_make", type="primary", disabled=not chosen):
        with st.spinner("Reading the replies…"), showing_errors():
            st.session_state[_MADE] = _made(database, chosen, method, DIALECTS[name], target)
    if made := st.session_state.get(_MADE):
        _show_made(made)


def uploaded() -> None:
    """Draws the field for a training file of the user's own, and what is wrong with it."""
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    file = left.file_uploader("Training file, as JSON lines", type=["jsonl", "json"], key="tune_file")
    name = right.selectbox("Trainer's file format", DIALECTS, key="tune_file_dialect")
    if file is None:
        st.caption("The trainer's rules, copies, one-sided labels, ≈ refusals, keys and passwords, lengths.")
        return
    with showing_errors():
        _show_report(tuning.check_file(file, DIALECTS[name]))


def _made(database: Database, run_ids: Sequence[str], method: Method, dialect: Dialect, target: Target) -> _MadeFile:
    training_set = tuning.of_runs(database, run_ids, method, target=target)
    out = io.BytesIO()
    write_jsonl(tuning.rows_of(training_set, dialect), out)
    report = tuning.check_file(io.BytesIO(out.getvalue()), dialect)
    name = f"{method}-{dialect.name}-{run_ids[0]}.jsonl"
    return _MadeFile(out.getvalue(), name, report, training_set.taken, training_set.left_out)


def _show_made(made: _MadeFile) -> None:
    sources = ", ".join(f"{count:,} from {source}" for source, count in made.taken.items())
    st.markdown(f"**{many(made.report.examples, 'example')}**{f' ({plain(sources)})' if sources else ''}")
    with st.container(horizontal=True):
        offer = Download(
            f"Download {made.name}", lambda out: out.write(made.data), made.name, "application/jsonl", "tune_download"
        )
        downloads("tune", [offer])
    _show_report(made.report)
    if made.left_out:
        with st.expander(f"Left out ({sum(made.left_out.values()):,})"):
            for reason, count in sorted(made.left_out.items(), key=lambda item: -item[1]):
                st.caption(plain(f"{count:,}: {reason}"))


def _show_report(report: FileReport) -> None:
    import pandas as pd

    if report.examples:
        st.caption(f"≈ {report.tokens:,} tokens; the longest example has {report.longest:,}.")
    if report.grave:
        st.error("The trainer would refuse this file, or learn something else than is meant.")
    elif report.examples:
        st.success("By the rules of the trainer nothing is wrong with it.")
    if report.findings:
        rows = [
            {
                "": "wrong" if fault.grave else "look at",
                "what": fault.rule,
                "times": fault.count,
                "lines": ", ".join(map(str, fault.lines)) + (" …" if fault.count > len(fault.lines) > 0 else ""),
                "such as": fault.detail,
            }
            for fault in report.findings
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, key=f"tune_faults_{report.dialect}")
    if len(report.labels) > 1:
        labels = pd.DataFrame(report.labels.most_common(20), columns=["reply", "examples"])
        st.bar_chart(
            labels,
            x="reply",
            y="examples",
            horizontal=True,
            x_label="",
            y_label="examples",
            height=60 + 28 * len(labels),
            sort=False,
        )
