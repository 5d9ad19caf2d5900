"""Decides which of a plan's parameters are sent and which are left out, and whether the model honours them. Pure.

The tables of models may be wrong. A model that they do not list is sent every parameter of the plan; its refusals are
stored and respected (`promptgrid.models.learned`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from promptgrid.models.known import DEFAULT, ModelFacts
from promptgrid.models.learned import value_text
from promptgrid.prompt import Parameters
from promptgrid.prompt.parameters import RETRIEVAL_PARAMETERS, TOOL_PARAMETERS

HOT = 0.7
ENOUGH_CASES = 3


@dataclass(frozen=True, slots=True)
class Sent:
    """The parameters that are sent, and how they differ from the planned ones.

    `notes` has one sentence for each difference. `honoured` has an entry for each planned parameter that a model may
    refuse: True if the model is known to accept it or its value is the model's default, False if it is not sent, None
    if it is sent and acceptance is unknown.
    """

    parameters: Parameters = field(default_factory=Parameters)
    notes: tuple[str, ...] = ()
    honoured: Mapping[str, bool | None] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def note(self) -> str:
        """All notes in one text, joined by semicolons; "" without a note."""
        return "; ".join(self.notes)


@dataclass(frozen=True, slots=True)
class _Fate:
    """What becomes of one planned parameter: the `value` that is sent (None: not sent), what `Sent.honoured` says of
    it, and its `note` in `Sent.notes` ("": none)."""

    value: Any = None
    honoured: bool | None = None
    note: str = ""


def sent(facts: ModelFacts, planned: Parameters, no_tools: str = "", no_context: str = "") -> Sent:
    """Returns the parameters that are sent to the model with these facts when a plan has the parameters `planned`.
    Those that the model is known to refuse are left out, each with a note; so are those that sample, beside a beam
    search, those of a beam search, without one, those on calls of tools if `no_tools` gives the reason why the request
    cannot have them, and those of retrieval if `no_context` gives a reason."""
    others: list[tuple[str, Sequence[str]]] = [(no_context, RETRIEVAL_PARAMETERS)]
    if planned.searches:
        others += [("a beam search does not sample", _SAMPLING)]
    else:
        others += [("it belongs to a beam search, which takes 2 beams or more", _SEARCH), (no_tools, TOOL_PARAMETERS)]
    for why, names in others:
        if not why or all(getattr(planned, name) is None for name in names):
            continue
        plain = _without(planned, names, why)
        rest = sent(facts, plain.parameters, no_tools, no_context)
        return replace(rest, notes=(*plain.notes, *rest.notes), honoured={**plain.honoured, **rest.honoured})
    effort = _effort(facts, planned.reasoning_effort)
    temperature = _sampling(facts, "temperature", planned.temperature, effort.value)
    top_p = _sampling(facts, "top_p", planned.top_p, effort.value, temperature=temperature.value)
    fates = {"temperature": temperature, "top_p": top_p, "seed": _seed(facts, planned.seed), "reasoning_effort": effort}
    fates |= {name: _of_tools(facts, name, getattr(planned, name)) for name in TOOL_PARAMETERS}
    if effort.value is None and (needing := _needs_none(facts, fates)):
        # The model's default effort may be listed wrongly. These parameters need effort none, so it is sent too.
        note = f"reasoning_effort none sent too: {facts.model} takes {needing} only without reasoning"
        fates["reasoning_effort"] = _Fate("none", note=note)
    return Sent(
        parameters=replace(planned, **{name: fate.value for name, fate in fates.items()}),
        notes=tuple(fate.note for fate in fates.values() if fate.note),
        honoured=MappingProxyType({n: fate.honoured for n, fate in fates.items() if getattr(planned, n) is not None}),
    )


_SAMPLING, _SEARCH = ("temperature", "top_p", "seed"), ("beams", "length_penalty", "early_stop")


def _without(planned: Parameters, names: Sequence[str], why: str) -> Sent:
    """Returns what is sent without the parameters `names`; `why` is the reason in the note on each that is set. One
    beam and no early stop are what a plain request does anyway: they need no note."""
    values = {name: value for name in names if (value := getattr(planned, name)) is not None}
    left_out = {name: value for name, value in values.items() if name != "beams" and value is not False}
    return Sent(
        parameters=replace(planned, **dict.fromkeys(names)),
        notes=tuple(f"{name} {value_text(value)} not sent: {why}" for name, value in left_out.items()),
        honoured=MappingProxyType({name: name not in left_out for name in values}),
    )


def _effort(facts: ModelFacts, value: str | None) -> _Fate:
    if value is None:
        return _Fate()
    if refusal := facts.refusal("reasoning_effort", value):
        return _Fate(None, False, f"reasoning_effort {value} not sent: {refusal.sentence}")
    known = value == "none" and facts.temperature == "only_without_reasoning"
    return _Fate(value, True if known else None)


def _of_tools(facts: ModelFacts, name: str, value: str | None) -> _Fate:
    if value is None:
        return _Fate()
    refusal = facts.refusal(name, value)
    return _Fate(None, False, f"{name} {value} not sent: {refusal.sentence}") if refusal else _Fate(value)


def _seed(facts: ModelFacts, value: int | None) -> _Fate:
    if value is None:
        return _Fate()
    refusal = facts.refusal("seed", value)
    if facts.seed is False or refusal:
        why = refusal.sentence if refusal else f"{facts.model} takes none"
        return _Fate(None, False, f"seed {value} not sent: {why}")
    return _Fate(value, facts.seed)


def _sampling(
    facts: ModelFacts,
    name: Literal["temperature", "top_p"],
    value: float | None,
    effort: str | None,
    *,
    temperature: float | None = None,
) -> _Fate:
    """Decides whether the planned `value` of `name` is sent, beside the reasoning effort `effort`. For top_p,
    `temperature` is the temperature that is sent with it (None: none)."""
    if value is None:
        return _Fate()
    policy = facts.temperature if name == "temperature" else facts.top_p
    refusal = facts.refusal(name, value)
    why = ""
    if policy == "only_default":
        why = refusal.sentence if refusal else f"{facts.model} takes only its default, {DEFAULT:g}"
    elif policy == "only_without_reasoning":
        why = _reasons(facts, effort)
    elif policy == "not_with_temperature" and temperature is not None:
        why = f"{facts.model} does not take it together with a temperature"
    if why and value == DEFAULT:
        return _Fate(None, True)
    if not why and refusal and not refusal.whole:
        why = refusal.sentence
    if not why:
        return _Fate(value, None if policy == "unknown" else True)
    return _Fate(None, False, f"{name} {value_text(float(value))} not sent: {why}")


def _reasons(facts: ModelFacts, effort: str | None) -> str:
    """Returns why a parameter that the model takes only without reasoning cannot be sent at the reasoning effort
    `effort` (None: the model's default effort). Returns "" at the effort "none", unless the model refuses that
    effort."""
    effort = effort or facts.default_effort
    if effort == "none":
        refusal = facts.refusal("reasoning_effort", "none")
        return refusal.sentence if refusal else ""
    if effort:
        return f"{facts.model} does not take it with reasoning effort {effort}"
    return f"{facts.model} takes it only without reasoning, so ask for reasoning effort none as well"


def _needs_none(facts: ModelFacts, fates: Mapping[str, _Fate]) -> str:
    """Returns the names of the parameters that are sent and that the model takes only with reasoning effort none, such
    as `temperature and top_p`; "" if there are none."""
    policies = {"temperature": facts.temperature, "top_p": facts.top_p}
    names = [name for name, policy in policies.items() if policy == "only_without_reasoning"]
    return " and ".join(name for name in names if fates[name].value is not None)


@dataclass(frozen=True, slots=True)
class Alike:
    """Counts for one `temperature` of a model: `cases` is the number of cases with three or more samples, `alike` the
    number of these whose samples all have the same text."""

    temperature: float
    cases: int
    alike: int


def suspicion(observed: Iterable[Alike]) -> str:
    """Returns a warning if the model seems to ignore the temperature, else "".

    Only temperatures of 0.7 or more with at least three cases count. A single case whose samples differ there proves
    that the temperature works.
    """
    hot = [counts for counts in observed if counts.temperature >= HOT and counts.cases >= ENOUGH_CASES]
    if not hot or any(counts.alike < counts.cases for counts in hot):
        return ""
    hottest = max(hot, key=lambda counts: counts.temperature)
    return (
        f"The replies at temperature {hottest.temperature:g} are all alike in {hottest.alike} of {hottest.cases} cases:"
        " this server may ignore temperature, or the answers are too short to differ."
    )
