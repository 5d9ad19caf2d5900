from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptgrid import api
from promptgrid.errors import MissingVariables, PromptgridError
from promptgrid.grid.preflight import EstimateTally, Preflight, preflight
from promptgrid.prompt import Message, Prompt
from promptgrid.prompt.model import ChainStep

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.usefixtures("openai")
PROMPT = Prompt("say", (Message("system", "You say."), Message("user", "Say {{ word }}.")))


def sheet(stored: Sequence[int] = (), speed: float | None = None, words: int = 2, **changes: Any) -> Preflight:
    cases = [{"word": f"w{n}"} for n in range(words)]
    plan = api.plan(PROMPT, cases, **{"models": "openai/gpt-4o", "max_tokens": 10, **changes})
    return preflight(EstimateTally(plan, lambda keys: {key: set(stored) for key in keys}, lambda ref: speed))


def test_calls_tokens_and_cost_are_summed_over_what_is_sent() -> None:
    worksheet = sheet(samples=3)
    (model,) = worksheet.models
    assert (worksheet.cells, worksheet.replies.calls, worksheet.replies.asked, worksheet.replies.answered) == (
        6,
        2,
        6,
        0,
    )
    # 3 a message, its role, the text, and 3 that open the reply: "You say." 3 tokens, "Say w0." 4
    assert worksheet.replies.prompt_tokens == 2 * (2 * 4 + 3 + 3 + 4)
    assert worksheet.replies.exact
    assert model.completion_ceiling == 60
    prices = model.facts.input_price, model.facts.output_price
    assert None not in prices
    floor = float(worksheet.replies.prompt_tokens * prices[0] / 1_000_000)  # type: ignore[operator]
    assert worksheet.total.cost_floor == pytest.approx(floor)
    assert worksheet.total.cost_ceiling == pytest.approx(floor + float(60 * prices[1] / 1_000_000))  # type: ignore[operator]


def test_what_is_answered_is_not_sent_again() -> None:
    keys: list[str] = []
    plan = api.plan(PROMPT, [{"word": "a"}, {"word": "b"}], models="openai/gpt-4o", samples=5)
    preflight(EstimateTally(plan, lambda names: keys.extend(names) or {}, lambda ref: None))  # type: ignore[func-returns-value]
    report = preflight(EstimateTally(plan, lambda names: {keys[0]: {0, 1, 4, 7}}, lambda ref: None))
    assert (report.replies.calls, report.replies.asked, report.replies.answered) == (2, 7, 3)
    assert sheet(fresh=True, stored=range(5), words=1).replies.calls == 1


@pytest.mark.parametrize(("seed", "calls"), [(None, 1), (7, 3)])
def test_seeded_samples_with_gaps_between_them_are_calls_of_their_own(seed: int | None, calls: int) -> None:
    report = sheet(samples=8, stored=(1, 3, 4), words=1, seed=seed)  # of a request with n, samples 0 and 2 and 5 to 7
    assert (report.replies.calls, report.replies.asked, report.replies.answered) == (calls, 5, 3)
    assert report.replies.prompt_tokens == calls * sheet(words=1).replies.prompt_tokens


@pytest.mark.parametrize(("model", "schema"), [("gpt-5", None), ("gpt-4o", {"type": "json_schema", "json_schema": {}})])
def test_a_prompt_whose_text_alone_does_not_fit_is_not_sent_whatever_its_format(
    model: str, schema: dict[str, Any] | None
) -> None:
    long = [{"word": "x " * 401_000}, {"word": "short"}]
    plan = api.plan(PROMPT, long, models=f"openai/{model}", response_format=schema)
    report = preflight(EstimateTally(plan, lambda keys: {}, lambda ref: None))
    assert (report.replies.too_long, report.replies.calls, report.replies.exact) == (1, 1, False)


def test_an_unknown_price_is_said_and_not_zero() -> None:
    worksheet = sheet(models=["openai/gpt-4o", "openai/no-such-model"])
    assert worksheet.total.cost_floor is None
    assert worksheet.models[0].cost_floor is not None
    assert not worksheet.total.free


