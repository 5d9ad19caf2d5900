"""Estimates the tokens and cost of calls before they are sent. Estimates can be added up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby
from typing import Any, TypeVar

from promptgrid.grid.planned_points import PlannedPoint
from promptgrid.models import ModelFacts, cost_of
from promptgrid.prompt import Parameters, Prompt
from promptgrid.prompt.chained import step_prompt
from promptgrid.techniques import most_calls
from promptgrid.techniques.tool_loop import result_lengths
from promptgrid.tokens import Count

_SCORED_TOGETHER = 200  # number of replies scored together; the last embedding call for them may not be full

_STEP_WORDING = 200  # tokens that a step adds to the prompt beside earlier replies
_BYTES_A_TOKEN = 2  # of a tool's result: JSON and numbers have more tokens than prose

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The expected size and cost of some calls. None means not known.

    calls               number of calls to be sent, at most
    spare_calls         number of these calls that are not made if techniques in several steps end early
    asked               number of cells that these calls answer; one call can answer several (see Request.n)
    answered            number of cells whose reply is stored
    shared              number of cells whose request equals that of other cells, and which show their replies
    too_long            number of cells that do not fit into the context and are never sent
    texts               number of texts to embed, several per call
    prompt_tokens       sum over the calls to be sent
    completion_ceiling  the most tokens that the replies can have
    exact, reason       whether the counts are exact; if not, why
    cost_floor          cost of the prompts alone, in US dollars
    cost_ceiling        cost with every reply at its greatest length, in US dollars
    free                whether nothing is charged
    notes               sentences about parameters that were merged or are not sent, each once
    """

    calls: int = 0
    spare_calls: int = 0
    asked: int = 0
    answered: int = 0
    shared: int = 0
    too_long: int = 0
    texts: int = 0
    prompt_tokens: int = 0
    completion_ceiling: int | None = 0
    exact: bool = True
    reason: str = ""
    cost_floor: float | None = 0.0
    cost_ceiling: float | None = 0.0
    free: bool = True
    notes: tuple[str, ...] = ()


def total(estimates: Iterable[Estimate]) -> Estimate:
    """Returns the sum of the estimates; a figure that is not known in one of them is not known in the sum."""
    parts = list(estimates)
    columns = {name: [getattr(part, name) for part in parts] for name in Estimate.__slots__}
    return Estimate(**{name: _ADD.get(name, _sum)(values) for name, values in columns.items()})


def estimate_point(
    planned: PlannedPoint, facts: ModelFacts, samples: int, stored: Collection[int], repeated: bool, a_call: int = 1
) -> Estimate:
    """Returns the estimate of one point's cells, each of which makes one call: one cell for each sample number below
    `samples`; those in `stored` have a reply. With `repeated`, an earlier point sends the same calls, and all these
    cells share its replies.

    One call answers up to `a_call` cells, and its prompt is counted and paid once. A beam search answers one.
    """
    note = planned.point.variant.note
    notes = (note,) if note else ()
    if not planned.fits:
        return Estimate(too_long=samples, notes=notes)
    if repeated:
        return Estimate(shared=samples, notes=notes)
    missing = [sample for sample in range(samples) if sample not in stored]
    cells, answered = len(missing), samples - len(missing)
    if not cells:
        return Estimate(answered=answered, notes=notes)
    parameters = planned.point.request.parameters
    calls = _calls(missing, 1 if parameters.searches else a_call, seeded=parameters.seed is not None)
    tokens, room = planned.count.tokens, _room(parameters, facts)
    return Estimate(
        calls=calls,
        asked=cells,
        answered=answered,
        prompt_tokens=tokens * calls,
        completion_ceiling=_times(cells, room),
        exact=planned.count.exact,
        reason=planned.count.reason,
        cost_floor=_times(calls, cost_of(facts, tokens).usd),
        cost_ceiling=_ceiling(facts, tokens, room, calls, cells),
        notes=notes,
    )


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Calls of a cell that follow each other: the most of them, their model (ENDPOINT/MODEL), the most tokens of each
    reply that the prompt names (None: those of the plan), and the tokens of the tools' `results` after each reply."""

    ref: str
    calls: int
    room: int | None = None
    results: int = 0


