"""The input of a prediction: a text, and the tokens added after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from promptgrid.endpoint.base import TokenStep
from promptgrid.errors import PlanError


@dataclass(frozen=True, slots=True)
class Continuation:
    """A text, and the `trail`: the tokens that the user or the model has added after the text."""

    text: str
    trail: tuple[TokenStep, ...] = ()

    def after(self, steps: Sequence[TokenStep]) -> Continuation:
        """Returns the continuation with these tokens appended to the trail."""
        return replace(self, trail=(*self.trail, *steps))

    def back(self, count: int = 1) -> Continuation:
        """Returns the continuation without the last `count` tokens of the trail."""
        return replace(self, trail=self.trail[: max(0, len(self.trail) - count)])

    @property
    def added(self) -> bytes:
        """The bytes of the tokens that were added to the text (the trail)."""
        return b"".join(step.data for step in self.trail)

    def whole_text(self) -> str:
        """Returns the text and the added tokens (the trail) as one text. Raises PlanError if they end inside a
        character."""
        try:
            return self.text + self.added.decode("utf-8")
        except UnicodeDecodeError:
            end = self.added[-4:].hex(" ").upper()
            raise PlanError(
                f"The added tokens end inside a character (bytes {end}), and this endpoint takes only text.",
                hint="Step back, or use the built-in model, which takes tokens.",
            ) from None
