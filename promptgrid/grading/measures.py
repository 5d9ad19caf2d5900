"""Checks of the reply alone: its length and its language."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from promptgrid.answers.patterns import SHORT, TIMEOUT_S
from promptgrid.grading.subject import Subject, Verdict, short
from promptgrid.text import late

if TYPE_CHECKING:
    from regex import Pattern

_SPACELESS = late(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\U0003ffff]")
_READ = 10_000  # characters from which the language is identified
_SURE = 0.5
_ENCODING = "o200k_base"


def length(subject: Subject) -> Verdict:
    """Checks that the output has at least `min` and at most `max` units, by the check's options. The option `unit` is
    words (each Chinese or Japanese character is one), chars or tokens (of o200k_base)."""
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
    """Returns the pattern that matches one word. In scripts that set no blanks each character is a word."""
    import regex

    spaceless = r"\p{Han}\p{Hiragana}\p{Katakana}"
    return regex.compile(rf"[{spaceless}]|[[\p{{L}}\p{{N}}\p{{M}}'’]--[{spaceless}]]+", regex.V1)


def _tokens(text: str) -> int | None:
    from promptgrid.tokens import count_in

    count = count_in(_ENCODING, text)
    return count.tokens if count.exact else None


def has_words(text: str, wanted: str) -> bool:
    """Tells whether `wanted` occurs in the text with no letter or digit of the same word or number beside it. In
    Chinese, Japanese, Korean, Thai and related scripts, which set no blanks between words, any occurrence counts."""
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        before, after = text[max(0, at - 2) : at], text[end : end + 2]
        if not (_joined(wanted[:1], before[::-1]) or _joined(wanted[-1:], after)):
            return True
        at = text.find(wanted, at + 1)
    return False


def _joined(edge: str, beside: str) -> bool:
    """Tells whether the word or number at one end of an occurrence of a text goes on outside it. `edge` is the
    occurrence's character at that end, `beside` are the two characters next to it outside, the nearest first."""
    if edge.isdigit() and len(beside) == 2 and beside[0] in ".," and beside[1].isdigit():
        return True
    return all(one.isalnum() and not _SPACELESS.match(one) for one in (edge, beside[:1]))


def language(subject: Subject) -> Verdict:
    """Checks that the output is in the language of the check's option `is` (a code such as "en"), as identified by
    py3langid (Lui and Baldwin 2012, "langid.py"). Texts that are too short to identify are not scored."""
    expected = subject.spec.options["is"].strip().lower()
    if not subject.output.strip():
        return Verdict(None, "not scored: the reply is empty")
    if problem := language_problem(expected):
        return Verdict(None, f"not scored: {problem}")
    code, probability = _identifier().classify(subject.output[:_READ].encode("utf-8", "replace").decode())
    if probability < _SURE:
        return Verdict(None, "not scored: the reply is too short to identify its language")
    return Verdict(code == expected, f"{code} ({probability:.0%} sure), expected {expected}")


def language_problem(code: str) -> str:
    """Returns a phrase that says that this language code is not known; "" if it is."""
    if code.strip().lower() in _identifier().labels:
        return ""
    return f"{short(code.strip())} is not a known language code (English is en, Chinese zh)"


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
