"""A cache of token counts, by a digest of what is counted."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict


def digest(*words: str) -> bytes:
    """Returns a 16-byte hash of the words, for the cache of counts."""
    digest = hashlib.blake2b(digest_size=16)
    for word in words:
        encoded = word.encode("utf-8", "replace")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.digest()


class CountCache:
    """A cache of token counts that keeps the `size` most recently used. Several threads may use it at once."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> int | None:
        with self._lock:
            if key in self._counts:
                self._counts.move_to_end(key)
            return self._counts.get(key)

    def put(self, key: bytes, count: int) -> int:
        with self._lock:
            self._counts[key] = count
            if len(self._counts) > self._size:
                self._counts.popitem(last=False)
        return count
