"""What the hostile endpoint remembers of each request: how it came in, how it was answered, how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass(slots=True)
class Recorded:
    """One request. Times are time.monotonic(); what stands below `at` is filled in for completions only."""

    path: str
    body: Body
    headers: dict[str, str]
    at: float
    number: int = 0  # 1 for the first completion that the server was asked for
    mode: str = ""  # what it was answered with; "" where a limit of the server refused it
    status: int | None = None  # None: no answer began
    ended: float | None = None  # None: in flight
    whole: bool = False  # the answer left in full
    hung_up: bool = False  # the client left before its answer was complete
    charged: int = 0  # completions that were produced, whether or not the client got them
    tokens: int = 0  # what they cost, prompt included, whatever the answer's usage says

    def charge(self, completions: int, prompt_tokens: int, completion_tokens: int) -> None:
        """The model has produced this: it is paid for from now on. `completion_tokens` is of each."""
        self.charged = completions
        self.tokens = prompt_tokens + completion_tokens * completions


@dataclass
class Books:
    """All requests in the order in which they came, and what they add up to."""

    requests: list[Recorded] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    @property
    def completions(self) -> list[Recorded]:
        """The requests for a completion, those that a limit refused included."""
        return [request for request in list(self.requests) if request.number]

    @property
    def charged(self) -> int:
        """Completions that were produced."""
        return sum(request.charged for request in self.completions)

    @property
    def tokens(self) -> int:
        """What the completions cost that were produced."""
        return sum(request.tokens for request in self.completions)

    @property
    def replies_sent(self) -> int:
        """Completions that left in full, to a client that was still there."""
        return sum(request.charged for request in self.completions if request.whole)

    @property
    def hung_up(self) -> int:
        """Calls whose client left before its answer was complete."""
        return sum(request.hung_up for request in self.completions)

    def begin(self) -> None:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self, request: Recorded, at: float) -> None:
        """The call is over; only the first to say so counts."""
        if request.ended is None:
            self.in_flight -= 1
            request.ended = at
