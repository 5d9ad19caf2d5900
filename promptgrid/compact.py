"""Holds a great many small values in little memory: numbers by hash in arrays, objects in compressed blocks."""

from __future__ import annotations

import hashlib
import pickle
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import eq
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")

_FIRST_SLOTS = 1024  # a power of two
_EMPTY = -1
_BLOCK = 200  # objects a block


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

    def add(self, key: int) -> bool:
        """Adds the key, with its place among the keys; returns whether it is new."""
        count = len(self)
        return self.setdefault(key, count) == count

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


class Packed(Sequence[T], Generic[T]):
    """A sequence of objects of plain data, which are kept pickled and compressed in blocks: a small row takes some ten
    bytes. Each access makes new objects, which equal those that were put in."""

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._blocks: list[bytes] = []
        self._last: list[T] = []  # the objects that do not fill a block yet
        self._unpacked: tuple[int, list[T]] = (-1, [])  # index of a block, its objects: the latest one accessed
        for item in items:
            self.append(item)

    def append(self, item: T) -> None:
        """Adds an object at the end."""
        self._last.append(item)
        if len(self._last) == _BLOCK:
            self._blocks.append(zlib.compress(pickle.dumps(self._last, pickle.HIGHEST_PROTOCOL), 1))
            self._last = []

    def __len__(self) -> int:
        return _BLOCK * len(self._blocks) + len(self._last)

    def __iter__(self) -> Iterator[T]:
        for number in range(len(self._blocks)):
            yield from self._block(number)
        yield from self._last

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return tuple(self[at] for at in range(*index.indices(len(self))))
        block, at = divmod(range(len(self))[index], _BLOCK)
        return self._kept(block)[at]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    def _kept(self, number: int) -> list[T]:
        if number == len(self._blocks):
            return self._last
        if self._unpacked[0] != number:
            self._unpacked = number, self._block(number)
        return self._unpacked[1]

    def _block(self, number: int) -> list[T]:
        objects: list[Any] = pickle.loads(zlib.decompress(self._blocks[number]))  # noqa: S301  (our own objects)
        return objects
