"""Makes the cases whose answers can be computed: word problems, last letters, coin flips.

    python prompts/cases/generate.py

rewrites those CSV files beside this one with the same bytes every time. To get other cases, change SEED; to get more,
change the counts in `tables`. The other CSV files in this folder are written by hand.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Sequence
from pathlib import Path

SEED = 17

Draw = Callable[[int, int], int]
"""A whole number from low to high, both included."""

Case = tuple[str, str | int]
"""The input and the expected answer."""

Maker = Callable[[Draw], Case]
"""Draws its numbers or words, and works the answer out from them."""


def rolls(draw: Draw) -> Case:
    trays, each, sold = draw(3, 9), draw(12, 24), draw(10, 30)
    return (
        f"A baker fills {trays} trays with {each} rolls each and sells {sold} rolls. How many rolls are left?",
        trays * each - sold,
    )


def museum(draw: Draw) -> Case:
    ticket, guide, visitors, guides = draw(6, 14), draw(2, 5), draw(4, 8), draw(2, 3)
    return (
        f"A museum ticket costs {ticket} dollars and an audio guide {guide} dollars. A family takes {visitors} tickets "
        f"and {guides} audio guides. How many dollars does it pay?",
        ticket * visitors + guide * guides,
    )


def train(draw: Draw) -> Case:
    start, off, on = draw(60, 140), draw(15, 50), draw(10, 45)
    return (
        f"A train leaves with {start} passengers. At the first stop {off} get off and {on} get on. "
        "How many passengers are on the train now?",
        start - off + on,
    )


def stickers(draw: Draw) -> Case:
    children, share, more = draw(3, 8), draw(4, 12), draw(2, 9)
    return (
        f"{children} children share {children * share} stickers equally. Then each child finds {more} more. "
        "How many stickers does each child have?",
        share + more,
    )


def shelves(draw: Draw) -> Case:
    count, books, extra = draw(4, 9), draw(15, 30), draw(2, 6)
    return (
        f"A library has {count} shelves with {books} books each. It receives {count * extra} new books and spreads "
        "them evenly over the shelves. How many books are on each shelf now?",
        books + extra,
    )


def tank(draw: Draw) -> Case:
    full, rate, minutes = draw(300, 600), draw(12, 25), draw(5, 11)
    return (
        f"A tank holds {full} litres of water. A pump takes out {rate} litres a minute. "
        f"How many litres remain after {minutes} minutes?",
        full - rate * minutes,
    )


def cyclist(draw: Draw) -> Case:
    weekday, weekend = draw(8, 20), draw(25, 60)
    return (
        f"A cyclist rides {weekday} km on each day from Monday to Friday, and {weekend} km on Saturday and again on "
        "Sunday. How many km is that in the whole week?",
        weekday * 5 + weekend * 2,
    )


def discount(draw: Draw) -> Case:
    price, percent = draw(3, 12) * 20, (10, 20, 25, 50)[draw(0, 3)]
    return (
        f"A jacket costs {price} dollars. In the sale its price falls by {percent} percent. "
        "How many dollars does the jacket cost in the sale?",
        price - price * percent // 100,
    )


def apples_zh(draw: Draw) -> Case:
    boxes, each, gone = draw(3, 9), draw(12, 30), draw(8, 30)
    return (
        f"水果店进了{boxes}箱苹果，每箱{each}个，当天卖出{gone}个。店里还剩多少个苹果？",
        boxes * each - gone,
    )


def bus_zh(draw: Draw) -> Case:
    start, off, on = draw(25, 50), draw(5, 20), draw(3, 15)
    return (
        f"一辆公交车上有{start}名乘客，到站后下车{off}人，又上车{on}人。现在车上有多少名乘客？",
        start - off + on,
    )


def stationery_zh(draw: Draw) -> Case:
    notebook, pen, notebooks, pens = draw(4, 12), draw(2, 6), draw(2, 8), draw(2, 9)
    return (
        f"一本笔记本{notebook}元，一支圆珠笔{pen}元。买{notebooks}本笔记本和{pens}支圆珠笔，一共要付多少元？",
        notebook * notebooks + pen * pens,
    )


def trees_zh(draw: Draw) -> Case:
    rows, each, extra = draw(4, 9), draw(6, 15), draw(2, 7)
    return (
        f"果园里有{rows}行桃树，每行{each}棵。今年又买来{rows * extra}棵，平均补种到每一行。现在每行有多少棵桃树？",
        each + extra,
    )


def reading_zh(draw: Draw) -> Case:
    daily, days, rest = draw(12, 30), draw(4, 9), draw(15, 80)
    return (
        f"一本书，每天读{daily}页，读了{days}天后还剩{rest}页没有读。这本书一共有多少页？",
        daily * days + rest,
    )


def hall_zh(draw: Draw) -> Case:
    rows, seats, empty = draw(8, 20), draw(15, 30), draw(10, 60)
    return (
        f"礼堂有{rows}排座位，每排{seats}个。开会时空着{empty}个座位，其余都坐了人。到会的有多少人？",
        rows * seats - empty,
    )


ENGLISH: tuple[Maker, ...] = (rolls, museum, train, stickers, shelves, tank, cyclist, discount)
CHINESE: tuple[Maker, ...] = (apples_zh, bus_zh, stationery_zh, trees_zh, reading_zh, hall_zh)

# fmt: off
WORDS = (
    "amber", "anchor", "basket", "bridge", "candle", "carpet", "cloud", "copper", "corner", "dragon", "engine",
    "feather", "forest", "garden", "hammer", "harbor", "island", "jacket", "kitchen", "ladder", "lantern", "marble",
    "meadow", "mirror", "needle", "orchard", "paper", "pepper", "pillow", "planet", "rabbit", "ribbon", "river",
    "saddle", "silver", "stone", "thunder", "ticket", "tunnel", "violin", "walnut", "window", "winter", "yellow",
)
PEOPLE = (
    "baker", "carpenter", "dentist", "farmer", "gardener", "judge", "librarian", "nurse", "painter", "pilot",
    "sailor", "tailor",
)
# fmt: on


def last_letters(draw: Draw) -> Case:
    words = _some(WORDS, draw(3, 4), draw)
    return " ".join(words), "".join(word[-1] for word in words)


def coin_flips(draw: Draw) -> Case:
    people = _some(PEOPLE, draw(2, 4), draw)
    flips = [draw(0, 1) for _ in people]
    acts = [
        f"The {who} {'flips' if flip else 'does not flip'} the coin." for who, flip in zip(people, flips, strict=True)
    ]
    start = draw(0, 1)
    sides = ("heads", "tails")
    return " ".join([f"A coin lies {sides[start]} up.", *acts]), sides[(start + sum(flips)) % 2]


def tables() -> dict[str, str]:
    """File name -> the whole text of that CSV."""
    return {
        "arithmetic.csv": _table("question", _cases(ENGLISH, 16)),
        "arithmetic-zh.csv": _table("question", _cases(CHINESE, 12)),
        "last-letters.csv": _table("words", _cases([last_letters], 16)),
        "coin-flips.csv": _table("story", _cases([coin_flips], 16)),
    }


def _cases(makers: Sequence[Maker], count: int) -> list[Case]:
    """`count` different cases, the makers taking turns."""
    draw, made = _dice(SEED), dict[str, str | int]()
    while len(made) < count:
        question, answer = makers[len(made) % len(makers)](draw)
        made[question] = answer
    return list(made.items())


def _dice(seed: int) -> Draw:
    # Of the module's methods only random() promises the same numbers in every Python version.
    rng = random.Random(seed)
    return lambda low, high: low + int(rng.random() * (high - low + 1))


def _some(things: Sequence[str], count: int, draw: Draw) -> list[str]:
    rest = list(things)
    return [rest.pop(draw(0, len(rest) - 1)) for _ in range(count)]


def _table(column: str, cases: Sequence[Case]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([(column, "expected"), *cases])
    return out.getvalue()


def main() -> None:
    folder = Path(__file__).resolve().parent
    for name, text in tables().items():
        (folder / name).write_bytes(text.encode())


if __name__ == "__main__":
    main()
