"""What becomes of the parameters that a plan asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptgrid.models import ModelFacts, ParameterPolicy, facts
from promptgrid.models.learned import Refusal
from promptgrid.models.parameters import Alike, sent, suspicion
from promptgrid.prompt import Parameters

POLICIES: tuple[ParameterPolicy, ...] = ("any", "only_default", "only_without_reasoning", "unknown")
NUMBERS = st.none() | st.sampled_from([0.0, 0.3, 0.7, 1.0, 1.2])

DECIDED = ("temperature", "top_p", "seed", "reasoning_effort")  # all others are sent as they are asked for


def refusal(parameter: str, value: str | float, sentence: str) -> Refusal:
    return Refusal("here", "m", parameter, value, sentence, datetime(2026, 11, 22, tzinfo=UTC))


REFUSALS = st.sampled_from(
    [
        refusal("temperature", 0.7, "no"),
        refusal("temperature", 1.2, "it must be between 0 and 1"),
        refusal("top_p", 0.3, "no"),
        refusal("seed", 7, "no"),
        refusal("reasoning_effort", "none", "Supported values are 'low' and 'high'."),
        refusal("reasoning_effort", "high", "reasoning_effort is not supported"),
    ]
)
FACTS = st.builds(
    ModelFacts,
    model=st.just("m"),
    temperature=st.sampled_from(POLICIES),
    top_p=st.sampled_from((*POLICIES, "not_with_temperature")),
    seed=st.none() | st.booleans(),
    default_effort=st.sampled_from(["", "none", "medium"]),
    learned=st.lists(REFUSALS, max_size=3).map(tuple),
)
ASKED = st.builds(
    Parameters,
    temperature=NUMBERS,
    top_p=NUMBERS,
    seed=st.none() | st.just(7),
    reasoning_effort=st.sampled_from([None, "none", "low", "high"]),
)


@given(known=FACTS, planned=ASKED)
def test_nothing_is_sent_that_the_model_is_known_to_refuse(known: ModelFacts, planned: Parameters) -> None:
    parameters = sent(known, planned)
    for policy, value in (
        (known.temperature, parameters.parameters.temperature),
        (known.top_p, parameters.parameters.top_p),
    ):
        assert value is None or policy != "only_default"
        assert value is None or policy != "only_without_reasoning" or parameters.parameters.reasoning_effort == "none"
    assert known.top_p != "not_with_temperature" or None in (
        parameters.parameters.temperature,
        parameters.parameters.top_p,
    )
    assert parameters.parameters.seed is None or known.seed is not False
    for name in ("temperature", "top_p", "seed", "reasoning_effort"):
        value = getattr(parameters.parameters, name)
        refused = value is not None and known.refusal(name, value)
        assert not refused


@given(known=FACTS, planned=ASKED)
def test_a_note_stands_exactly_where_what_is_sent_differs(known: ModelFacts, planned: Parameters) -> None:
    parameters = sent(known, planned)
    differs = []
    for name in ("temperature", "top_p", "seed", "reasoning_effort"):
        planned_value, sent_value = getattr(planned, name), getattr(parameters.parameters, name)
        assert sent_value in (planned_value, None) or (name, sent_value) == ("reasoning_effort", "none")
        left_to_the_default = name in ("temperature", "top_p") and planned_value == 1 and sent_value is None
        if planned_value != sent_value and not left_to_the_default:
            differs.append(name)
    assert [note.split()[0] for note in parameters.notes] == differs
    assert parameters.note == "; ".join(parameters.notes)


@given(known=FACTS, planned=ASKED)
def test_what_is_honoured_is_said_of_all_that_was_asked_and_of_nothing_else(
    known: ModelFacts, planned: Parameters
) -> None:
    parameters = sent(known, planned)
    names = [name for name in DECIDED if getattr(planned, name) is not None]
    assert sorted(parameters.honoured) == sorted(names)
    for name in names:
        if getattr(parameters.parameters, name) is None:
            assert parameters.honoured[name] is (name in ("temperature", "top_p") and getattr(planned, name) == 1)
        else:
            assert parameters.honoured[name] is not False


@given(known=FACTS)
def test_asking_for_nothing_sends_nothing(known: ModelFacts) -> None:
    assert (sent(known, Parameters()).notes, dict(sent(known, Parameters()).honoured)) == ((), {})
    assert not any(getattr(sent(known, Parameters()).parameters, name) for name in DECIDED)


@pytest.mark.parametrize(
    ("model", "effort", "temperature", "effort_sent"),
    [
        ("gpt-4o", None, 0.3, None),
        ("mystery", None, 0.3, None),
        ("gpt-5", None, None, None),
        ("o3-mini", "low", None, "low"),
        ("gpt-6-astra", "none", None, "none"),
        ("gpt-5.2", None, 0.3, "none"),  # its default is hearsay, so it is said
        ("gpt-5.2", "none", 0.3, "none"),
        ("gpt-5.2", "high", None, "high"),
        ("gpt-6-sol", None, None, None),
        ("gpt-6-sol", "none", 0.3, "none"),
        ("gpt-5-chat-latest", None, 0.3, None),
    ],
)
def test_a_temperature_goes_out_only_where_it_is_taken(
    model: str, effort: str | None, temperature: float | None, effort_sent: str | None
) -> None:
    parameters = sent(facts(model), Parameters(temperature=0.3, reasoning_effort=effort))
    assert (parameters.parameters.temperature, parameters.parameters.reasoning_effort) == (temperature, effort_sent)
    if temperature is None:
        assert parameters.honoured["temperature"] is False
        assert parameters.notes[0].startswith("temperature 0.3 not sent: ")
        assert model in parameters.notes[0]
    else:
        assert parameters.honoured["temperature"] is (None if model == "mystery" else True)


def test_the_default_asked_for_is_honoured_by_sending_nothing() -> None:
    parameters = sent(facts("gpt-5"), Parameters(temperature=1, top_p=1.0))
    assert (parameters.parameters.temperature, parameters.parameters.top_p, parameters.notes) == (None, None, ())
    assert dict(parameters.honoured) == {"temperature": True, "top_p": True}
    assert sent(facts("gpt-6-sol"), Parameters(temperature=1)).parameters.reasoning_effort is None


def test_all_temperatures_of_one_sweep_go_out_with_the_same_effort() -> None:
    efforts = {sent(facts("gpt-5.2"), Parameters(temperature=t)).parameters.reasoning_effort for t in (0, 0.7, 1, 1.2)}
    assert efforts == {"none"}  # else 1 alone would be answered after reasoning


def test_zero_is_a_temperature() -> None:
    assert sent(facts("gpt-4o"), Parameters(temperature=0.0)).parameters.temperature == 0.0
    assert sent(facts("gpt-5"), Parameters(temperature=0.0)).note == (
        "temperature 0 not sent: gpt-5 takes only its default, 1"
    )


def test_top_p_gives_way_to_a_temperature_that_is_sent() -> None:
    claude = facts("claude-sonnet-4-5")
    both = sent(claude, Parameters(temperature=0.5, top_p=0.9))
    assert (both.parameters.temperature, both.parameters.top_p) == (0.5, None)
    assert both.note == "top_p 0.9 not sent: claude-sonnet-4-5 does not take it together with a temperature"
    alone = sent(claude, Parameters(top_p=0.9))
    assert (alone.parameters.top_p, alone.notes, alone.honoured["top_p"]) == (0.9, (), True)
    neither = ModelFacts("m", temperature="only_default", top_p="not_with_temperature")
    assert sent(neither, Parameters(temperature=0.5, top_p=0.9)).parameters.top_p == 0.9  # no temperature goes out


def test_a_note_quotes_the_refusal_that_it_rests_on() -> None:
    known = ModelFacts("m", temperature="only_default", learned=(refusal("temperature", 0.7, "Only the default."),))
    assert sent(known, Parameters(temperature=0.2)).note == (
        "temperature 0.2 not sent: m refused temperature 0.7 on 2026-11-22: Only the default."
    )


def test_a_refused_value_is_left_out_and_others_are_tried() -> None:
    known = ModelFacts("m", temperature="any", learned=(refusal("temperature", 1.2, "it must be at most 1"),))
    assert sent(known, Parameters(temperature=1.2)).parameters.temperature is None
    assert sent(known, Parameters(temperature=0.7)).parameters.temperature == 0.7


def test_what_was_refused_after_reasoning_is_sent_without() -> None:
    sentence = "temperature is not supported with this effort"
    known = ModelFacts("m", temperature="only_without_reasoning", learned=(refusal("temperature", 0.7, sentence),))
    assert sent(known, Parameters(temperature=0.7, reasoning_effort="none")).parameters.temperature == 0.7
    assert sent(known, Parameters(temperature=0.7, reasoning_effort="high")).note == (
        "temperature 0.7 not sent: m does not take it with reasoning effort high"
    )


def test_an_effort_is_known_to_be_taken_only_where_a_table_says_so() -> None:
    assert sent(facts("gpt-5.2"), Parameters(reasoning_effort="none")).honoured["reasoning_effort"] is True
    assert sent(facts("gpt-5.2"), Parameters(reasoning_effort="high")).honoured["reasoning_effort"] is None
    assert sent(facts("mystery"), Parameters(reasoning_effort="none")).honoured["reasoning_effort"] is None


def test_a_refused_1_is_not_taken_for_the_default() -> None:
    known = ModelFacts("m", top_p="any", learned=(refusal("top_p", 1.0, "it must be less than 1"),))
    parameters = sent(known, Parameters(top_p=1.0))
    assert (parameters.parameters.top_p, parameters.honoured["top_p"], len(parameters.notes)) == (None, False, 1)


def test_without_effort_none_there_is_no_temperature() -> None:
    unable = refusal("reasoning_effort", "none", "Supported values are 'low' and 'high'.")
    known = ModelFacts("m", temperature="only_without_reasoning", default_effort="none", learned=(unable,))
    parameters = sent(known, Parameters(temperature=0.7, reasoning_effort="none"))
    assert (parameters.parameters.temperature, parameters.parameters.reasoning_effort) == (None, None)
    assert len(parameters.notes) == 2


def test_a_seed_that_is_not_taken_is_not_sent() -> None:
    parameters = sent(ModelFacts("m", seed=False), Parameters(seed=7))
    assert (parameters.parameters.seed, parameters.note, parameters.honoured["seed"]) == (
        None,
        "seed 7 not sent: m takes none",
        False,
    )
    assert sent(ModelFacts("m"), Parameters(seed=7)).honoured["seed"] is None


@pytest.mark.parametrize(
    ("observed", "suspicious"),
    [
        ([Alike(1.2, 9, 9)], True),
        ([Alike(0.0, 9, 9), Alike(0.7, 9, 9), Alike(1.2, 9, 9)], True),
        ([Alike(1.2, 9, 8)], False),
        ([Alike(0.7, 9, 9), Alike(1.2, 9, 2)], False),  # it heeds the higher one
        ([Alike(0.2, 9, 9)], False),  # low temperatures often repeat themselves
        ([Alike(1.2, 2, 2)], False),  # too few cases to tell
        ([], False),
    ],
)
def test_replies_that_are_all_alike_at_high_temperatures_are_suspicious(
    observed: list[Alike], suspicious: bool
) -> None:
    warning = suspicion(observed)
    assert bool(warning) is suspicious
    if suspicious:
        assert warning.startswith(
            "The replies at temperature 1.2 are all alike in 9 of 9 cases: this server may ignore"
        )


def test_a_beam_search_is_sent_without_what_samples_and_a_plain_request_without_what_searches() -> None:
    planned = Parameters(temperature=0.0, top_p=0.9, seed=7, beams=4, length_penalty=0.5, early_stop=False)
    search = sent(facts("mystery"), planned)
    assert search.parameters == Parameters(beams=4, length_penalty=0.5, early_stop=False)
    assert search.notes == tuple(
        f"{what} not sent: a beam search does not sample" for what in ("temperature 0", "top_p 0.9", "seed 7")
    )
    plain = sent(facts("mystery"), replace(planned, beams=1))
    assert plain.parameters == Parameters(temperature=0.0, top_p=0.9, seed=7)
    assert plain.notes == ("length_penalty 0.5 not sent: it belongs to a beam search, which takes 2 beams or more",)
    assert plain.honoured["beams"] is True
    assert plain.honoured["length_penalty"] is False
