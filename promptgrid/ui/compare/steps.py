"""Shows the parts of a cell's answer: the calls of a technique that makes several, the calls of tools, and the beams
of a search."""

from __future__ import annotations

import json
from itertools import takewhile

import streamlit as st

from promptgrid.compare import ComparisonRow, ComparisonRows
from promptgrid.humanize import dollars, latency, many, text_probability
from promptgrid.prompt import Message
from promptgrid.prompt.tools import calls_from
from promptgrid.prompt.tools.side_by_side import aligned
from promptgrid.store import Database
from promptgrid.store.results import ResultRow, result_rows
from promptgrid.store.steps import StoredStep, steps_of
from promptgrid.text import one_line
from promptgrid.ui.compare.facts import Fact, facts
from promptgrid.ui.widgets.messages import aligned_table, message_list, sent_messages


def steps_list(database: Database, run_id: str, row: ResultRow) -> None:
    """Lists the calls of the cell in a closed expander; draws nothing for a cell of one call."""
    if not row.steps_json:
        return
    calls = steps_of(database, run_id, row.position)
    label = f"Steps ({many(row.calls or len(calls), 'call')})"
    with st.expander(label, key="compare_steps_open", on_change="rerun") as opened:
        if opened.open:
            marked = [pair for call in calls for pair in _marked(call)]
            messages, marks = [message for message, _ in marked], [mark for _, mark in marked]
            message_list(messages, marks=marks, height=420, key="compare_steps")


def calls_list(database: Database, comparison: ComparisonRows, shown: ComparisonRow, row: ResultRow) -> None:
    """Draws the calls of the row's cells in a closed expander, one column for each of the table's columns: of several
    samples the first. Draws nothing if the selected cell (`row`) calls no tool."""
    calls = calls_from(row.tool_calls_json or "")
    if not calls:
        return
    with st.expander(f"Tools ({many(len(calls), 'call')})", key="compare_calls_open", on_change="rerun") as opened:
        if not opened.open:
            return
        entries = {head.label: shown.entries.get(head.id) for head in comparison.columns}
        others = {label: entry.representative for label, entry in entries.items() if entry}
        others = {label: position for label, position in others.items() if position not in (None, row.position)}
        positions = [position for position in others.values() if position is not None]
        texts = {one.position: one.tool_calls_json for one in result_rows(database, row.run_id, positions)}
        replies = {"this cell": calls}
        replies |= {one_line(label): calls_from(texts.get(at or 0) or "") for label, at in others.items()}
        aligned_table(aligned([*replies.values()]), [*replies], key="compare_calls")


def beams_list(row: ResultRow) -> None:
    """Lists the beams of a search, the best first, each with its probability; draws nothing for any other reply."""
    if not row.beams_json:
        return
    beams = json.loads(row.beams_json)
    with st.expander(f"Beams ({len(beams)})", key="compare_beams_open", on_change="rerun") as opened:
        if opened.open:
            lines = [
                Fact(f"beam {rank}", beam["text"], text_probability(beam["logprob"], beam["tokens"]))
                for rank, beam in enumerate(beams, 1)
            ]
            facts(lines, key="compare_beams")


def _marked(call: StoredStep) -> list[tuple[Message, str]]:
    """Returns the messages that the call added and its reply, each with its mark."""
    step = f"{call.round + 1} · {call.step}"
    return [*((message, step) for message in new_messages(call.request)), (_reply(call), _figures(call))]


def new_messages(request: str) -> list[Message]:
    """Returns the messages of a request body (JSON) that stand in no earlier step: the results of all calls of a reply,
    or else the last message."""
    messages = sent_messages(request)
    results = list(takewhile(lambda message: message.role == "tool", reversed(messages)))
    return results[::-1] or messages[-1:]


def _reply(call: StoredStep) -> Message:
    return Message("assistant", call.text, calls_from(call.tool_calls))


def _figures(call: StoredStep) -> str:
    """Returns the model, tokens, cost and time of a call in one line; what is not known is left out."""
    counts = ["?" if count is None else f"{count:,}" for count in (call.prompt_tokens, call.completion_tokens)]
    figures = [
        f"{call.endpoint}/{call.model}",
        "" if counts == ["?", "?"] else f"{counts[0]} → {counts[1]} tokens",
        "" if not call.cost_usd else dollars(call.cost_usd),
        latency(call.latency_ms),
        f"one of {call.batch} from a single request" if call.batch > 1 else "",
        "reused" if call.reused else "",
    ]
    return " · ".join(filter(None, figures))
