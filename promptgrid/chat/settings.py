"""What a conversation is talked with: one to four variants, and what is cut when the window is full. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from promptgrid.connections import DEFAULT_MODEL
from promptgrid.errors import PlanError
from promptgrid.tokens import WindowPolicy

MAX_VARIANTS = 4
ROOM = 256  # tokens kept for the reply, and the most it may have


@dataclass(frozen=True, slots=True)
class ChatVariant:
    """One column. `temperature` None: the model's own. `system` None: the conversation's system message, else in its
    place. `id` stays the same when other variants go.
    """

    id: int
    model: str = DEFAULT_MODEL
    temperature: float | None = None
    system: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """`limit` None: the model's own context. `room` in tokens is kept for the reply."""

    variants: tuple[ChatVariant, ...] = (ChatVariant(1),)
    policy: WindowPolicy = "keep-system"
    limit: int | None = None
    room: int = ROOM

    def variant(self, number: int) -> ChatVariant:
        """The variant of that id. Raises PlanError when it was taken away."""
        for variant in self.variants:
            if variant.id == number:
                return variant
        raise PlanError(f"There is no variant {number} any more.", hint="Was it removed in another tab?")

    def with_one_more(self) -> Settings:
        """Another variant, like the last one. Raises PlanError beyond four."""
        if len(self.variants) >= MAX_VARIANTS:
            raise PlanError(f"A conversation has {MAX_VARIANTS} variants at most.", hint="Remove one first.")
        following = max(variant.id for variant in self.variants) + 1
        return replace(self, variants=(*self.variants, replace(self.variants[-1], id=following)))

    def without(self, number: int) -> Settings:
        """One fewer; the last one stays."""
        left = tuple(variant for variant in self.variants if variant.id != number)
        return replace(self, variants=left or self.variants)

    def changed(self, number: int, **values: Any) -> Settings:
        """With other values for one variant."""
        variants = tuple(replace(v, **values) if v.id == number else v for v in self.variants)
        return replace(self, variants=variants)


def to_json(settings: Settings) -> dict[str, Any]:
    """As the database keeps it."""
    return asdict(settings)


def from_json(kept: Mapping[str, Any]) -> Settings:
    """The other way round."""
    variants = tuple(ChatVariant(**variant) for variant in kept["variants"])
    return Settings(variants, kept["policy"], kept["limit"], kept["room"])
