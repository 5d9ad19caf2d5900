"""The budget of a run, and its limit of calls. The worst case of a call is reserved before the call is sent, so that
spending never exceeds them."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field
from typing import Literal, cast

from promptgrid.errors import PlanError
from promptgrid.humanize import many

BudgetUnit = Literal["usd", "tok", "calls", "min"]


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit of `amount` in one unit: US dollars, tokens (prompt and reply), calls, or minutes since the run was
    started or resumed."""

    amount: float
    unit: BudgetUnit

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call costs, or at most may cost: US dollars, tokens of prompt and reply, and calls. None means unknown."""

    usd: float | None
    tokens: int | None
    calls: int = 1

    def less(self, other: Cost) -> Cost:
        """Returns the difference of two known costs."""
        return Cost(
            (self.usd or 0.0) - (other.usd or 0.0), (self.tokens or 0) - (other.tokens or 0), self.calls - other.calls
        )


def parse_budget(text: str) -> Budget | None:
    """Reads `2.50usd`, `100000tok`, `500calls` or `30min`; a number without a unit is US dollars. None for an empty
    text. Raises PlanError for any other text."""
    if not text.strip():
        return None
    match = re.fullmatch(r"\$?\s*(\d+(?:\.\d+)?)\s*(usd|tok|calls|min)?", text.strip().lower())
    if not match:
        raise PlanError(f'"{text}" is not a budget.', hint="Write 2.50usd, 100000tok, 500calls or 30min.")
    return Budget(float(match[1]), cast(BudgetUnit, match[2] or "usd"))  # the pattern allows no other unit


class BudgetReached(Exception):
    """Raised instead of sending a call: the budget or the limit of calls is used up, the call may exceed it, or the
    call's cost is unknown. The message says which."""


_REMEDIES = {
    "usd": "Its price is not known: take a budget in calls or tokens, or put the price into models.toml.",
    "tok": "Set max tokens: without it a reply has no known limit.",
}


@dataclass
class Wall:
    """Enforces the `budget` of a run and its limit of calls, `max_calls`: adds up what its calls have spent and what
    those in flight may cost at most. With `budget` None, any cost is allowed, with `max_calls` None any number of
    calls. `started` is the time from which a budget in minutes counts, by time.monotonic()."""

    budget: Budget | None
    max_calls: int | None = None
    spent: float = 0.0
    calls: int = 0
    started: float = field(default_factory=time.monotonic)

    def add(self, cost: Cost) -> None:
        """Adds a cost that the run has spent before this wall was made, such as before a resume."""
        self.spent += self._amount(cost) or 0.0
        self.calls += cost.calls

    @property
    def limits(self) -> bool:
        """Whether anything is limited, so that calls have to be reserved."""
        return self.budget is not None or self.max_calls is not None

    @property
    def cost(self) -> Cost:
        """What was spent so far, in the budget's unit; the others are 0."""
        unit = self.budget.unit if self.budget else ""
        usd = self.spent if unit == "usd" else 0.0
        return Cost(usd, *(math.ceil(self.spent) if unit == one else 0 for one in ("tok", "calls")))

    def reserve(self, worst: Cost) -> None:
        """Adds the cost `worst`, the most that a call may cost, before the call is sent. Raises BudgetReached if that
        would exceed the budget or the limit of calls, if the most is unknown, or if the minutes of the budget are
        over."""
        if self.max_calls is not None and self.calls + worst.calls > self.max_calls:
            raise BudgetReached(
                f"The limit of {many(self.max_calls, 'call')} is reached; what is left was not sent. Go on with a"
                " higher one."
            )
        self.spent += self._within_budget(worst)
        self.calls += worst.calls

    def _within_budget(self, worst: Cost) -> float:
        """Returns the amount of the cost in the budget's unit; raises as `reserve` does."""
        if self.budget is None:
            return 0.0
        if self.budget.unit == "min" and time.monotonic() - self.started >= self.budget.amount * 60:
            raise BudgetReached(f"The budget of {self.budget} is reached; what is left was not sent.")
        amount = self._amount(worst)
        if amount is None:
            raise BudgetReached(f"A call may cost any number of {self.budget.unit}. {_REMEDIES[self.budget.unit]}")
        if self.spent + amount > self.budget.amount * (1 + 1e-9):
            raise BudgetReached(
                f"The next call may cross the budget of {self.budget}; what is left was not sent."
                " Go on with a larger one."
            )
        return amount

    def settle(self, worst: Cost, real: Cost) -> None:
        """Replaces the reserved cost of a call, `worst`, by its real cost. Where the real cost is unknown, the reserved
        cost stays."""
        self.calls += real.calls - worst.calls
        reserved, paid = self._amount(worst), self._amount(real)
        if reserved is not None and paid is not None:
            self.spent += paid - reserved

    def _amount(self, cost: Cost) -> float | None:
        if self.budget is None or self.budget.unit == "min":
            return 0.0
        return {"usd": cost.usd, "tok": cost.tokens, "calls": cost.calls}[self.budget.unit]
