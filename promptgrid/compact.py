"""Holds a great many small values in little memory: numbers by hash, in arrays."""

from __future__ import annotations

import hashlib
from array import array

_FIRST_SLOTS = 1024  # a power of two
_EMPTY = -1


def hash64(data: bytes) -> int:
    """Returns a hash of the bytes below 2**64. Two of a million different texts share one with a chance of 3e-8."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest())


class NumberMap:
    """A map from 64-bit hashes (see `hash64`) to numbers from 0 to 2**31 - 1: 18 to 36 bytes an entry, where a dict
    takes about 130. Entries are never removed."""

    def __init__(self) -> None:
        self._count = 0
        self._new_slots(_FIRST_SLOTS)

    def __len__(self) -> int:
        return self._count

    def get(self, key: int) -> int | None:
        """Returns the number under the key; None if there is none."""
        number = self._numbers[self._slot(key)]
        return None if number == _EMPTY else number

    def setdefault(self, key: int, number: int) -> int:
        """Returns the number under the key, and puts `number` there if there is none."""
        there = self._numbers[self._slot(key)]
        if there == _EMPTY:
            self[key] = there = number
        return there

    def __setitem__(self, key: int, number: int) -> None:
        slot = self._slot(key)
        self._count += self._numbers[slot] == _EMPTY
        self._keys[slot], self._numbers[slot] = key, number
        if 3 * self._count > 2 * len(self._keys):
            self._grow()

    def _slot(self, key: int) -> int:
        """Returns the index at which the key stands, or at which it can be put."""
        keys, numbers, slot = self._keys, self._numbers, key & self._mask
        while numbers[slot] != _EMPTY and keys[slot] != key:
            slot = (slot + 1) & self._mask
        return slot

    def _grow(self) -> None:
        entries = zip(self._keys, self._numbers, strict=True)
        self._new_slots(2 * len(self._keys))
        for key, number in entries:
            if number != _EMPTY:
                slot = self._slot(key)
                self._keys[slot], self._numbers[slot] = key, number

    def _new_slots(self, count: int) -> None:
        self._mask = count - 1
        self._keys, self._numbers = array("Q", [0]) * count, array("i", [_EMPTY]) * count
