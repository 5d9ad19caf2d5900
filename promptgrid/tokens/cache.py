"""A cache of token counts, by a digest of what is counted."""

from __future__ import annotations

import threading

from promptgrid.compact import NumberMap, hash64


def digest(*words: str) -> int:
    """Returns a 64-bit hash of the words, for the cache of counts."""
    encoded = [word.encode("utf-8", "replace") for word in words]
    return hash64(b"".join(len(word).to_bytes(8, "big") + word for word in encoded))


class CountCache:
    """A cache of at most `size` token counts, which begins anew when it is full. Several threads may use it at
    once."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._counts = NumberMap()
        self._lock = threading.Lock()

    def get(self, key: int) -> int | None:
        with self._lock:
            return self._counts.get(key)

    def put(self, key: int, count: int) -> int:
        with self._lock:
            if len(self._counts) == self._size:
                self._counts = NumberMap()
            self._counts[key] = count
        return count
