"""Describes the state, progress, failures and cost of a run in words. Pure functions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from promptgrid.grid.estimate import Estimate
from promptgrid.grid.preflight import ModelPreflight, Preflight
from promptgrid.humanize import clock, dollars, many
from promptgrid.store.attempts import Attempt
from promptgrid.store.runs import ACTIVE, RunInfo, RunProgress, RunStatus

STATUS_WORDS: Mapping[RunStatus, str] = {
    "planning": "being planned",
    "queued": "waiting to start",
    "running": "running",
    "pausing": "pausing",
    "paused": "paused",
    "cancelling": "cancelling",
    "cancelled": "cancelled",
    "finished": "done",
    "stopped": "stopped",
}

# The failure in a few words, and what to do about it, by EndpointError.kind.
FAILURES: Mapping[str, tuple[str, str]] = {
    "auth": ("key refused", "Check the key; Settings shows where it goes and tests the connection."),
    "quota": ("no credit left", "Top up the account, then resume: what is answered is not sent again."),
    "unknown_model": ("model unknown", "Check the model's name; Settings lists what the endpoint serves."),
    "rate_limited": ("rate limited", "Lower the concurrency under More, or resume later."),
    "server": ("server errors", "The endpoint had trouble of its own: resume later."),
    "timeout": ("timed out", "Lower the concurrency or the max tokens, or resume."),
    "connection": ("no connection", "Start the endpoint or mend the network, then resume."),
    "refused_parameter": ("parameter refused", "The model does not take it: leave it out, or take another model."),
    "too_long": ("too long", "The prompt and its reply do not fit: fewer examples, a shorter case, fewer max tokens."),
    "bad_request": ("request refused", "Compare shows what the endpoint said, cell by cell."),
    "bad_reply": ("unusable reply", "It was not what the protocol promises, three times; Compare shows what came."),
    "unread": ("not readable", "The reply is kept; it is a bug of Promptgrid: Compare shows where, please report it."),
    "no_answer": ("no answer", "Withheld, spent on reasoning, or a tool called: Compare shows which, cell by cell."),
}
_UNKNOWN_REMEDY = "Compare shows what happened, cell by cell."
_IN_FLIGHT_S = 600.0  # no call takes longer: an older attempt without an end was lost

# The facts needed to know the most that a call can cost, by the unit of the budget.
_TO_KNOW: Mapping[str, str] = {
    "usd": "a price in models.toml and max tokens are needed to know",
    "tok": "set max tokens to know",
    "min": "the first replies will tell how fast they come",
}


def own_checks_words(sheet: Preflight) -> str:
    """Returns a sentence on how many cases have checks of their own in their table; "" if none has."""
    count = sheet.own_checks
    bring = "case brings checks of its" if count == 1 else "cases bring checks of their"
    return f"{count:,} {bring} own." if count else ""


def cost(estimate: Estimate) -> str:
    """Returns the estimated cost in words: `free`, an amount or a range in US dollars, or `price not known`."""
    if estimate.free:
        return "free"
    if estimate.cost_floor is None:
        return "price not known"
    if estimate.cost_ceiling is None:
        return f"{dollars(estimate.cost_floor)} or more"
    if estimate.cost_ceiling == estimate.cost_floor:
        return dollars(estimate.cost_floor)
    return f"{dollars(estimate.cost_floor)} to {dollars(estimate.cost_ceiling)}"


def dated_cost(estimate: Estimate, models: Sequence[ModelPreflight]) -> str:
    """Returns the estimated cost in words as `cost` does, followed by the date on which the oldest of the models'
    prices was checked, or by a note that this date is not known. A price that was checked more than a year ago makes
    the cost an approximation (≈)."""
    priced = [model.facts for model in models if model.facts.has_price]
    if estimate.free or estimate.cost_floor is None or not priced:
        return cost(estimate)
    dates = sorted(facts.price_date for facts in priced if facts.price_date)
    old = any(facts.price_is_old for facts in priced)
    notes = [f"price{'s' if len(priced) > 1 else ''} of {dates[0]}" + ", over a year old" * old] if dates else []
    if len(dates) < len(priced):
        notes.append("price date not known" if len(priced) == 1 else "the date of a price is not known")
    return f"{'≈ ' * old}{cost(estimate)} ({'; '.join(notes)})"


def progress_words(info: RunInfo, state: RunProgress) -> list[str]:
    """Returns the figures of a run's progress as texts, without those that are zero: `120 of 216 cells`, `360 calls`,
    `4.1/s`, `1:40 left`, `12 in flight`, `3 retried`, `$0.0142`. The calls are left out if each cell took one."""
    words = [f"{state.done:,} of {many(state.total, 'cell')}"]
    if state.calls not in (0, state.by_status.get("answered", 0) - state.reused):
        words.append(many(state.calls, "call"))
    if info.status == "running" and state.per_second:
        words.append(_rate_words(state.per_second))
        words += [f"{clock(state.seconds_left)} left"] if state.seconds_left else []
    words += [f"{state.in_flight:,} in flight"] if state.in_flight and info.status == "running" else []
    words += [f"{state.scored[0]:,} of {state.scored[1]:,} scored"] if state.scored and info.status == "running" else []
    words += [f"{state.reused:,} already answered"] if state.reused else []
    words += [f"{state.retried:,} retried"] if state.retried else []
    words += [f"{count:,} {name.replace('_', ' ')}" for name, count in _ended_badly(state)]
    return words + _spent(state)


def _rate_words(per_second: float) -> str:
    return f"{per_second:.1f}/s" if per_second >= 0.1 else f"{60 * per_second:.1f}/min"


def _ended_badly(state: RunProgress) -> list[tuple[str, int]]:
    return [(s, n) for s, n in state.by_status.items() if s not in ("answered", "pending") and n]


def _spent(state: RunProgress) -> list[str]:
    if state.spent_usd is None:
        return ["cost not known"]
    return [dollars(state.spent_usd)] if state.spent_usd else []


def status_words(info: RunInfo, state: RunProgress) -> str:
    """Returns the run's status in words. For a run that is pausing, also how many calls in flight it still waits
    for."""
    if info.status == "pausing" and state.in_flight:
        calls = "call in flight is" if state.in_flight == 1 else "calls in flight are"
        return f"pausing: {state.in_flight:,} {calls} coming in"
    return STATUS_WORDS[info.status]


def pace_words(info: RunInfo, state: RunProgress) -> list[str]:
    """Returns a line for each endpoint that slows a run in progress, because it allows fewer calls in flight than the
    user's limit, or makes callers wait: `openai: 4 at a time of 32, waits 12 s`."""
    lines = []
    for name, pace in state.paces.items() if info.status == "running" else ():
        parts = [f"{pace.window:,} at a time of {pace.most:,}"] if pace.window < pace.most else []
        parts += [f"waits {pace.waits_s:.0f} s"] if pace.waits_s >= 1 else []
        if parts:
            lines.append(f"{name}: {', '.join(parts)}")
    return lines


