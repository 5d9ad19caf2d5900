"""Numbers by hash beside a dict, packed objects beside a list."""

import random

import pytest

from promptgrid.compact import NumberMap, Packed, hash64


def test_numbers_by_hash_are_found_as_in_a_dict() -> None:
    draw, numbers, beside = random.Random(1), NumberMap(), dict[int, int]()
    keys = [draw.getrandbits(64) for _ in range(20_000)]
    keys += [number << 40 for number in range(50)]  # whose low bits are equal
    for number, key in enumerate(draw.choices(keys, k=100_000)):
        if number % 3:
            assert numbers.setdefault(key, number) == beside.setdefault(key, number)
        else:
            numbers[key] = beside[key] = number
    assert [numbers.get(key) for key in keys] == [beside.get(key) for key in keys]
    assert len(numbers) == len(beside)


def test_other_bytes_have_another_hash_of_64_bits() -> None:
    hashes = {hash64(str(number).encode()) for number in range(10_000)}
    assert len(hashes) == 10_000
    assert max(hashes) < 2**64


def test_packed_objects_equal_those_that_were_put_in() -> None:
    items = [{"number": number, "text": "a\ud800\x00" * (number % 7)} for number in range(1003)]
    packed = Packed(items)
    assert list(packed) == items
    assert [packed[0], packed[-1], packed[199], packed[200]] == [items[0], items[-1], items[199], items[200]]
    assert list(packed[190:210]) == items[190:210]
    with pytest.raises(IndexError):
        packed[1003]
