"""Work that a library cannot be stopped in ends in time and memory, and takes nothing else along."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from promptgrid import bounded
from promptgrid.answers import search
from promptgrid.grading.schema import schema_problem

DOUBLING = {
    "$ref": "#/$defs/a0",
    "$defs": {
        **{f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)},
        "a40": {"type": "object"},
    },
}
HUGE = r"(?:(?:a{1000}){1000}){1000}b"


def cpu_seconds(factor: int) -> int:
    """Works for a time that `factor` decides."""
    end = time.process_time() + factor
    while time.process_time() < end:
        pass
    return factor


def ends(_: str) -> None:
    raise SystemExit(1)


def test_a_result_comes_back() -> None:
    assert bounded.call("tests.test_bounded:cpu_seconds", 0, blame="quick") == 0


def test_work_without_an_end_is_ended_and_the_next_call_works() -> None:
    with pytest.raises(bounded.Exceeded, match="more than"):
        bounded.call("tests.test_bounded:cpu_seconds", 3600, blame="endless")
    assert bounded.call("tests.test_bounded:cpu_seconds", 0, blame="quick") == 0


def test_what_failed_three_times_is_not_tried_again() -> None:
    for _ in range(3):
        with pytest.raises(bounded.Exceeded, match="more than"):
            bounded.call("tests.test_bounded:ends", "", blame="always fails")
    with pytest.raises(bounded.Exceeded, match="not tried again"):
        bounded.call("tests.test_bounded:ends", "", blame="always fails")
    assert bounded.call("tests.test_bounded:cpu_seconds", 0, blame="another") == 0


def test_an_interrupted_call_leaves_no_answer_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    assert search("a", "a").text == "a"
    child = bounded._child
    assert child is not None
    assert child.stdout is not None

    def interrupted() -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(bounded, "_child", SimpleNamespace(
            stdin=child.stdin, stdout=SimpleNamespace(readline=interrupted), poll=child.poll, kill=child.kill,
            communicate=child.communicate,
        ))  # fmt: skip
        with pytest.raises(KeyboardInterrupt):
            search("old", "old")
    child.wait(10)
    assert search("new", "new").text == "new"


def test_threads_get_their_own_results() -> None:
    results: dict[int, str | None] = {}

    def search_own(number: int) -> None:
        for _ in range(20):
            results[number] = search(r"no (\d+)", f"no {number}").text

    threads = [threading.Thread(target=search_own, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: str(number) for number in range(4)}


def test_a_pattern_that_takes_gigabytes_while_it_is_compiled_is_refused() -> None:
    match = search(HUGE, "a" * 3000)
    assert match.text is None
    assert "memory" in match.problem
    assert search("a+", "baab").text == "aa"


def test_a_schema_that_doubles_forty_times_is_not_scored() -> None:
    passed, why = schema_problem({}, DOUBLING)
    assert passed is None
    assert why.startswith("not scored: the schema took more than")
    assert schema_problem({}, {"type": "object"}) == (True, "fits the schema")
