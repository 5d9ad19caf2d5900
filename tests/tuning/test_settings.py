from __future__ import annotations

import pytest

from promptgrid.errors import TuningError
from promptgrid.prompt import AnswerRule
from promptgrid.tuning.settings import TuningSettings, batches, best_epoch, rate_at


def test_settings_come_back_from_json_with_their_answer_rule() -> None:
    rule = AnswerRule("label", ("good", "bad"), synonyms={"good": ("fine",)})
    settings = TuningSettings(epochs=3, rate=1e-4, rule=rule)
    assert TuningSettings.from_json(settings.to_json()) == settings
    assert TuningSettings.from_json(TuningSettings().to_json()) == TuningSettings()


def test_a_value_out_of_its_range_is_named() -> None:
    TuningSettings().check()
    with pytest.raises(TuningError, match="epochs is 0"):
        TuningSettings(epochs=0).check()
    with pytest.raises(TuningError, match="not tuned by kto"):
        TuningSettings(method="kto").check()


def test_each_epoch_has_every_example_once_in_an_order_of_its_own_that_repeats() -> None:
    settings = TuningSettings(batch=8)
    first, second = batches(30, settings, 1), batches(30, settings, 2)
    assert sorted(index for batch in first for index in batch) == list(range(30))
    assert [len(batch) for batch in first] == [8, 8, 8, 6]
    assert first != second
    assert batches(30, settings, 1) == first
    assert batches(30, TuningSettings(seed=2), 1) != first


def test_the_rate_rises_to_its_highest_and_falls_to_almost_nothing() -> None:
    rates = [rate_at(step, 60, 2e-4) for step in range(60)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(2e-4)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[-1] < 1e-5
    assert all(0 < rate_at(step, 1, 2e-4) <= 2e-4 for step in range(1))


def test_the_best_epoch_has_the_highest_accuracy_then_the_lowest_loss() -> None:
    def curve(*points: tuple[float | None, float]) -> list[dict[str, float | int | None]]:
        return [{"epoch": n, "accuracy": a, "held_out_loss": loss} for n, (a, loss) in enumerate(points, 1)]

    assert best_epoch(curve((0.5, 1.0), (0.8, 0.9), (0.8, 0.7), (0.7, 0.1))) == 3
    assert best_epoch(curve((None, 1.0), (None, 0.4), (None, 0.6))) == 2
