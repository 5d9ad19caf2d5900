"""Likely next tokens, as a model names them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from promptgrid.endpoint import Reply
from promptgrid.endpoint.base import TokenChance, TokenStep
from promptgrid.nextword import Chances

SOME = Chances(tuple(TokenChance(f" w{i}".encode(), math.log(p), i) for i, p in enumerate((0.5, 0.2, 0.1))))


def chances(probabilities: Sequence[float]) -> Chances:
    return Chances(tuple(TokenChance(b"%d" % i, math.log(p), i) for i, p in enumerate(probabilities)))


def reply(*tokens: str) -> Reply:
    """These tokens, each where " a" had 0.6 and " b" 0.3."""
    likely = (TokenChance(b" a", math.log(0.6)), TokenChance(b" b", math.log(0.3)))
    steps = [TokenStep(token.encode(), math.log(0.6), None, likely) for token in tokens]
    return Reply("".join(tokens), steps=tuple(steps))
