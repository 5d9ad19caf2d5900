"""Sums up what all replies cost, by month and model."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import sqlalchemy as sa

from promptgrid.store.database import Database
from promptgrid.store.dialects.sql import Truncated
from promptgrid.store.schema import replies

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class MonthSpending:
    """What the replies of one model cost in one month.

    month      such as "2026-03", in UTC
    model      ENDPOINT/MODEL
    replies    number of replies: of runs, tries, conversations and judges, each counted once, however often it is shown
    unpriced   number of replies whose price is not known
    cost_usd   sum over the others, in US dollars
    prompt_tokens, completion_tokens    sums over the replies that report them; None: none does. The prompt of a call
               that brought several replies counts once
    """

    month: str
    model: str
    replies: int
    unpriced: int
    cost_usd: float
    prompt_tokens: int | None
    completion_tokens: int | None


def spending(database: Database) -> list[MonthSpending]:
    """Returns what each model cost in each month, the newest month first and in it the dearest model first. Replies of
    deleted runs count until they are purged. A million replies take about two seconds."""
    day = Truncated(replies.c.created / _DAY_S)
    sums = (
        sa.func.count(),
        sa.func.count() - sa.func.count(replies.c.cost_usd),
        sa.func.coalesce(sa.func.sum(replies.c.cost_usd), 0.0),
        sa.func.sum(sa.cast(replies.c.prompt_tokens, sa.Float) / replies.c.batch),  # a call's replies share one prompt
        sa.func.sum(replies.c.completion_tokens),
    )
    model = (replies.c.endpoint, replies.c.model)
    by_day = sa.select(day, *model, *sums).group_by(day, *model)
    months: dict[tuple[str, str], list[MonthSpending]] = defaultdict(list)
    with database.read() as connection:
        for number, endpoint, model, *figures in connection.execute(by_day):
            month, ref = f"{datetime.fromtimestamp(number * _DAY_S, UTC):%Y-%m}", f"{endpoint}/{model}"
            months[month, ref].append(MonthSpending(month, ref, *figures))
    dearest = sorted(map(_sum, months.values()), key=lambda one: (-one.cost_usd, -one.replies, one.model))
    return sorted(dearest, key=lambda one: one.month, reverse=True)


def _sum(days: list[MonthSpending]) -> MonthSpending:
    def added(name: str) -> int | None:
        known = [value for day in days if (value := getattr(day, name)) is not None]
        return round(sum(known)) if known else None

    return replace(
        days[0],
        replies=sum(day.replies for day in days),
        unpriced=sum(day.unpriced for day in days),
        cost_usd=sum(day.cost_usd for day in days),
        prompt_tokens=added("prompt_tokens"),
        completion_tokens=added("completion_tokens"),
    )
