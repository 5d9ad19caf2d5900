"""Where in a text the model is asked for the next token: the text, and the tokens that were added to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from promptgrid.endpoint.base import TokenStep
from promptgrid.errors import PlanError


@dataclass(frozen=True, slots=True)
class Continuation:
    """A text, and the `trail` of tokens that were chosen or written after it."""

    text: str
    trail: tuple[TokenStep, ...] = ()

    def after(self, steps: Sequence[TokenStep]) -> Continuation:
        """The place after these tokens."""
        return replace(self, trail=(*self.trail, *steps))

    def back(self, count: int = 1) -> Continuation:
        """The place before the last tokens of the trail."""
        return replace(self, trail=self.trail[: max(0, len(self.trail) - count)])

    @property
    def added(self) -> bytes:
        """The trail's bytes."""
        return b"".join(step.data for step in self.trail)

    def whole_text(self) -> str:
        """The text with its trail. Raises PlanError where that ends within a character: text cannot say it."""
        try:
            return self.text + self.added.decode("utf-8")
        except UnicodeDecodeError:
            end = self.added[-4:].hex(" ").upper()
            raise PlanError(
                f"The added tokens end inside a character (bytes {end}), and this endpoint takes text only.",
                hint="Step back, or take the built-in model, which takes tokens.",
            ) from None
