"""The number that an answer votes as."""

from __future__ import annotations

import hashlib


def ballot(answer: str | None) -> int | None:
    """A hash of the answer, 64 bits, signed: answers are compared and counted by it without reading their texts."""
    if answer is None:
        return None
    digest = hashlib.blake2b(answer.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
