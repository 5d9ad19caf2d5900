"""No example that is the case itself is shown to it: planted leaks are all found, and different texts are kept."""

from __future__ import annotations

import random

import pytest

from promptgrid.fewshot.leaks import LeakGuard

_NUMBERS = ("three", "seven", "twelve", "twenty-one", "forty")
_DIGITS = ("3", "7", "12", "21", "40")
_NOUNS = ("apples", "tickets", "letters", "bottles", "chairs", "stamps", "coins", "books")
_NAMES = ("Ann", "Bo", "Cleo", "Dirk", "Eva", "Finn", "Gus", "Hana")
_TAILS = ("How many are left?", "Who has more now?", "What did the rest cost?", "When does the last one arrive?")
_VERBS = ("sells", "buys", "loses", "carries", "paints", "counts")


def story(rng: random.Random) -> list[str]:
    """The words of a question with two numbers, one as a word and one as digits."""
    name, other = rng.sample(_NAMES, 2)
    noun, verb, tail = rng.choice(_NOUNS), rng.choice(_VERBS), rng.choice(_TAILS)
    number = rng.choice(_NUMBERS)
    return f"{name} {verb} {number} {noun} on day {rng.randint(1, 60)} and gives {other} a few. {tail}".split()


def planted(words: list[str], rng: random.Random) -> list[str]:
    """The same question as it is, in capitals, with more blanks, without punctuation, and with digits for words."""
    text = " ".join(words)
    digits = " ".join(dict(zip(_NUMBERS, _DIGITS, strict=True)).get(word, word) for word in words)
    return [text, text.upper(), "  ".join(words) + "\n", text.replace(".", "").replace("?", " !"), digits]


def test_every_planted_leak_is_found_however_it_is_written() -> None:
    rng = random.Random(5)
    for _ in range(100):
        words = story(rng)
        for text in planted(words, rng):
            guard = LeakGuard([" ".join(story(rng)), text])
            assert guard.leaks(" ".join(words)).get(1) == "the case itself", text


def test_different_questions_are_hardly_ever_taken_for_leaks() -> None:
    rng = random.Random(7)
    pairs = [(" ".join(story(rng)), " ".join(story(rng))) for _ in range(1000)]
    false = [pair for pair in pairs if pair[0] != pair[1] and LeakGuard([pair[0]]).leaks(pair[1])]
    assert len(false) <= 10


@pytest.mark.parametrize(
    ("example", "case", "why"),
    [
        ("这家餐厅的服务很好，我们等了三分钟。", "这家餐厅的服务很好我们等了3分钟", "the case itself"),
        ("A bus leaves at 9 and is very late", "a bus leaves at 9 and is late", "nearly the case itself"),
        ("A train takes 60 minutes to the coast", "A train takes 90 minutes to the coast", None),
        ("yes", "YES!", "the case itself"),
        ("", "", None),
    ],
)  # fmt: skip
def test_what_is_a_leak(example: str, case: str, why: str | None) -> None:
    language = "zh" if "我" in case else "en"
    assert LeakGuard([example], language).leaks(case).get(0) == why
