"""What was asked for, what was sent and what it took, as lines of names and values. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from promptgrid import humanize
from promptgrid.runner import phrases
from promptgrid.store.attempts import Attempt
from promptgrid.store.results import ResultRow
from promptgrid.store.runs import RunInfo
from promptgrid.ui.compare.facts import Fact

_HONOURED = {True: "the model takes it", False: "not sent", None: "nobody knows whether the model heeds it"}
_TEXTS = ("messages", "prompt")  # what is shown elsewhere of a request


def circumstances(row: ResultRow) -> list[Fact]:
    """One result row, line by line; those without a value or a note say nothing."""
    honoured, wire = json.loads(row.honoured or "{}"), json.loads(row.request_json or "{}")
    return [
        Fact("model", f"{row.endpoint}/{row.model}", _other_model(row)),
        Fact("prompt", f"{row.prompt}@{row.prompt_version[:6]}", row.technique),
        Fact("temperature", *_temperature(row, honoured)),
        _parameter("top_p", row.top_p, honoured),
        _parameter("seed", row.seed, honoured),
        _parameter("reasoning_effort", wire.get("reasoning_effort"), honoured),
        Fact("max tokens", _number(row.max_tokens)),
        Fact("note", "", row.parameter_note),
        Fact("sample", str(row.sample + 1), _batch_note(row)),
        Fact("tokens", *_tokens(row)),
        Fact("cost", "" if row.cost_usd is None else humanize.dollars(row.cost_usd) if row.cost_usd else "free"),
        Fact("latency", "" if row.latency_ms is None else f"{row.latency_ms / 1000:,.2f} s"),
        Fact("attempts", str(row.attempts or "")),
        Fact("reused", *_reused(row)),
        Fact("finished", row.finish_reason or "", _cut_note(row)),
        Fact("when", (row.created_utc or "")[:19].replace("T", " "), "UTC" if row.created_utc else ""),
        Fact("on the wire", _on_the_wire(wire)),
        Fact("cell", row.cell_id),
    ]


def _other_model(row: ResultRow) -> str:
    returned = row.model_returned
    return f"answered as {returned}" if returned and returned != row.model else ""


def _temperature(row: ResultRow, honoured: Mapping[str, bool | None]) -> tuple[str, str]:
    asked, sent = row.temperature, row.temperature_sent
    if asked is None and sent is None:
        return "the model's default", ""
    said = "" if asked == sent else f"asked {_number(asked)}, sent {_number(sent) or 'none'}"
    heeded = _HONOURED[honoured["temperature"]] if "temperature" in honoured and not said else ""
    return _number(asked if sent is None else sent), said or heeded


def _parameter(name: str, sent: Any, honoured: Mapping[str, bool | None]) -> Fact:
    """A parameter that was asked for and not sent has no value here: the note of the cell names it."""
    note = _HONOURED[honoured[name]] if name in honoured else ""
    return Fact(name, _number(sent), note)


def _tokens(row: ResultRow) -> tuple[str, str]:
    if row.prompt_tokens is None and row.completion_tokens is None:
        counted = row.prompt_tokens_counted
        return "", "" if counted is None else f"{counted:,} in the prompt by our count; the endpoint reported none"
    value = f"{_number(row.prompt_tokens) or '?'} → {_number(row.completion_tokens) or '?'}"
    parts = [(row.reasoning_tokens, "of them reasoning"), (row.cached_tokens, "cached")]
    return value, ", ".join(f"{count:,} {word}" for count, word in parts if count)


def _batch_note(row: ResultRow) -> str:
    batch = row.batch or 1
    return f"one of {batch} that a single request asked for" if batch > 1 else ""


def _reused(row: ResultRow) -> tuple[str, str]:
    return ("yes", "answered before: not sent, and not paid, by this cell") if row.reused else ("", "")


def _cut_note(row: ResultRow) -> str:
    return "the reply was cut at the token limit" if row.finish_reason == "length" else ""


def _on_the_wire(body: Mapping[str, Any]) -> str:
    """The request but for its texts, in one line; "" where none was answered."""
    rest = {name: value for name, value in body.items() if name not in _TEXTS}
    return json.dumps(rest, ensure_ascii=False) if rest else ""


def _number(value: float | str | None) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value


def attempt_lines(made: Sequence[Attempt], info: RunInfo, status: str) -> list[Fact]:
    """Each attempt that failed or was lost: number and time, what happened, how long it took and what was waited."""
    return [_attempt(one, info, status) for one in made]


def _attempt(one: Attempt, info: RunInfo, status: str) -> Fact:
    took = f"after {one.ms / 1000:,.1f} s" if one.ms is not None else ""
    waited = f"tried again {one.wait_s:,.1f} s later" if one.wait_s else ""
    note = " · ".join(filter(None, [took, waited, one.message]))
    when = f"{datetime.fromtimestamp(one.started):%H:%M:%S}"
    return Fact(f"{one.number} at {when}", phrases.attempt_words(one, info, status), note)
