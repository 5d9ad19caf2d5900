"""A budget is a wall: the worst case of a call is reserved before it is sent, so spending can never cross it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Literal, cast

from promptgrid.errors import PlanError

BudgetUnit = Literal["usd", "tok", "calls", "min"]


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount of US dollars, tokens (prompt and reply), calls, or minutes since the run was started or resumed."""

    amount: float
    unit: BudgetUnit

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call costs, or can cost at most. None: not known."""

    usd: float | None
    tokens: int | None
    calls: int = 1


def parse_budget(text: str) -> Budget | None:
    """`2.50usd`, `100000tok`, `500calls`, `30min`; a bare number is US dollars; empty is no budget."""
    if not text.strip():
        return None
    match = re.fullmatch(r"\$?\s*(\d+(?:\.\d+)?)\s*(usd|tok|calls|min)?", text.strip().lower())
    if not match:
        raise PlanError(f'"{text}" is not a budget.', hint="Write 2.50usd, 100000tok, 500calls or 30min.")
    return Budget(float(match[1]), cast(BudgetUnit, match[2] or "usd"))  # the pattern allows no other unit


class BudgetReached(Exception):
    """The next call may cost more than is left, or its cost is not known; the message says which."""


_REMEDIES = {
    "usd": "Its price is not known: take a budget in calls or tokens, or put the price into models.toml.",
    "tok": "Set max tokens: without it a reply has no known limit.",
}


@dataclass
class Wall:
    """Adds up what is spent and reserved against a budget; without a budget everything is allowed."""

    budget: Budget | None
    spent: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def add(self, cost: Cost) -> None:
        """Adds what the run had spent before it was paused."""
        self.spent += self._amount(cost) or 0.0

    def reserve(self, worst: Cost) -> None:
        """Reserves the worst case. Raises BudgetReached when it would cross the budget, or is not known."""
        if self.budget is None:
            return
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
        self.spent += amount

    def settle(self, worst: Cost, real: Cost) -> None:
        """Replaces a reservation by the real cost of the call; a lost attempt is not settled and stays reserved."""
        reserved, paid = self._amount(worst), self._amount(real)
        if reserved is not None and paid is not None:
            self.spent += paid - reserved

    def _amount(self, cost: Cost) -> float | None:
        if self.budget is None or self.budget.unit == "min":
            return 0.0
        return {"usd": cost.usd, "tok": cost.tokens, "calls": cost.calls}[self.budget.unit]
