"""What is pressed in quick succession is written in the order of the presses."""

from __future__ import annotations

import threading

import pytest

from promptgrid.ui.widgets.callbacks import one_at_a_time


def test_a_newer_press_waits_for_the_one_that_is_writing() -> None:
    begun, may_end = threading.Event(), threading.Event()
    written: list[str] = []

    @one_at_a_time
    def older() -> None:
        begun.set()
        assert may_end.wait(30)
        written.append("older")

    @one_at_a_time
    def newer() -> None:
        written.append("newer")

    threads = [threading.Thread(target=older), threading.Thread(target=newer)]
    threads[0].start()
    assert begun.wait(30)
    threads[1].start()
    threads[1].join(0.05)
    assert written == []
    may_end.set()
    for thread in threads:
        thread.join(30)
    assert written == ["older", "newer"]


def test_one_that_is_stopped_lets_the_next_one_in() -> None:
    @one_at_a_time
    def stopped() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    called = threading.Event()
    next_one = threading.Thread(target=one_at_a_time(called.set))
    next_one.start()
    next_one.join(30)
    assert called.is_set()
