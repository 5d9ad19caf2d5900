"""Checks of the reply alone: its length and its language."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from promptgrid.answers.patterns import SHORT, TIMEOUT_S
from promptgrid.grading.subject import Subject, Verdict, short

if TYPE_CHECKING:
    from regex import Pattern

_READ = 10_000  # characters from which the language is identified
_SURE = 0.5
_ENCODING = "o200k_base"


def length(subject: Subject) -> Verdict:
    """The reply's length in words (a Chinese character is one), characters, or tokens (of o200k_base)."""
    options = subject.spec.options
    unit = options.get("unit", "words")
    count = {"words": _words, "chars": len, "tokens": _tokens}[unit](subject.output)
    if count is None:
        return Verdict(None, f"not scored: the {unit} could not be counted")
    least, most = options.get("min"), options.get("max")
    bounds = [f"{word} {limit:,.10g}" for word, limit in (("at least", least), ("at most", most)) if limit is not None]
    inside = (least or 0) <= count and (most is None or count <= most)
    return Verdict(inside, f"{count:,} {unit} ({', '.join(bounds)})")


def _words(text: str) -> int | None:
    try:
        return sum(1 for _ in _word().finditer(text, timeout=TIMEOUT_S, concurrent=len(text) > SHORT))
    except TimeoutError:
        return None


@cache
def _word() -> Pattern[str]:
    """A word. In scripts without spaces each character is one."""
    import regex

    spaceless = r"\p{Han}\p{Hiragana}\p{Katakana}"
    return regex.compile(rf"[{spaceless}]|[[\p{{L}}\p{{N}}\p{{M}}'’]--[{spaceless}]]+", regex.V1)


def _tokens(text: str) -> int | None:
    from promptgrid.tokens import count_in

    count = count_in(_ENCODING, text)
    return count.tokens if count.exact else None


def language(subject: Subject) -> Verdict:
    """The main language of the reply, identified offline by py3langid (Lui and Baldwin 2012, "langid.py"). Texts that
    are too short to identify are not scored."""
    expected = subject.spec.options["is"].strip().lower()
    if not subject.output.strip():
        return Verdict(None, "not scored: the reply is empty")
    code, probability = _identifier().classify(subject.output[:_READ].encode("utf-8", "replace").decode())
    if expected not in _identifier().labels:
        return Verdict(None, f"not scored: {short(expected)} is not a known language code (English is en, Chinese zh)")
    if probability < _SURE:
        return Verdict(None, "not scored: the reply is too short to identify its language")
    return Verdict(code == expected, f"{code} ({probability:.0%} sure), expected {expected}")


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
