"""The rate of replies, from which the time left follows."""

from promptgrid.calls.rate import Rate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_time_before_the_first_call_is_no_part_of_the_rate() -> None:
    clock = Clock()
    rate = Rate(clock)
    clock.now = 60  # planning, and the start of a model
    rate.start()
    clock.now = 62
    rate.add(4)
    assert rate.per_second(in_flight=4) == 2.0


def test_the_first_of_many_parallel_replies_gives_no_estimate() -> None:
    clock = Clock()
    rate = Rate(clock)
    rate.start()
    clock.now = 2
    rate.add(1)
    assert rate.per_second(in_flight=32) == 0.0
    rate.add(31)
    assert rate.per_second(in_flight=32) == 16.0
    assert rate.per_second(in_flight=500) == 16.0  # later, a wider window takes no estimate away


def test_a_model_that_takes_longer_than_the_window_has_a_rate_too() -> None:
    clock = Clock()
    rate = Rate(clock)
    rate.start()
    for clock.now in range(30, 301, 30):
        rate.add(1)
    assert rate.per_second(in_flight=1) == 1 / 30


def test_a_change_of_speed_shows_within_the_window() -> None:
    clock = Clock()
    rate = Rate(clock)
    rate.start()
    for clock.now in range(1, 101):
        rate.add(10)
        rate.per_second(in_flight=1)
    for clock.now in range(101, 123):
        rate.add(1)
        rate.per_second(in_flight=1)
    assert rate.per_second(in_flight=1) == 1.0
