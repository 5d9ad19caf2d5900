"""What a reply is by itself: how long, and in which language."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from promptgrid.answers.patterns import SHORT, TIMEOUT_S
from promptgrid.grading.subject import Subject, Verdict, short

if TYPE_CHECKING:
    from regex import Pattern

_READ = 10_000  # characters in which the language is looked for
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
    """Scripts without spaces count by character."""
    import regex

    spaceless = r"\p{Han}\p{Hiragana}\p{Katakana}"
    return regex.compile(rf"[{spaceless}]|[[\p{{L}}\p{{N}}\p{{M}}'’]--[{spaceless}]]+", regex.V1)


def _tokens(text: str) -> int | None:
    from promptgrid.tokens import count_in

    counted = count_in(_ENCODING, text)
    return counted.tokens if counted.exact else None


def language(subject: Subject) -> Verdict:
    """The language that most of the reply is in, as py3langid tells it offline (Lui and Baldwin 2012, "langid.py");
    short texts are not scored: their language cannot be told."""
    wanted = subject.spec.options["is"].strip().lower()
    if not subject.output.strip():
        return Verdict(None, "not scored: the reply is empty")
    found, sure = _identifier().classify(subject.output[:_READ].encode("utf-8", "replace").decode())
    if wanted not in _identifier().labels:
        return Verdict(None, f"not scored: no language has the code {short(wanted)} here (English is en, Chinese zh)")
    if sure < _SURE:
        return Verdict(None, "not scored: too little text to tell its language")
    return Verdict(found == wanted, f"{found} ({sure:.0%} sure), expected {wanted}")


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
