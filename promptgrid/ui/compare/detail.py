"""One cell of the comparison in full: what came back, how it was read and scored, and everything that was sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import streamlit as st

from promptgrid import compare, techniques
from promptgrid.compare import Arranged, Head, PooledCell, Sample
from promptgrid.compare import ComparisonRow as Shown
from promptgrid.grading import Score
from promptgrid.grid import Plan
from promptgrid.prompt import Message
from promptgrid.store import Database, attempts, results, runs
from promptgrid.store.results import ResultRow
from promptgrid.text import one_line
from promptgrid.ui.compare import view_state
from promptgrid.ui.compare.cells import STATES, figures, percent, row_title
from promptgrid.ui.compare.circumstances import attempt_lines, circumstances
from promptgrid.ui.compare.differences import compared_with
from promptgrid.ui.compare.facts import Fact, facts
from promptgrid.ui.compare.matrix import STATE_WORDS
from promptgrid.ui.compare.rating import rating_widget
from promptgrid.ui.widgets.messages import message_list
from promptgrid.ui.widgets.plain import plain

_PILLS = 10  # more samples than this are chosen from a list
_TALL = 900  # characters; longer texts scroll in a box of their own
_TEXT_HEIGHT = 280


def detail(database: Database, arranged: Arranged, row: Shown, entry: PooledCell) -> None:
    """Draws the selected cell; the texts are read in full from the database."""
    found = arranged.facts
    column = next(head for head in arranged.columns if head.id == entry.column)
    _head(arranged, row, column)
    if entry.cases > 1:
        _pooled(row, column, entry)
        return
    samples = compare.samples(database, found, entry)
    sample = _choose_sample(entry, samples)
    full = next(results.result_rows(database, found.run_id, [sample.position]))
    if not compared_with(database, found.run_id, arranged, row, entry, samples, full):
        what_came(full)
    facts(judged(full, entry), key="compare_judged")
    if full.status == "answered":
        rating_widget(database, found.run_id, sample.position)
    everything_about(database, found.run_id, full)


def everything_about(database: Database, run_id: str, row: ResultRow) -> None:
    """Reasoning, messages, failed attempts, parameters and the request of one result row, each folded away."""
    _folded("Reasoning", row.reasoning, "compare_reasoning")
    _messages(row, lambda: planned_messages(runs.plan_of(database, run_id), row))
    _attempts(database, run_id, row)
    with st.expander("Parameters, tokens, cost", key="compare_facts_open", on_change="rerun") as opened:
        if opened.open:
            facts(circumstances(row), key="compare_facts")
    _folded("Request as it was sent", _indented(row.request_json or ""), "compare_request")


def _indented(text: str) -> str:
    return json.dumps(json.loads(text), ensure_ascii=False, indent=2) if text else ""


def _head(arranged: Arranged, row: Shown, column: Head) -> None:
    index = arranged.index_of(row.id) or 0
    with st.container(horizontal=True, vertical_alignment="center", gap=None, key="compare_head"):
        st.markdown(f"**{plain(column.label)}**", width="stretch")
        for by, label, icon in ((-1, "Previous case (p)", "chevron_left"), (1, "Next case (n)", "chevron_right")):
            st.button(
                label,
                icon=f":material/{icon}:",
                type="tertiary",
                key=f"compare_{icon}",
                disabled=not 0 <= index + by < len(arranged),
                on_click=view_state.turn,
                args=(arranged, row.id, column.id, by),
            )
        st.button("Close", icon=":material/close:", type="tertiary", key="compare_close", on_click=view_state.unselect)
    title = row_title(row)
    st.caption(plain(title if row.case is None else f"Case {title}"))


def _pooled(row: Shown, column: Head, entry: PooledCell) -> None:
    """Of many cases there is no one text to read: the figures, and the way to the cases."""
    cell = figures(entry)
    facts([Fact(name, value) for name, value in cell], key="compare_pooled")
    st.button(
        f"Show the {entry.cases:,} cases",
        key="compare_drill",
        on_click=view_state.drill,
        args=({**row.head.values, **column.values},),
    )


def _choose_sample(entry: PooledCell, samples: Sequence[Sample]) -> Sample:
    """The sample to read: where there are several, the first with the voted answer unless another was chosen."""
    usual = next((i for i, sample in enumerate(samples, 1) if sample.position == entry.shown), 1)
    number = _sample_widget(entry, samples, usual) if len(samples) > 1 else usual
    st.session_state[view_state.SAMPLE] = None if number == usual else number
    return samples[number - 1]


def _sample_widget(entry: PooledCell, samples: Sequence[Sample], usual: int) -> int:
    count = len(samples)
    key = f"compare_sample_{samples[0].position}"  # each cell its own: the choice in one means nothing in another
    # Given as the widget's own default: pills whose script loads late would lose a value that session state has set.
    start = st.session_state.get(key) or view_state.start_sample(entry.row, entry.column)
    start = start if 1 <= start <= count else usual

    def label(number: int) -> str:
        sample = samples[number - 1]
        ended = STATE_WORDS[STATES[sample.status]] if sample.status in STATES else ""
        said = (sample.answer or "no answer") if sample.status == "answered" else ended or sample.status
        return f"{number} {said}"

    numbers = list(range(1, count + 1))
    if count > _PILLS:
        shown = st.selectbox(
            f"Sample of {count}", numbers, index=start - 1, format_func=lambda n: one_line(label(n), 60), key=key
        )
        return shown or usual
    chosen = st.pills(
        "Sample",
        numbers,
        default=start,
        format_func=lambda n: plain(label(n), limit=16),
        key=key,
        required=True,
        label_visibility="collapsed",
    )
    return chosen or usual


def what_came(row: ResultRow) -> None:
    """The reply of a result row; of one without a reply, why."""
    if row.output is not None:
        _text(row.output)
    elif row.error:
        said, _, raw = row.error.partition("\n\n")
        st.warning(plain(said, limit=600))
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
    """What was sent; of a cell without a reply what its plan says."""
    sent = row.request_json
    with st.expander(
        "Messages" if sent is None else "Messages sent", key="compare_messages_open", on_change="rerun"
    ) as opened:
        if opened.open:
            message_list(planned() if sent is None else sent_messages(sent), height=420, key="compare_messages")


def planned_messages(plan: Plan, row: ResultRow) -> list[Message]:
    """The messages that a cell of the plan is sent with, told by its result row."""
    prompt = next(p for p in plan.prompts if (p.name, p.version) == (row.prompt, row.prompt_version))
    case = next(case for case in plan.cases if case.id == row.case_id)
    turns = techniques.build_turns(prompt, case.inputs, row.technique, k=plan.examples_k, examples_as=plan.examples_as)
    return [turn.message for turn in turns]


def _attempts(database: Database, run_id: str, row: ResultRow) -> None:
    """What failed or was lost on the way to the reply, or instead of one."""
    made = attempts.log(database, run_id, row.position)
    if not made:
        return
    with st.expander(f"Attempts that failed ({len(made)})", key="compare_attempts_open", on_change="rerun") as opened:
        if opened.open:
            facts(attempt_lines(made, runs.find_run(database, run_id), row.status), key="compare_attempts")


def sent_messages(request_json: str) -> list[Message]:
    """The messages of a request; a plain continuation's prompt stands as the user's."""
    body = json.loads(request_json)
    if "messages" not in body:
        return [Message("user", str(body.get("prompt", "")))]
    return [Message(m["role"], str(m.get("content") or "")) for m in body["messages"]]


def judged(row: ResultRow, entry: PooledCell | None = None) -> list[Fact]:
    """What was read out of the reply, what was expected, and what each check says; of an entry how the vote went."""
    lines = []
    if row.status == "answered":
        answer = one_line(row.answer) if row.answer is not None else ""
        lines.append(Fact("answer", answer or ("(empty)" if row.answer == "" else "none read"), row.answer_note))
    if entry is not None and entry.samples > 1 and entry.answer is not None:
        shown = one_line(entry.answer)
        lines.append(Fact("vote", shown, f"{entry.votes} of {entry.answered} replies"))
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
