"""Hashes answers for votes."""

from __future__ import annotations

import hashlib


def ballot(answer: str | None) -> int | None:
    """Returns a signed 64-bit hash of the answer, by which equal answers are counted without their texts; None if no
    answer could be read."""
    if answer is None:
        return None
    digest = hashlib.blake2b(answer.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