def failures(state: RunProgress) -> list[tuple[str, str]]:
    """Returns the run's failed cells by kind of error, commonest first: pairs such as (`72 timed out`, a sentence on
    what to do)."""
    lines = []
    for kind, count in sorted(state.errors.items(), key=lambda item: -item[1]):
        what, remedy = FAILURES.get(kind, (kind, _UNKNOWN_REMEDY))
        lines.append((f"{count:,} {what}", remedy))
    return lines


def ended(info: RunInfo, state: RunProgress) -> str:
    """Returns the summary of a run that has just ended: `done: 69 of 72 answered, $0.0142`."""
    answered = f"{state.by_status.get('answered', 0):,} of {state.total:,} answered"
    return ", ".join([f"{STATUS_WORDS[info.status]}: {answered}", *_spent(state)])


def attempt_words(attempt: Attempt, info: RunInfo, status: str, now: float | None = None) -> str:
    """Returns in a few words how the attempt at a call ended, or that it is in flight. `info` is its run, `status` the
    status of the attempt's cell, `now` the time in seconds since 1970 (None: the present).

    An attempt without a recorded end counts as in flight for ten minutes while its run is active and its cell pending,
    else as lost with its runner.
    """
    if attempt.kind:
        return _ATTEMPTS.get(attempt.kind) or FAILURES.get(attempt.kind, (attempt.kind, ""))[0]
    young = (time.time() if now is None else now) - attempt.started < _IN_FLIGHT_S
    if young and status == "pending" and info.status in ACTIVE:
        return "in flight"
    return "lost with its runner"


_ATTEMPTS: Mapping[str, str] = {"unreported": "answered, cost not reported"}


def calls_words(estimate: Estimate) -> str:
    """Returns the number of calls in words: `24 calls`, or `up to 24 calls` where techniques may end early."""
    return ("up to " if estimate.spare_calls else "") + many(estimate.calls, "call")


def for_replies(estimate: Estimate) -> str:
    """Returns ` for 72 replies` where calls bring several replies each, so that there are fewer calls than cells to
    answer; else ""."""
    return f" for {estimate.asked:,} replies" if estimate.asked > estimate.calls > 0 else ""


def budget_words(preflight: Preflight) -> str:
    """Returns a warning if the plan may exceed its budget or its limit of calls, or if that is unknown; "" without
    them, or if the most that it can take is within them."""
    calls = ""
    if not preflight.within_max_calls:
        over = f"over the limit of {preflight.max_calls:,}: the run stops before it crosses it."
        calls = f"The {calls_words(preflight.total)} of this plan are {over}"
    return " ".join(filter(None, [_budget_words(preflight), calls]))


def _budget_words(preflight: Preflight) -> str:
    budget = preflight.budget
    if budget is None or preflight.within_budget:
        return ""
    if preflight.within_budget is None:
        why = _TO_KNOW.get(budget.unit, "")
        return f"Whether the budget of {budget} is enough is not known: {why}. The run stops before crossing it."
    return f"The most this can take is over the budget of {budget}: the run stops before it crosses it."
