"""The detail of a cell: the reply, its answer and scores, and the request."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import streamlit as st

from promptgrid import compare, techniques
from promptgrid.compare import ComparisonRow, ComparisonRows, Head, PooledCell, Sample
from promptgrid.export.tables import percent
from promptgrid.fewshot import with_shown
from promptgrid.grading import Score
from promptgrid.grid import Plan
from promptgrid.prompt import Message
from promptgrid.store import Database, attempts, results, runs
from promptgrid.store.results import ResultRow
from promptgrid.text import one_line
from promptgrid.ui.compare import view_state
from promptgrid.ui.compare.actions import copy_buttons, run_again_button, show_cell_errors
from promptgrid.ui.compare.cells import STATES, figures, row_title
from promptgrid.ui.compare.circumstances import attempt_lines, circumstances
from promptgrid.ui.compare.differences import compared_with
from promptgrid.ui.compare.expected import expected_note, expected_popover
from promptgrid.ui.compare.facts import Fact, facts
from promptgrid.ui.compare.matrix import STATE_WORDS
from promptgrid.ui.compare.rating import rating_widget
from promptgrid.ui.compare.steps import beams_list, calls_list, steps_list
from promptgrid.ui.widgets.messages import message_list, sent_messages
from promptgrid.ui.widgets.plain import plain

_PILLS = 10  # with more samples, a selectbox is used
_TALL = 900  # characters; longer texts scroll in a box
_TEXT_HEIGHT = 280


def detail(database: Database, comparison: ComparisonRows, row: ComparisonRow, entry: PooledCell) -> None:
    """Draws the selected cell `entry` of the row: its reply, answer, scores and request. Reads the full texts from the
    database."""
    run_id = comparison.facts.run_id
    column = next(head for head in comparison.columns if head.id == entry.column)
    _head(comparison, row, column)
    if entry.cases > 1:
        _pooled(row, column, entry)
        return
    samples = compare.samples(database, comparison.facts, entry)
    sample = _choose_sample(entry, samples)
    reply_row = next(results.result_rows(database, run_id, [sample.position]))
    if not compared_with(database, run_id, comparison, row, entry, samples, reply_row):
        reply_or_error(reply_row)
    facts(answer_and_scores(reply_row, entry), key="compare_judged")
    if row.case is not None:
        expected_note(database, run_id, row.case)
    if reply_row.status == "answered":
        rating_widget(database, run_id, sample.position)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="compare_actions"):
        copy_buttons(database, comparison, row, reply_row)
        if row.case is not None:
            expected_popover(database, comparison, row.case)
        run_again_button(database, runs.find_run(database, run_id), reply_row)
    show_cell_errors()
    _expanders(database, comparison, row, reply_row)


def _expanders(database: Database, comparison: ComparisonRows, shown: ComparisonRow, row: ResultRow) -> None:
    """Draws closed expanders for the reasoning, messages, failed attempts, parameters and request."""
    run_id = comparison.facts.run_id
    _folded("Reasoning", row.reasoning, "compare_reasoning")
    calls_list(database, comparison, shown, row)
    steps_list(database, run_id, row)
    beams_list(row)
    _messages(row, lambda: planned_messages(runs.plan_of(database, run_id), row))
    _attempts(database, run_id, row)
    with st.expander("Parameters, tokens, cost", key="compare_facts_open", on_change="rerun") as opened:
        if opened.open:
            facts(circumstances(row), key="compare_facts")
    request = json.dumps(json.loads(row.request_json), ensure_ascii=False, indent=2) if row.request_json else ""
    _folded("Request", request, "compare_request")


def _head(comparison: ComparisonRows, row: ComparisonRow, column: Head) -> None:
    index = comparison.index_of(row.id) or 0
    with st.container(horizontal=True, vertical_alignment="center", gap=None, key="compare_head"):
        st.markdown(f"**{plain(column.label)}**", width="stretch")
        for by, label, icon in ((-1, "Previous case (p)", "chevron_left"), (1, "Next case (n)", "chevron_right")):
            st.button(
                label,
                icon=f":material/{icon}:",
                type="tertiary",
                key=f"compare_{icon}",
                disabled=not 0 <= index + by < len(comparison),
                on_click=view_state.turn,
                args=(comparison, row.id, column.id, by),
            )
        st.button("Close", icon=":material/close:", type="tertiary", key="compare_close", on_click=view_state.unselect)
    title = row_title(row)
    st.caption(plain(title if row.case is None else f"Case {title}"))


def _pooled(row: ComparisonRow, column: Head, entry: PooledCell) -> None:
    """Draws the detail of a cell with several cases, which has no single reply: its figures, and the button that shows
    the cases."""
    facts([Fact(name, value) for name, value in figures(entry)], key="compare_pooled")
    st.button(
        f"Show the {entry.cases:,} cases",
        key="compare_drill",
        on_click=view_state.drill,
        args=({**row.head.values, **column.values},),
    )


def _choose_sample(entry: PooledCell, samples: Sequence[Sample]) -> Sample:
    """Draws the selector of the cell's samples and returns the selected one. At first that is the first sample with the
    most frequent answer."""
    default = next((i for i, sample in enumerate(samples, 1) if sample.position == entry.representative), 1)
    number = _sample_widget(entry, samples, default) if len(samples) > 1 else default
    st.session_state[view_state.SAMPLE] = None if number == default else number
    return samples[number - 1]


def _sample_widget(entry: PooledCell, samples: Sequence[Sample], default: int) -> int:
    count = len(samples)
    key = f"compare_sample_{samples[0].position}"  # each cell has its own selection
    # Passed as the default of the widget: pills whose script loads late lose a value from the session state.
    start = st.session_state.get(key) or view_state.start_sample(entry.row, entry.column)
    start = start if 1 <= start <= count else default

    def label(number: int) -> str:
        sample = samples[number - 1]
        state = STATE_WORDS[STATES[sample.status]] if sample.status in STATES else ""
        outcome = (sample.answer or "no answer") if sample.status == "answered" else state or sample.status
        return f"{number} {outcome}"

    numbers = list(range(1, count + 1))
    if count > _PILLS:
        selected = st.selectbox(
            f"Sample of {count}", numbers, index=start - 1, format_func=lambda n: one_line(label(n), 60), key=key
        )
        return selected or default
    selected = st.pills(
        "Sample",
        numbers,
        default=start,
        format_func=lambda n: plain(label(n), limit=16),
        key=key,
        required=True,
        label_visibility="collapsed",
    )
    return selected or default


def reply_or_error(row: ResultRow) -> None:
    if row.output is not None:
        _text(row.output)
    elif row.error:
        message, _, raw = row.error.partition("\n\n")
        st.warning(plain(message, limit=600))
        if raw:
            _text(raw)
    else:
        st.caption("Cancelled before it was sent." if row.status == "cancelled" else "Not sent yet.")


def _text(text: str) -> None:
    tall = len(text) > _TALL or text.count("\n") > 12
    st.code(text, language=None, wrap_lines=True, height=_TEXT_HEIGHT if tall else "content")


def _folded(label: str, text: str, key: str) -> None:
    if not text.strip():
        return
    with st.expander(label, key=key, on_change="rerun") as opened:
        if opened.open:
            _text(text)


def _messages(row: ResultRow, planned: Callable[[], list[Message]]) -> None:
    """Shows the messages that were sent. If no request is stored, calls `planned`, which renders the messages of the
    plan, and shows these."""
    sent = row.request_json
    with st.expander(
        "Messages" if sent is None else "Messages sent", key="compare_messages_open", on_change="rerun"
    ) as opened:
        if opened.open:
            message_list(planned() if sent is None else sent_messages(sent), height=420, key="compare_messages")


def planned_messages(plan: Plan, row: ResultRow) -> list[Message]:
    prompt = next(p for p in plan.prompts if (p.name, p.version) == (row.prompt, row.prompt_version))
    case = next(case for case in plan.cases if case.id == row.case_id)
    shown = with_shown(prompt, row.examples)
    turns = techniques.build_turns(shown, case.inputs, row.technique, k=row.examples_k, examples_as=plan.examples_as)
    return [turn.message for turn in turns]


def _attempts(database: Database, run_id: str, row: ResultRow) -> None:
    """Lists the attempts of a cell that failed or were lost, in a closed expander."""
    failed = attempts.log(database, run_id, row.position)
    if not failed:
        return
    with st.expander(f"Failed attempts ({len(failed)})", key="compare_attempts_open", on_change="rerun") as opened:
        if opened.open:
            facts(attempt_lines(failed, runs.find_run(database, run_id), row.status), key="compare_attempts")


def answer_and_scores(row: ResultRow, entry: PooledCell | None = None) -> list[Fact]:
    """Returns lines with the answer, the expected answer and the scores of a reply. If its cell `entry` has several
    samples, adds the most frequent answer and its count."""
    lines = []
    if row.status == "answered":
        answer = one_line(row.answer) if row.answer is not None else ""
        lines.append(Fact("answer", answer or ("(empty)" if row.answer == "" else "none read"), row.answer_note))
    if entry is not None and entry.samples > 1 and entry.answer is not None:
        lines.append(Fact("vote", one_line(entry.answer), f"{entry.votes} of {entry.answered} replies"))
    if row.expected is not None:
        lines.append(Fact("expected", one_line(row.expected)))
    return lines + [_score(score) for score in row.scores.values()]


def _score(score: Score) -> Fact:
    name, why = f"check {score.check}", score.explanation
    if score.value is None:
        return Fact(name, "not scored", why.removeprefix("not scored: "), "mind")
    word = STATE_WORDS["right" if score.passed else "wrong"]
    share = "" if score.value in (0, 1) else f" ({percent(score.value)})"
    return Fact(name, word + share, why, "good" if score.passed else "bad")
