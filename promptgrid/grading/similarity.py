"""Similarity of the answer and the expected value: equal JSON, or similar text."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from promptgrid.answers import find_json
from promptgrid.grading.subject import Subject, Verdict, short

USUAL_MIN = 0.8
_COMPARED = 20_000  # characters: two texts of a megabyte would take minutes
_DEPTH = 200


def json_equal(subject: Subject) -> Verdict:
    """Checks that the answer and the expected value are equal as JSON (in any order of keys; 1 equals 1.0). The reason
    names the path of the first difference."""
    if subject.expected is None:
        return Verdict(None, subject.missing)
    try:
        expected = json.loads(subject.expected)
    except ValueError:
        return Verdict(None, f"not scored: expected {short(subject.expected)} is not JSON")
    answer, is_json = _json_of(subject)
    if not is_json:
        return Verdict(False, "no JSON in the reply")
    where = _difference(answer, expected, "$", _DEPTH)
    return Verdict(not where, where or "the same JSON")


def _json_of(subject: Subject) -> tuple[Any, bool]:
    """Returns (a JSON value, True): the answer as JSON, else the only JSON inside the answer, else the only one inside
    the output. Returns (None, False) if there is none."""
    for text in (subject.answer, find_json(subject.answer or ""), find_json(subject.output)):
        try:
            if text is not None:
                return json.loads(text), True
        except ValueError:
            continue
    return None, False


def _difference(answer: Any, expected: Any, path: str, depth: int) -> str:
    """Returns the first difference in words, with its `path` ("$.name: …"); "" if the values are equal. Raises
    RecursionError for values nested deeper than `depth`."""
    if not depth:
        raise RecursionError
    if isinstance(answer, dict) and isinstance(expected, dict):
        if missing := [key for key in expected if key not in answer]:
            return f"{path}: {_names(missing)} is missing"
        if added := [key for key in answer if key not in expected]:
            return f"{path}: {_names(added)} is not expected"
        inner = ((answer[key], expected[key], f"{path}.{short(key)}") for key in expected)
    elif isinstance(answer, list) and isinstance(expected, list):
        if len(answer) != len(expected):
            return f"{path}: {len(answer)} items, expected {len(expected)}"
        inner = ((a, e, f"{path}[{i}]") for i, (a, e) in enumerate(zip(answer, expected, strict=True)))
    elif isinstance(answer, bool) == isinstance(expected, bool) and answer == expected:
        return ""
    else:
        return f"{path}: {_shown(answer)}, expected {_shown(expected)}"
    return next((difference for a, e, at in inner if (difference := _difference(a, e, at, depth - 1))), "")


def _names(keys: Sequence[str]) -> str:
    return short(", ".join(map(repr, keys[:5])))


def _shown(value: Any) -> str:
    return short(json.dumps(value, ensure_ascii=False))


def similarity(subject: Subject) -> Verdict:
    """Scores how similar answer and expected value are, 0 to 1, by the share of unchanged characters (Levenshtein
    1966). With the option `method` "token", words are sorted first, so that their order does not count."""
    if subject.missing:
        return Verdict(None, subject.missing)
    from rapidfuzz.distance import Levenshtein

    options = subject.spec.options
    texts = [" ".join(text[: 2 * _COMPARED].split())[:_COMPARED] for text in subject.both]
    if options.get("ignore_case"):
        texts = [text.casefold() for text in texts]
    if options.get("method") == "token":
        texts = [" ".join(sorted(text.split())) for text in texts]
    return alike(subject, Levenshtein.normalized_similarity(*texts))


def alike(subject: Subject, value: float) -> Verdict:
    """Returns the verdict on a similarity `value` from 0 to 1, which passes if it is at least the check's option `min`.
    NaN is not scored."""
    if not math.isfinite(value):
        return Verdict(None, "not scored: the similarity is not a number", failed=True)
    least = subject.spec.options.get("min", USUAL_MIN)
    cut = f", of the first {_COMPARED:,} characters" if max(map(len, subject.both)) > _COMPARED else ""
    return Verdict(value >= least, f"{value:.2f} alike (at least {least:g}){cut}", value)


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Returns the cosine of the angle between two vectors, at least 0; NaN if one is zero or their lengths differ."""
    size = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    if not size or len(a) != len(b):
        return math.nan
    return min(1.0, max(0.0, sum(x * y for x, y in zip(a, b, strict=True)) / size))
