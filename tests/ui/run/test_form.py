"""What is typed as a temperature, and the words of the sheet."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from promptgrid import humanize
from promptgrid.budget import parse_budget
from promptgrid.errors import ErrorKind
from promptgrid.grid.estimate import Estimate
from promptgrid.grid.preflight import Preflight, model_preflight
from promptgrid.models import ModelFacts
from promptgrid.prompt.parameters import AXIS_SPECS
from promptgrid.runner import phrases
from promptgrid.store.attempts import Attempt
from promptgrid.store.runs import PaceSnapshot, RunInfo, RunProgress, RunStatus
from promptgrid.ui.run.axes import parse_values
from tests.ui import pages
from tests.ui.pages import ran


@pytest.mark.parametrize(
    ("typed", "good", "bad"),
    [
        (["0.7", "0"], ["0", "0.7"], []),
        (["0,7", "0.70"], ["0.7"], []),
        (["hot", "2.1", "-1", "nan"], [], ["hot", "2.1", "-1", "nan"]),
        (["2", "1e0"], ["1", "2"], []),
    ],
)
def test_temperatures_are_numbers_from_0_to_2_in_order(typed: list[str], good: list[str], bad: list[str]) -> None:
    assert parse_values(AXIS_SPECS[0], typed) == (good, bad)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.2, "about 1 s"), (42, "about 42 s"), (240, "about 4 min"), (3 * 3600, "about 3 h")],
)
def test_durations_are_rounded_to_what_they_are_worth(seconds: float | None, text: str) -> None:
    assert humanize.duration(seconds) == text


def test_ago_gives_the_day_when_it_was_not_today() -> None:
    assert [humanize.ago(1000, now) for now in (1030, 1000 + 300, 1000 + 7200)] == ["just now", "5 min ago", "2 h ago"]
    assert humanize.ago(1_700_000_000, 1_800_000_000).endswith("Nov 2023")


def a_run(status: RunStatus, message: str = "") -> RunInfo:
    return RunInfo("a", "n", "", status, message, 1080, 0.0, 0.0, None, None, None)


def state_of(**changes: Any) -> RunProgress:
    by_status = {"answered": 667, "failed": 3, "pending": 410}
    return replace(RunProgress(1080, by_status, 96, 3, 0.0142, 4.1, 12, {}, {"timeout": 1, "server": 2}), **changes)


def test_progress_says_what_there_is_and_nothing_else() -> None:
    assert phrases.progress_words(a_run("running"), state_of()) == [
        "670 of 1,080 cells", "4.1/s", "1:40 left", "12 in flight", "96 already answered", "3 retried", "3 failed",
        "$0.0142",
    ]  # fmt: skip
    nothing = RunProgress(72, {"pending": 72}, 0, 0, 0.0, 0.0, 0, {}, {})
    assert phrases.progress_words(a_run("queued"), nothing) == ["0 of 72 cells"]


@pytest.mark.parametrize(("calls", "words"), [(571, []), (1713, ["1,713 calls"]), (143, ["143 calls"])])
def test_calls_are_counted_beside_cells_where_a_cell_is_not_one_call(calls: int, words: list[str]) -> None:
    assert phrases.progress_words(a_run("running"), state_of(calls=calls))[1:-7] == words


def test_a_price_that_is_not_known_is_not_left_out() -> None:
    assert phrases.progress_words(a_run("running"), state_of(spent_usd=None))[-1] == "cost not known"


def test_a_pausing_run_says_what_it_waits_for() -> None:
    assert phrases.status_words(a_run("pausing"), state_of(in_flight=3)) == "pausing: 3 calls in flight are coming in"
    assert phrases.status_words(a_run("pausing"), state_of(in_flight=1)) == "pausing: 1 call in flight is coming in"
    assert phrases.status_words(a_run("pausing"), state_of(in_flight=0)) == "pausing"
    assert phrases.status_words(a_run("running"), state_of()) == "running"


def test_only_an_endpoint_that_is_held_back_is_named() -> None:
    paces = {
        "full": PaceSnapshot(32, 32, 0.0),
        "openai": PaceSnapshot(4, 32, 12.3),
        "wide": PaceSnapshot(8, 8, 5.0),
        "narrow": PaceSnapshot(1, 2, 0.4),
    }
    assert phrases.pace_words(a_run("running"), state_of(paces=paces)) == [
        "openai: 4 at a time of 32, waits 12 s", "wide: waits 5 s", "narrow: 1 at a time of 2",
    ]  # fmt: skip
    assert phrases.pace_words(a_run("paused"), state_of(paces=paces)) == []


def test_failures_come_with_their_remedy_the_commonest_first() -> None:
    failures = phrases.failures(state_of(errors={"timeout": 1, "server": 2, "no such kind": 1}))
    assert [what for what, _ in failures] == ["2 server errors", "1 timed out", "1 no such kind"]
    assert all(remedy for _, remedy in failures)


@pytest.mark.parametrize("kind", [*get_args(ErrorKind), "unreported"])
def test_every_kind_of_error_has_its_word(kind: str) -> None:
    attempt = Attempt(0, 1, started=100.0, kind=kind)
    assert phrases.attempt_words(attempt, a_run("running"), "pending", now=100.0) not in ("", kind, "in flight")


@pytest.mark.parametrize(
    ("run", "cell", "seconds", "words"),
    [
        ("running", "pending", 3, "in flight"),
        ("running", "pending", 4000, "lost with its runner"),
        ("running", "answered", 3, "lost with its runner"),
        ("paused", "pending", 3, "lost with its runner"),
    ],
)
def test_an_attempt_whose_end_nobody_saw(run: RunStatus, cell: str, seconds: float, words: str) -> None:
    assert phrases.attempt_words(Attempt(0, 1, started=100.0), a_run(run), cell, now=100.0 + seconds) == words


def sheet(budget: str, ceiling: float | None) -> Preflight:
    estimate = Estimate(calls=10, completion_ceiling=None, cost_ceiling=ceiling)
    return Preflight([model_preflight("openai/x", ModelFacts("x"), estimate)], [], 10, parse_budget(budget))


@pytest.mark.parametrize(
    ("budget", "ceiling", "words"),
    [
        ("", 9.0, ""),
        ("10usd", 9.0, ""),
        ("2.50usd", 9.0, "over the budget of 2.5 usd"),
        ("2.50usd", None, "Whether the budget of 2.5 usd is enough is not known"),
        ("100tok", 9.0, "set max tokens to know"),
        ("5calls", 9.0, "over the budget of 5 calls"),
        ("10calls", 9.0, ""),
    ],
)
def test_the_budget_is_spoken_of_where_it_may_be_reached(budget: str, ceiling: float | None, words: str) -> None:
    warning = phrases.budget_words(sheet(budget, ceiling))
    assert (words in warning) if words else warning == ""


def test_what_is_chosen_for_calls_of_tools_stands_there_for_prompts_with_tools() -> None:
    page = pages.opened("2_Run.py")
    keys = {"run_tool_choices", "run_parallel_calls"}
    assert keys.isdisjoint(group.key for group in page.button_group)
    page.multiselect(key="run_prompts").set_value(["smart-home"])
    ran(page)
    assert keys <= {group.key for group in page.button_group}
