"""Sends calls: retries where that may help, and skips calls that an earlier error has made useless."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

from promptgrid.calls.batch import Batch
from promptgrid.calls.call import PATIENCE_S, Call, Halted, P
from promptgrid.calls.pace import Pace
from promptgrid.calls.run_context import RunContext
from promptgrid.calls.text_batch import TextBatch
from promptgrid.endpoint import Endpoint
from promptgrid.errors import EndpointError
from promptgrid.models import learned
from promptgrid.prompt.parameters import NAMES


@dataclass(frozen=True, slots=True)
class _Scope:
    """The calls to which an error applies: those to an endpoint, perhaps only to one model, perhaps only with one value
    of a parameter. An empty `model` or `parameter` stands for all."""

    endpoint: str
    model: str = ""
    parameter: str = ""
    value: object = None

    def holds(self, payload: Batch | TextBatch) -> bool:
        return (
            payload.endpoint == self.endpoint
            and self.model in ("", payload.model)
            and (not self.parameter or self._has_parameter(payload))
        )

    def _has_parameter(self, payload: Batch | TextBatch) -> bool:
        if self.parameter == "tools":
            return isinstance(payload, Batch) and bool(payload.request.tools)
        return bool(getattr(payload.parameters, self.parameter, None) == self.value)


@dataclass
class Sender:
    """Sends the calls of one run. `stopped` holds errors, such as a wrong key, that make further calls useless until
    the user resolves them."""

    context: RunContext
    stopped: dict[_Scope, EndpointError] = field(default_factory=dict)

    async def send(self, endpoint: Endpoint, pace: Pace, payload: P) -> list[tuple[P, EndpointError]]:
        """Sends the payload, in parts if one call does not bring all replies, until every part has ended or the run is
        halted. Returns the parts that failed, with their errors.

        Raises BudgetReached, Halted or Fenced (another runner owns the run) in place of sending.
        """
        failed: list[tuple[P, EndpointError]] = []
        left = [payload]
        while left and not self.context.halted:
            call = Call(self.context, endpoint, pace, left.pop())
            rest, error = await self._send_one(call)
            left += rest
            if error is not None:
                failed.append((call.payload, error))
        return failed

    async def _send_one(self, call: Call[P]) -> tuple[list[P], EndpointError | None]:
        """Sends one call and repeats it where that may help. Returns (payloads that are still to be sent, the error
        that ended the call or None)."""
        while True:
            if error := self._stop_for(call.payload):
                call.fail(error)
                return [], error
            try:
                return call.end(await call.attempt()), None
            except EndpointError as caught:
                error = caught
            await self._remember(call.endpoint, call.payload, error)
            if parts := call.payload.parts(error):
                call.log_failure(error, 0.0)
                return parts, None
            wait_s = call.wait_s(error)
            if wait_s is None:
                if error.wrong_address:
                    self.stopped[_Scope(call.payload.endpoint, call.payload.model)] = error
                call.fail(error)
                return [], error
            call.log_failure(error, wait_s)
            if self.context.halted:
                raise Halted
            await asyncio.sleep(wait_s)

    def _stop_for(self, payload: Batch | TextBatch) -> EndpointError | None:
        return next((error for scope, error in self.stopped.items() if scope.holds(payload)), None)

    async def _remember(self, endpoint: Endpoint, payload: Batch | TextBatch, error: EndpointError) -> None:
        """Records the error that a call with this payload got, if later calls would get it as well, so that they are
        not sent. A refused parameter is also stored for later plans."""
        if error.stops_endpoint:
            # A wrong key or missing credit stops the whole endpoint; an unknown model stops only that model.
            model = payload.model if error.kind == "unknown_model" else ""
            self.stopped[_Scope(payload.endpoint, model)] = error
        elif error.kind == "refused_parameter" and error.param == "tools":
            self.stopped[_Scope(payload.endpoint, payload.model, "tools")] = error
            await asyncio.to_thread(learned.remember, endpoint.identity, payload.model, "tools", None, error.message)
        elif error.kind == "refused_parameter" and error.param in NAMES and payload.parameters is not None:
            value, effort = getattr(payload.parameters, error.param), payload.parameters.reasoning_effort
            self.stopped[_Scope(payload.endpoint, payload.model, error.param, value)] = error
            remember = partial(learned.remember, effort=effort)
            await asyncio.to_thread(remember, endpoint.identity, payload.model, error.param, value, error.message)
        elif error.kind == "rate_limited" and (error.retry_after or 0.0) > PATIENCE_S:
            self.stopped[_Scope(payload.endpoint, payload.model)] = error