def test_without_max_tokens_there_is_no_ceiling_that_is_made_up() -> None:
    (model,) = sheet(models="openai/no-such-model", max_tokens=None).models
    assert model.completion_ceiling is None
    assert model.cost_ceiling is None


def test_a_prompt_over_the_limit_is_counted_as_not_fitting() -> None:
    plan = api.plan(PROMPT, [{"word": "long " * 130_000}, {"word": "short"}], models="openai/gpt-4o", max_tokens=10)
    report = preflight(EstimateTally(plan, lambda keys: {}, lambda ref: None))
    assert (report.replies.calls, report.replies.too_long) == (1, 1)


def test_a_count_that_is_only_an_estimate_keeps_nothing_from_being_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTGRID_BUILTIN_MODEL", "weights.gguf")
    with open("weights.gguf", "wb") as file:
        file.write(b"GGUF")
    plan = api.plan(PROMPT, [{"word": "long " * 20_000}], max_tokens=10)
    report = preflight(EstimateTally(plan, lambda keys: {}, lambda ref: None))
    assert (report.replies.calls, report.replies.too_long, report.replies.exact) == (1, 0, False)
    assert report.models[0].reason


def test_time_is_calls_times_the_speed_seen_lately() -> None:
    assert sheet(speed=0.5, samples=4).seconds == pytest.approx(4.0)
    assert sheet(speed=None).seconds is None


def test_merged_parameters_and_skipped_techniques_are_said() -> None:
    worksheet = sheet(models="openai/o3", temperatures=[0, 1], techniques=["zero-shot", "few-shot"], words=1)
    assert worksheet.replies.calls == 1
    assert "merged" in worksheet.models[0].notes[0]
    assert [s.technique for s in worksheet.skipped] == ["few-shot"]


def test_missing_variables_stop_it() -> None:
    plan = api.plan(PROMPT, [{"other": "x"}], models="openai/gpt-4o")
    with pytest.raises(MissingVariables, match="word"):
        preflight(EstimateTally(plan, lambda keys: {}, lambda ref: None))


def test_a_plan_whose_extra_body_passes_the_preflight_by_is_refused() -> None:
    with pytest.raises(PromptgridError, match="extra_body may not set best_of"):
        sheet(extra_body={"best_of": 5})


def test_a_technique_in_several_steps_is_estimated_with_all_its_calls() -> None:
    steps = sheet(techniques=["self-refine:rounds=2"], max_tokens=100)
    single = sheet(techniques=["chain-of-thought"], max_tokens=100)
    assert steps.total.calls == 5 * single.total.calls
    assert steps.total.calls - steps.total.spare_calls == single.total.calls
    assert not single.total.spare_calls
    assert not steps.total.exact
    assert steps.total.cost_floor == single.total.cost_floor
    assert (steps.total.cost_ceiling or 0) > 5 * (single.total.cost_ceiling or 0)


def chain(model: str) -> Prompt:
    step = ChainStep("tone", text="user:\nSay {{ word }}.", model=model)
    return Prompt("reply", (Message("user", "Say {{ tone }}."),), chain=(step,))


def test_a_step_that_asks_another_model_is_priced_with_it() -> None:
    def of(model: str) -> Preflight:
        plan = api.plan(chain(model), [{"word": "a"}], models="openai/gpt-4o-mini", max_tokens=100)
        return preflight(EstimateTally(plan, lambda keys: {}, lambda ref: None))

    same, dear = of(""), of("openai/gpt-4o")
    assert [model.ref for model in same.models] == ["openai/gpt-4o-mini"]
    mini, full = dear.models
    assert (mini.ref, mini.calls, full.ref, full.calls) == ("openai/gpt-4o-mini", 1, "openai/gpt-4o", 1)
    assert (dear.replies.calls, dear.replies.spare_calls, dear.replies.asked) == (2, 1, 1)
    assert (full.cost_floor or 0) > 0 == mini.cost_floor  # the first call is that of the step
    assert (dear.total.cost_ceiling or 0) > 5 * (same.total.cost_ceiling or 0)
