"""Sends batches: again where that may help, and not at all where something has made it useless."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

from promptgrid.calls.batch import Batch
from promptgrid.calls.call import PATIENCE_S, Call, Halted
from promptgrid.calls.pace import Pace
from promptgrid.calls.run_context import RunContext
from promptgrid.endpoint import Endpoint
from promptgrid.errors import EndpointError
from promptgrid.grid import Point
from promptgrid.models import learned
from promptgrid.prompt.parameters import NAMES


@dataclass(frozen=True, slots=True)
class _Scope:
    """The calls that an error speaks of: an endpoint's, a model's (""; any), those with this value of a parameter."""

    endpoint: str
    model: str = ""
    parameter: str = ""
    value: object = None

    def holds(self, point: Point) -> bool:
        return (
            point.endpoint == self.endpoint
            and self.model in ("", point.model)
            and (not self.parameter or getattr(point.request.parameters, self.parameter) == self.value)
        )


@dataclass
class Sender:
    """Sends the batches of one run. `stopped` keeps what made calls useless until somebody mends it."""

    job: RunContext
    stopped: dict[_Scope, EndpointError] = field(default_factory=dict)

    async def send(self, endpoint: Endpoint, pace: Pace, batch: Batch) -> list[Batch]:
        """Sends until the batch has ended, well or badly; returns what of it is to be sent in another form.

        Raises BudgetReached before it sends, Halted, Fenced.
        """
        call = Call(self.job, endpoint, pace, batch)
        while True:
            if error := self._stop_for(batch.point):
                return call.fail(error)
            try:
                return call.end(await call.attempt())
            except EndpointError as error:
                await self._remember(endpoint, batch.point, error)
                if (left := call.in_another_form(error)) is not None:
                    return left
                wait_s = call.wait_s(error)
                if wait_s is None:
                    return call.fail(error)
                call.failed(error, wait_s)
                if self.job.halted:
                    raise Halted from None
                await asyncio.sleep(wait_s)

    def _stop_for(self, point: Point) -> EndpointError | None:
        return next((error for scope, error in self.stopped.items() if scope.holds(point)), None)

    async def _remember(self, endpoint: Endpoint, point: Point, error: EndpointError) -> None:
        """What would end the next call in the same way is not sent; what a model refused is known to later plans."""
        if error.stops_endpoint:
            # A wrong key or an empty purse stops the whole endpoint, an unknown model only itself.
            model = point.model if error.kind == "unknown_model" else ""
            self.stopped[_Scope(point.endpoint, model)] = error
        elif error.kind == "refused_parameter" and error.param in NAMES:
            sent = point.request.parameters
            value, effort = getattr(sent, error.param), sent.reasoning_effort
            self.stopped[_Scope(point.endpoint, point.model, error.param, value)] = error
            said = partial(learned.remember, effort=effort)
            await asyncio.to_thread(said, endpoint.identity, point.model, error.param, value, error.message)
        elif error.kind == "rate_limited" and (error.retry_after or 0.0) > PATIENCE_S:
            self.stopped[_Scope(point.endpoint, point.model)] = error