def _stretches(
    prompt: Prompt, technique: str, ref: str, values: Mapping[str, Any], room: int | None = None
) -> Iterator[_Stretch]:
    """Yields the calls of a cell with these `values` of its case in order: those of the steps of the prompt's chain,
    each with its own model, then those of the prompt itself."""
    for step in prompt.chain:
        own = step_prompt(step)
        inside = list(_stretches(own, step.technique, step.model or ref, values, own.parameters.max_tokens))
        yield from inside * step.repeat
    results = sum(-(-length // _BYTES_A_TOKEN) for length in result_lengths(prompt.tools, values))
    yield _Stretch(ref, most_calls(replace(prompt, chain=()), technique), room, results)


def estimate_steps(
    planned: PlannedPoint, facts_of: Callable[[str], ModelFacts], samples: int
) -> Mapping[str, Estimate]:
    """Returns the estimate of a point whose cells make several calls, by model (ENDPOINT/MODEL): `facts_of` returns the
    facts about each. The cells belong to the point's own model. The lowest cost is that of the first prompt alone; the
    highest has every call that may be made, each with all earlier replies at their greatest length and, after each, the
    longest result of each tool."""
    ref, note, values = planned.point.model_ref, planned.point.variant.note, planned.point.case.inputs
    shares: dict[str, list[Estimate]] = {ref: [Estimate(asked=samples, notes=(note,) if note else ())]}
    before: int | None = 0
    prompts = [planned.count.tokens, *planned.later]
    deciding = len(planned.later)  # calls that decide what is retrieved: no later prompt holds their replies
    own = _stretches(planned.point.prompt, planned.point.technique, ref, values)
    for at, stretch in enumerate([*[_Stretch(ref, 1)] * deciding, *own]):
        tokens = prompts[min(at, deciding)]
        facts = facts_of(stretch.ref)
        room = stretch.room or _room(planned.point.request.parameters, facts)
        added = None if room is None else room + _STEP_WORDING + stretch.results
        share = _estimate_stretch(facts, tokens, stretch.calls, room, added, before, samples, first=at == 0)
        shares.setdefault(stretch.ref, []).append(share)
        if at >= deciding:
            before = None if before is None or added is None else before + stretch.calls * added
    return {ref: total(parts) for ref, parts in shares.items()}


def _estimate_stretch(
    facts: ModelFacts,
    tokens: int,
    calls: int,
    room: int | None,
    added: int | None,
    before: int | None,
    samples: int,
    *,
    first: bool,
) -> Estimate:
    """Returns the estimate of calls that follow each other, whose prompts have the `tokens` of the first one, at most
    `before` tokens of earlier stretches, and `added` tokens for each earlier call. Only the first call of a cell is
    certain."""
    whole = None
    if room is not None and added is not None and before is not None:
        prompts = calls * (tokens + before) + added * calls * (calls - 1) // 2
        whole = cost_of(facts, prompts, calls * room).usd
    return Estimate(
        calls=samples * calls,
        spare_calls=samples * (calls - first),
        prompt_tokens=samples * calls * tokens,
        completion_ceiling=_times(samples * calls, room),
        exact=False,
        reason="later steps hold earlier replies, and a technique may end early",
        cost_floor=_times(samples, cost_of(facts, tokens).usd) if first else 0.0,
        cost_ceiling=_times(samples, whole),
    )


def _room(parameters: Parameters, facts: ModelFacts) -> int | None:
    """Returns the most tokens that the model writes for one reply, for all beams of a search; None if not known."""
    return _times(parameters.written, parameters.max_tokens or facts.max_output)


def _calls(samples: Sequence[int], a_call: int, *, seeded: bool) -> int:
    """Returns how many calls it takes to get the replies with these sample numbers, at most `a_call` of them per call.
    With `seeded`, only consecutive numbers can share a call."""
    if a_call == 1:
        return len(samples)
    rows = groupby(enumerate(samples), lambda one: one[1] - one[0]) if seeded else [(0, enumerate(samples))]
    return sum(-(-sum(1 for _ in row) // a_call) for _, row in rows)


def _ceiling(facts: ModelFacts, prompt: int, room: int | None, calls: int, cells: int) -> float | None:
    """Returns the highest cost in US dollars: the prompt (its tokens) once per call, and for each of the `cells`
    a reply of `room` tokens. None if unknown."""
    whole = cost_of(facts, prompt, room).usd
    alone = whole if calls == cells else cost_of(facts, prompt).usd
    if alone is None or whole is None or calls == cells:
        return _times(calls, whole)
    return calls * alone + cells * (whole - alone)


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """A check that a model scores (`ref` is ENDPOINT/MODEL). `prompt_tokens` counts the judge's prompt without the
    question and the reply; `max_reply` is the most tokens that the verdict can have.

    `texts_a_call` is 0 for a judge; else the model embeds replies and expected values, at most this number per call.
    """

    ref: str
    facts: ModelFacts
    prompt_tokens: int = 0
    max_reply: int | None = 0
    texts_a_call: int = 0


def estimate_judged(planned: PlannedPoint, samples: int, judge: ModelCheck) -> Estimate:
    """Returns the estimate of judging a point's replies, one call per sample. The lowest cost is that of the judge's
    own prompt; the highest adds the whole question, the longest reply and the longest verdict."""
    tokens, reply = judge.prompt_tokens + planned.count.tokens, planned.point.request.parameters.max_tokens
    most = None if reply is None else tokens + reply
    return Estimate(
        calls=samples,
        asked=samples,
        prompt_tokens=tokens * samples,
        completion_ceiling=_times(samples, judge.max_reply),
        cost_floor=_times(samples, cost_of(judge.facts, judge.prompt_tokens).usd),
        cost_ceiling=_times(samples, cost_of(judge.facts, most, judge.max_reply).usd),
    )


def estimate_vectors(planned: PlannedPoint, samples: int, judge: ModelCheck) -> Estimate:
    """Returns the estimate of embedding a point's replies and expected value, to score their similarity. The lowest
    cost is that of the expected value alone. Calls are not counted here, but over all points (see `vector_calls`).
    """
    expected, reply = planned.point.case.expected or "", planned.point.request.parameters.max_tokens
    if not expected.strip():
        return Estimate()
    tokens = -(-len(expected.encode("utf-8", "replace")) // 4)
    return Estimate(
        texts=samples + 1,
        prompt_tokens=tokens + samples * (reply or 0),
        cost_floor=cost_of(judge.facts, tokens).usd,
        cost_ceiling=cost_of(judge.facts, None if reply is None else tokens + samples * reply).usd,
    )


def vector_calls(texts: int, texts_a_call: int) -> int:
    """Returns the most calls that it can take to embed this number of texts, `texts_a_call` per call: replies are
    scored in groups, and the last call for a group may not be full."""
    return -(-texts // texts_a_call) + texts // _SCORED_TOGETHER


def estimate_texts(counts: Sequence[Count], facts: ModelFacts, texts_a_call: int) -> Estimate:
    """Returns the estimate of embedding existing texts with these token counts, `texts_a_call` per call."""
    cost = _sum([cost_of(facts, count.tokens).usd for count in counts])
    return Estimate(
        calls=-(-len(counts) // texts_a_call),
        texts=len(counts),
        prompt_tokens=sum(count.tokens for count in counts),
        exact=all(count.exact for count in counts),
        reason=next((count.reason for count in counts if count.reason), ""),
        cost_floor=cost,
        cost_ceiling=cost,
    )


def _sum(values: Sequence[_Number | None]) -> _Number | None:
    """Returns the sum of the values; None if any value is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _times(calls: int, one: _Number | None) -> _Number | None:
    return None if one is None else calls * one


_ADD: Mapping[str, Callable[[list[Any]], Any]] = {
    "exact": all,
    "free": all,
    "reason": lambda reasons: next(filter(None, reasons), ""),
    "notes": lambda notes: tuple(dict.fromkeys(chain(*notes))),
}
