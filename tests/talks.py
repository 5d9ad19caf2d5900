"""Conversations as odd as people have them, the same for the same seed."""

from __future__ import annotations

import random

from promptgrid.prompt import Message

WORDS = (
    "hello", "the", "weather", "42", "3.14", "naïve", "我喜欢香蕉", "🍌", "👩‍👩‍👧", "\n", "\n\n", "  ", "\t", "{}",
    "<b>", "<|endoftext|>", "<|im_end|>", "’", "…", "São", "مرحبا", "def f(x):", "https://example.org/?q=1",
    "\ufffd", "١٢",
)  # fmt: skip


def conversation(seed: int) -> list[Message]:
    """One to six turns, with a system message or without; some turns are empty."""
    chance = random.Random(seed)
    turns = [Message("system", _text(chance))] if chance.random() < 0.5 else []
    for number in range(chance.randrange(1, 6)):
        turns.append(Message("assistant" if number % 2 else "user", _text(chance)))
    return turns if turns[-1].role == "user" else [*turns, Message("user", _text(chance))]


def _text(chance: random.Random) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(chance.randrange(10)))
