"""The options of techniques, and lists of techniques as they are typed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NumberOption:
    """A whole number that adjusts a technique: its default, its least and its greatest value, and what it means."""

    default: int
    least: int
    most: int
    meaning: str

    @property
    def allowed(self) -> str:
        """A sentence's end that says which values the option takes."""
        return f"{self.meaning}: a whole number from {self.least} to {self.most}"

    def read(self, text: str) -> int | None:
        """Returns the value that the text gives the option; None if the option cannot have it."""
        return int(text) if text.isascii() and text.isdigit() and self.least <= int(text[:9]) <= self.most else None


@dataclass(frozen=True, slots=True)
class WordOption:
    """A word of a few that adjusts a technique: the words, of which the first is the default, and what it means."""

    words: tuple[str, ...]
    meaning: str

    @property
    def default(self) -> str:
        """The value of the option if none is given."""
        return self.words[0]

    @property
    def allowed(self) -> str:
        """A sentence's end that says which values the option takes."""
        return f"{self.meaning}: one of {', '.join(self.words)}"

    def read(self, text: str) -> str | None:
        """Returns the value that the text gives the option; None if the option cannot have it."""
        return text if text in self.words else None


TechniqueOption = NumberOption | WordOption


def split_techniques(text: str) -> list[str]:
    """Splits a list of techniques at its commas. A comma between two options of one technique does not split.

    >>> split_techniques("zero-shot,self-refine:rounds=3")
    ['zero-shot', 'self-refine:rounds=3']
    """
    parts: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if parts and "=" in part and ":" not in part:
            parts[-1] += f",{part}"
        else:
            parts.append(part)
    return parts
