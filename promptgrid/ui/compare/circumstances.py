"""The parameters, tokens, cost and failed attempts of a reply, as lines of names and values, from pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from promptgrid import humanize
from promptgrid.prompt.parameters import SPECS, ParameterSpec
from promptgrid.runner import phrases
from promptgrid.store.attempts import Attempt
from promptgrid.store.results import ResultRow
from promptgrid.store.runs import RunInfo
from promptgrid.ui.compare.facts import Fact

_HONOURED = {True: "honoured by the model", False: "not sent", None: "not known whether the model honours it"}
_TEXTS = ("messages", "prompt")  # the parts of a request that the detail shows elsewhere


def circumstances(row: ResultRow) -> list[Fact]:
    """Returns the lines on a reply: model, prompt, parameters, tokens, cost, latency and so on. A line that has neither
    a value nor a note is not drawn."""
    together = f"one of {row.batch} from a single request" if (row.batch or 1) > 1 else ""
    honoured, wire = json.loads(row.honoured or "{}"), json.loads(row.request_json or "{}")
    return [
        Fact("model", f"{row.endpoint}/{row.model}", _other_model(row)),
        Fact("prompt", f"{row.prompt}@{row.prompt_version[:6]}", row.technique),
        *(_parameter(spec, row, wire, honoured) for spec in SPECS if spec.column or spec.name in honoured),
        Fact("examples", row.examples),
        Fact("note", "", row.parameter_note),
        Fact("sample", str(row.sample + 1), together),
        Fact("tokens", *_tokens(row)),
        Fact("cost", "" if row.cost_usd is None else humanize.dollars(row.cost_usd) if row.cost_usd else "free"),
        Fact("latency", humanize.latency(row.latency_ms)),
        Fact("attempts", str(row.attempts or "")),
        Fact("reused", *(("yes", "an earlier reply: not sent and not paid again") if row.reused else ("", ""))),
        Fact("finished", row.finish_reason or "", "cut off at max tokens" if row.finish_reason == "length" else ""),
        Fact("when", (row.created_utc or "")[:19].replace("T", " "), "UTC" if row.created_utc else ""),
        Fact("on the wire", _on_the_wire(wire)),
        Fact("cell", row.cell_id),
    ]


def _other_model(row: ResultRow) -> str:
    returned = row.model_returned
    return f"answered as {returned}" if returned and returned != row.model else ""


def _parameter(
    spec: ParameterSpec, row: ResultRow, wire: Mapping[str, Any], honoured: Mapping[str, bool | None]
) -> Fact:
    """Returns the line on one parameter of a reply: the value that was sent, from the row or else from the request body
    `wire`, and a note. If a plan can vary the parameter, the line has the requested value where none was sent, and the
    note names both values where they differ. In all other cases the note follows from `honoured`: the model honours the
    parameter (True), it was not sent (False), or it is not known whether the model honours it (None)."""
    name = spec.label.lower()
    if spec.plural:
        return Fact(name, *_axis(spec, row, honoured))
    sent = row.parameters[spec.column] if spec.column else wire.get(spec.name)
    return Fact(name, _number(sent), _honoured_note(spec, honoured))


def _axis(spec: ParameterSpec, row: ResultRow, honoured: Mapping[str, bool | None]) -> tuple[str, str]:
    requested, sent = row.parameters[spec.column], row.parameters[spec.sent_column]
    if requested is None and sent is None:
        return "the model's default", ""
    change = "" if requested == sent else f"requested {_number(requested)}, sent {_number(sent) or 'none'}"
    return _number(requested if sent is None else sent), change or _honoured_note(spec, honoured)


def _honoured_note(spec: ParameterSpec, honoured: Mapping[str, bool | None]) -> str:
    return _HONOURED[honoured[spec.name]] if spec.name in honoured else ""


def _tokens(row: ResultRow) -> tuple[str, str]:
    if row.prompt_tokens is None and row.completion_tokens is None:
        counted = row.prompt_tokens_counted
        return "", "" if counted is None else f"{counted:,} in the prompt by our count; the endpoint reports none"
    value = f"{_number(row.prompt_tokens) or '?'} → {_number(row.completion_tokens) or '?'}"
    parts = [(row.reasoning_tokens, "of them reasoning"), (row.cached_tokens, "cached")]
    return value, ", ".join(f"{count:,} {word}" for count, word in parts if count)


def _on_the_wire(body: Mapping[str, Any]) -> str:
    """Returns the request body without its messages or prompt, as JSON in one line; "" if nothing is left."""
    rest = {name: value for name, value in body.items() if name not in _TEXTS}
    return json.dumps(rest, ensure_ascii=False) if rest else ""


def _number(value: float | str | None) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value


def attempt_lines(failed: Sequence[Attempt], info: RunInfo, status: str) -> list[Fact]:
    """Returns a line for each of the attempts `failed`, which failed or were lost with their runner: number, time,
    error, duration, and the wait before the next. By `info`, the run, and `status`, the status of the attempts' cell, a
    line may instead say that the attempt is in flight."""
    return [_attempt(attempt, info, status) for attempt in failed]


def _attempt(attempt: Attempt, info: RunInfo, status: str) -> Fact:
    duration = f"after {attempt.ms / 1000:,.1f} s" if attempt.ms is not None else ""
    wait = f"next attempt {attempt.wait_s:,.1f} s later" if attempt.wait_s else ""
    note = " · ".join(filter(None, [duration, wait, attempt.message]))
    time = f"{datetime.fromtimestamp(attempt.started):%H:%M:%S}"
    return Fact(f"{attempt.number} at {time}", phrases.attempt_words(attempt, info, status), note)
