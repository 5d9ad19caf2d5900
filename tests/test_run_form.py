"""What is typed as a temperature, and the words of the sheet."""

import pytest

from promptgrid import words
from promptgrid.store.runs import Progress, RunInfo
from promptgrid.ui.run_form import tidy_temperatures


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
    assert tidy_temperatures(typed) == (good, bad)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (0.2, "about 1 s"), (42, "about 42 s"), (240, "about 4 min"), (3 * 3600, "about 3 h")],
)
def test_durations_are_rounded_to_what_they_are_worth(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


def test_ago_gives_the_day_when_it_was_not_today() -> None:
    assert [words.ago(1000, now) for now in (1030, 1000 + 300, 1000 + 7200)] == ["just now", "5 min ago", "2 h ago"]
    assert words.ago(1_700_000_000, 1_800_000_000).endswith("Nov 2023")


def test_progress_says_what_there_is_and_nothing_else() -> None:
    info = RunInfo("a", "n", "", "running", "", 1080, 0.0, 0.0, None, None, None)
    state = Progress(1080, {"answered": 667, "failed": 3, "pending": 410}, 96, 3, 0.0142, 4.1, {})
    assert words.progress_words(info, state) == [
        "670 of 1,080", "4.1/s", "1:40 left", "96 already answered", "3 retried", "3 failed", "$0.0142",
    ]  # fmt: skip
