"""One cell of the comparison in full: what came back, how it was read and scored, and everything that was sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from promptgrid import techniques
from promptgrid.compare.matrix import Entry, MatrixCase
from promptgrid.compare.samples import Sample
from promptgrid.grid import Plan
from promptgrid.prompt import Message
from promptgrid.store import Database, attempts, results, runs
from promptgrid.ui import compare_cells, compare_view
from promptgrid.ui.compare_circumstances import attempt_lines, circumstances
from promptgrid.ui.compare_facts import Fact, facts
from promptgrid.ui.matrix import STATE_WORDS
from promptgrid.ui.messages import message_list
from promptgrid.ui.plain import plain

_PILLS = 10  # more samples than this are chosen from a list
_TALL = 900  # characters; longer texts scroll in a box of their own
_TEXT_HEIGHT = 280

Row = Mapping[str, Any]


def detail(database: Database, run_id: str, view: compare_view.View, case: MatrixCase, entry: Entry) -> None:
    """Draws the selected cell; the texts are read in full from the database."""
    _head(view, case, entry)
    sample = _choose_sample(entry)
    row = next(results.result_rows(database, run_id, [sample.position]))
    _what_came(row)
    facts(judged(row, entry), key="compare_judged")
    _folded("Reasoning", row["reasoning"], "compare_reasoning")
    _messages(row, lambda: planned_messages(runs.plan_of(database, run_id), row))
    _attempts(database, run_id, row)
    with st.expander("Parameters, tokens, cost", key="compare_facts_open", on_change="rerun") as opened:
        if opened.open:
            facts(circumstances(row), key="compare_facts")


def _head(view: compare_view.View, case: MatrixCase, entry: Entry) -> None:
    index = next(i for i, other in enumerate(view.cases) if other.case_id == case.case_id)
    with st.container(horizontal=True, vertical_alignment="center", gap=None, key="compare_head"):
        st.markdown(f"**{plain(view.matrix.label(entry.variant))}**", width="stretch")
        _step(view, index - 1, entry, "Previous case", "chevron_left")
        _step(view, index + 1, entry, "Next case", "chevron_right")
        st.button(
            "Close", icon=":material/close:", type="tertiary", key="compare_close", on_click=compare_view.unselect
        )
    st.caption(plain(f"Case {compare_cells.case_title(case)}"))


def _step(view: compare_view.View, index: int, entry: Entry, label: str, icon: str) -> None:
    there = 0 <= index < len(view.cases)
    st.button(
        label,
        icon=f":material/{icon}:",
        type="tertiary",
        key=f"compare_{icon}",
        disabled=not there,
        on_click=compare_view.select,
        args=(view.cases[index].case_id, entry.variant.id, index // compare_view.PAGE_ROWS + 1) if there else None,
    )


def _choose_sample(entry: Entry) -> Sample:
    """The sample to read: where there are several, the first with the voted answer unless another was chosen."""
    usual = entry.samples.index(entry.shown) + 1
    number = _sample_widget(entry, usual) if len(entry.samples) > 1 else usual
    st.session_state[compare_view.SAMPLE] = None if number == usual else number
    return entry.samples[number - 1]


def _sample_widget(entry: Entry, usual: int) -> int:
    count = len(entry.samples)
    key = f"compare_sample_{entry.samples[0].position}"  # each cell its own: the choice in one means nothing in another
    # Given as the widget's own default: pills whose script loads late would lose a value that session state has set.
    start = st.session_state.get(key) or compare_view.start_sample(entry)
    start = start if 1 <= start <= count else usual

    def label(number: int) -> str:
        sample = entry.samples[number - 1]
        said = (sample.answer or "no answer") if sample.answered else sample.status.replace("_", " ")
        return f"{number} {said}"

    numbers = list(range(1, count + 1))
    if count > _PILLS:
        shown = st.selectbox(
            f"Sample of {count}", numbers, index=start - 1, format_func=lambda n: label(n)[:60], key=key
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


def _what_came(row: Row) -> None:
    if row["status"] == "answered":
        _text(row["output"])
    elif row["error"]:
        said, _, raw = row["error"].partition("\n\n")
        st.warning(plain(said, limit=600))
        if raw:
            _text(raw)
    else:
        st.caption("Cancelled before it was sent." if row["status"] == "cancelled" else "Not sent yet.")


def _text(text: str) -> None:
    tall = len(text) > _TALL or text.count("\n") > 12
    st.code(text, language=None, wrap_lines=True, height=_TEXT_HEIGHT if tall else "content")


def _folded(label: str, text: str, key: str) -> None:
    if not text.strip():
        return
    with st.expander(label, key=key, on_change="rerun") as opened:
        if opened.open:
            _text(text)


def _messages(row: Row, planned: Callable[[], list[Message]]) -> None:
    """What was sent; of a cell without a reply what its plan says."""
    sent = row["request_json"]
    with st.expander(
        "Messages" if sent is None else "Messages sent", key="compare_messages_open", on_change="rerun"
    ) as opened:
        if opened.open:
            message_list(planned() if sent is None else sent_messages(sent), height=420, key="compare_messages")


def planned_messages(plan: Plan, row: Row) -> list[Message]:
    """The messages that a cell of the plan is sent with, told by its result row."""
    prompt = next(p for p in plan.prompts if (p.name, p.version) == (row["prompt"], row["prompt_version"]))
    case = next(case for case in plan.cases if case.id == row["case_id"])
    turns = techniques.build_turns(
        prompt, case.inputs, row["technique"], k=plan.examples_k, examples_as=plan.examples_as
    )
    return [turn.message for turn in turns]


def _attempts(database: Database, run_id: str, row: Row) -> None:
    """What failed or was lost on the way to the reply, or instead of one."""
    made = attempts.log(database, run_id, row["position"])
    if not made:
        return
    with st.expander(f"Attempts that failed ({len(made)})", key="compare_attempts_open", on_change="rerun") as opened:
        if opened.open:
            facts(attempt_lines(made, runs.find_run(database, run_id), row["status"]), key="compare_attempts")


def sent_messages(request_json: str) -> list[Message]:
    """The messages of a request; a plain continuation's prompt stands as the user's."""
    body = json.loads(request_json)
    if "messages" not in body:
        return [Message("user", str(body.get("prompt", "")))]
    return [Message(m["role"], str(m.get("content") or "")) for m in body["messages"]]


def judged(row: Row, entry: Entry) -> list[Fact]:
    """What was read out of the reply, what was expected, and what each check says."""
    lines = []
    if row["status"] == "answered":
        answer = compare_cells.one_line(row["answer"]) if row["answer"] is not None else ""
        lines.append(Fact("answer", answer or ("(empty)" if row["answer"] == "" else "none read"), row["answer_note"]))
    if len(entry.samples) > 1 and entry.vote.answer is not None:
        shown = compare_cells.one_line(entry.shown.answer or "")
        lines.append(Fact("vote", shown, f"{entry.vote.votes} of {len(entry.answered)} replies"))
    if row["expected"] is not None:
        lines.append(Fact("expected", compare_cells.one_line(row["expected"])))
    return lines + [_score(row, name[6:]) for name in row if name.startswith("score.")]


def _score(row: Row, check: str) -> Fact:
    value, passed = row[f"score.{check}"], row[f"passed.{check}"]
    why = row[f"explain.{check}"]
    if value is None:
        return Fact(f"check {check}", "not scored", why.removeprefix("not scored: "), "mind")
    word = STATE_WORDS["right" if passed else "wrong"]
    share = "" if value in (0, 1) else f" ({compare_cells.percent(value)})"
    return Fact(f"check {check}", word + share, why, "good" if passed else "bad")
