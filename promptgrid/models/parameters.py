"""What becomes of the parameters that a plan asks for: sent or left out, and whether the model honours them. Pure.

The tables behind it are hearsay: a model that they do not know is sent what was asked for, and is believed when it
refuses (`promptgrid.models.learned`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from promptgrid.models.known import DEFAULT, ModelFacts
from promptgrid.models.learned import value_text
from promptgrid.prompt import Parameters

HOT = 0.7
ENOUGH_CASES = 3


@dataclass(frozen=True, slots=True)
class Sent:
    """The parameters that go on the wire, and how they differ from those that were asked for.

    `notes` is one plain sentence for each difference. `honoured` has an entry for each parameter asked for: True, the
    model is known to take it (or it is the default that the model has anyway); False, it is not sent; None, it is
    not known.
    """

    parameters: Parameters = field(default_factory=Parameters)
    notes: tuple[str, ...] = ()
    honoured: Mapping[str, bool | None] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def note(self) -> str:
        """All notes in one line."""
        return "; ".join(self.notes)


@dataclass(frozen=True, slots=True)
class _Fate:
    """What becomes of one parameter."""

    value: Any = None
    honoured: bool | None = None
    note: str = ""


def sent(facts: ModelFacts, planned: Parameters) -> Sent:
    """What goes on the wire when this model is asked for these parameters."""
    effort = _effort(facts, planned.reasoning_effort)
    temperature = _sampling(facts, "temperature", planned.temperature, effort.value)
    top_p = _sampling(facts, "top_p", planned.top_p, effort.value, temperature=temperature.value)
    fates = {"temperature": temperature, "top_p": top_p, "seed": _seed(facts, planned.seed), "reasoning_effort": effort}
    if effort.value is None and (needing := _needs_none(facts, fates)):
        # The model's default effort is hearsay: without reasoning is what these parameters need, so it is said.
        note = f"reasoning_effort none sent too: {facts.model} takes {needing} only without reasoning"
        fates["reasoning_effort"] = _Fate("none", note=note)
    return Sent(
        parameters=replace(planned, **{name: fate.value for name, fate in fates.items()}),
        notes=tuple(fate.note for fate in fates.values() if fate.note),
        honoured=MappingProxyType({n: fate.honoured for n, fate in fates.items() if getattr(planned, n) is not None}),
    )


def _effort(facts: ModelFacts, value: str | None) -> _Fate:
    if value is None:
        return _Fate()
    if refusal := facts.refusal("reasoning_effort", value):
        return _Fate(None, False, f"reasoning_effort {value} not sent: {refusal.sentence}")
    known = value == "none" and facts.temperature == "only_without_reasoning"
    return _Fate(value, True if known else None)


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
    """The fate of temperature or top_p; `temperature` is the one that goes on the wire beside top_p."""
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
    """Why a model that takes no temperature while it reasons would reason; "" where it would not."""
    effort = effort or facts.default_effort
    if effort == "none":
        refusal = facts.refusal("reasoning_effort", "none")
        return refusal.sentence if refusal else ""
    if effort:
        return f"{facts.model} does not take it with reasoning effort {effort}"
    return f"{facts.model} takes it only without reasoning, so ask for reasoning effort none as well"


def _needs_none(facts: ModelFacts, fates: Mapping[str, _Fate]) -> str:
    """Which of the parameters on the wire are taken only without reasoning, as words; "" for none of them."""
    policies = {"temperature": facts.temperature, "top_p": facts.top_p}
    names = [name for name, policy in policies.items() if policy == "only_without_reasoning"]
    return " and ".join(name for name in names if fates[name].value is not None)


@dataclass(frozen=True, slots=True)
class Alike:
    """Of one temperature of one model: the cases with three samples or more, and those whose samples are all equal."""

    temperature: float
    cases: int
    alike: int


def suspicion(observed: Iterable[Alike]) -> str:
    """A sentence where a model seems to ignore the temperature; "" where nothing speaks for it.

    Only high temperatures tell, and one of them that brings different replies clears the server.
    """
    hot = [seen for seen in observed if seen.temperature >= HOT and seen.cases >= ENOUGH_CASES]
    if not hot or any(seen.alike < seen.cases for seen in hot):
        return ""
    hottest = max(hot, key=lambda seen: seen.temperature)
    return (
        f"The replies at temperature {hottest.temperature:g} are all alike in {hottest.alike} of {hottest.cases} cases:"
        " this server may ignore temperature, or the answers are too short to differ."
    )
