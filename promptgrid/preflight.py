"""What a plan will take, before anything is sent: calls, tokens, cost, time, and what does not fit or was merged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from promptgrid import connections, grid, models
from promptgrid.grid import Cell, Plan, Skipped
from promptgrid.tokens import Count, count_messages

Planned = tuple[Cell, int | None, int | None, bool]
"""(cell, prompt tokens counted, context limit, fits): what a run stores of each cell."""


@dataclass
class ModelPreflight:
    """One model's share. Token counts are sums over the calls to be sent; costs None where a price is not known."""

    ref: str
    calls: int = 0
    answered: int = 0
    too_long: int = 0
    prompt_tokens: int = 0
    completion_ceiling: int | None = 0
    exact: bool = True
    reason: str = ""  # why the counts are not exact
    cost_floor: float | None = 0.0
    cost_ceiling: float | None = 0.0
    free: bool = False
    price_date: str = ""
    notes: dict[str, None] = field(default_factory=dict)  # parameters merged or not sent, each once


@dataclass(frozen=True)
class Preflight:
    """The sheet that stands before every run."""

    models: Sequence[ModelPreflight]
    skipped: Sequence[Skipped]
    cells: int

    @property
    def calls(self) -> int:
        return sum(m.calls for m in self.models)

    @property
    def answered(self) -> int:
        return sum(m.answered for m in self.models)

    @property
    def too_long(self) -> int:
        return sum(m.too_long for m in self.models)

    @property
    def prompt_tokens(self) -> int:
        return sum(m.prompt_tokens for m in self.models)

    @property
    def exact(self) -> bool:
        return all(m.exact for m in self.models)

    @property
    def free(self) -> bool:
        return all(m.free for m in self.models)

    @property
    def cost_ceiling(self) -> float | None:
        """US dollars if every reply is as long as it may be; None when some price or length is not known."""
        return _sum(m.cost_ceiling for m in self.models)

    @property
    def cost_floor(self) -> float | None:
        """US dollars for the prompts alone."""
        return _sum(m.cost_floor for m in self.models)


def _sum(costs: Iterable[float | None]) -> float | None:
    known = list(costs)
    return None if None in known else sum(c for c in known if c is not None)


def plan_cells(plan: Plan) -> Iterator[Planned]:
    """Every cell of the plan with its token count and whether it fits into its model's context.

    A count that is only an estimate never keeps a cell from being sent.
    """
    endpoints = {ref: connections.connect(connections.split_model(ref)[0]) for ref in plan.models}
    by_name = {endpoint.name: endpoint for endpoint in endpoints.values()}
    limits = {ref: connections.context_limit(ref) for ref in plan.models}
    for cell in grid.cells(plan, by_name):
        ref = f"{cell.endpoint}/{cell.model}"
        count = _count(cell, ref)
        limit = limits[ref]
        room = cell.request.max_tokens or 1
        fits = limit is None or not count.exact or count.tokens + room <= limit
        yield cell, count.tokens, limit, fits


def _count(cell: Cell, ref: str) -> Count:
    return count_messages(cell.request.messages, ref, cell.request.api)


def preflight(plan: Plan, stored: Callable[[Sequence[str]], Collection[str]]) -> Preflight:
    """The sheet for this plan; `stored` says which of the given keys have a reply already.

    Raises PlanError or PromptError when the plan cannot be carried out at all.
    """
    plan.check_variables()
    planned = list(plan_cells(plan))
    answered = set() if plan.fresh else set(stored([cell.key for cell, *_ in planned]))
    sheets = {ref: ModelPreflight(ref) for ref in plan.models}
    seen: set[str] = set()
    for cell, tokens, _limit, fits in planned:
        sheet = sheets[f"{cell.endpoint}/{cell.model}"]
        if cell.parameter_note:
            sheet.notes.setdefault(cell.parameter_note)
        if not fits:
            sheet.too_long += 1
        elif cell.key in answered:
            sheet.answered += 1
        elif cell.key not in seen:
            seen.add(cell.key)
            _add_call(sheet, cell, tokens or 0)
    return Preflight(list(sheets.values()), grid.skipped(plan), len(planned))


def _add_call(sheet: ModelPreflight, cell: Cell, tokens: int) -> None:
    facts = models.facts(cell.model, connections.base_url(cell.endpoint))
    room = cell.request.max_tokens or facts.max_output
    count = _count(cell, sheet.ref)
    sheet.calls += 1
    sheet.prompt_tokens += tokens
    sheet.exact, sheet.reason = sheet.exact and count.exact, sheet.reason or count.reason
    sheet.free, sheet.price_date = facts.free, facts.price_date
    sheet.completion_ceiling = _sum_int(sheet.completion_ceiling, room)
    sheet.cost_floor = _sum([sheet.cost_floor, models.cost_usd(facts, tokens, 0)])
    ceiling = models.cost_usd(facts, tokens, room) if room is not None else (0.0 if facts.free else None)
    sheet.cost_ceiling = _sum([sheet.cost_ceiling, ceiling])


def _sum_int(total: int | None, more: int | None) -> int | None:
    return None if total is None or more is None else total + more
