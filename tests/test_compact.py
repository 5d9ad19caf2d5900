"""Numbers by hash, beside a dict."""

import random

from promptgrid.compact import NumberMap, hash64


def test_numbers_by_hash_are_found_as_in_a_dict() -> None:
    draw, numbers, beside = random.Random(1), NumberMap(), dict[int, int]()
    keys = [draw.getrandbits(64) for _ in range(20_000)]
    keys += [key << 20 & (2**64 - 1) for key in keys]  # many whose low bits are equal
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
