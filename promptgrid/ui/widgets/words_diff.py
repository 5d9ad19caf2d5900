"""The word-by-word difference of two texts, shown as one text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from promptgrid.compare.words_diff import DiffSpan, PartKind, WordsDiff, words_diff
from promptgrid.humanize import many
from promptgrid.ui.widgets.component import component

_EQUAL = 500  # characters of a span that both texts have; a longer span loses its middle
_CHANGED = 10_000  # characters of a span that only one text has
_VISIBLE = str.maketrans({"\n": "↵\n", " ": "·", "\t": "→"})


def show_words_diff(first: str, second: str, first_name: str, second_name: str, *, height: int, key: str) -> None:
    """Draws both texts as one. Words that only `first` has are struck out; words that only `second` has are underlined.
    The legend names the texts by `first_name` and `second_name`.

    Above `height` pixels the result scrolls. The texts are shown literally.
    """
    diff = words_diff(first, second)
    data = {
        "parts": [part for span in diff.parts for part in _drawn_spans(span)],
        "legend": _legend(diff, first_name, second_name),
        "cut": _cut(diff, first, second),
        "height": height,
        "label": f"{second_name} against {first_name}",
    }
    component("words_diff")(key=key, data=data)


def _legend(diff: WordsDiff, first_name: str, second_name: str) -> list[dict[str, Any]]:
    if diff.equal:
        return [{"kind": "same", "text": "", "rest": f"The same text as {first_name}."}]
    sides: Sequence[tuple[PartKind, str]] = (("removed", first_name), ("added", second_name))
    return [{"kind": kind, "text": many(diff.words(kind), "word"), "rest": f" only in {name}"} for kind, name in sides]


def _cut(diff: WordsDiff, first: str, second: str) -> str:
    if diff.compared is None:
        return ""
    texts = [f"{done:,} of {len(text):,}" for done, text in zip(diff.compared, (first, second), strict=True)]
    return f"Long texts: compared up to character {texts[0]} of the first and {texts[1]} of the second."


def _drawn_spans(part: DiffSpan) -> Iterator[dict[str, Any]]:
    """Yields the pieces of a span to draw, each as {kind, text}. The kind is that of the span: same, removed or added.
    A long span loses its middle, for which a piece of the kind `gap` stands; changed white space becomes visible
    signs."""
    text, most = part.text, _EQUAL if part.kind == "same" else _CHANGED
    if len(text) <= most:
        changed_space = part.kind != "same" and text.isspace()
        yield {"kind": part.kind, "text": text.translate(_VISIBLE) if changed_space else text}
        return
    half = most // 2
    alike = " the same" if part.kind == "same" else ""
    yield {"kind": part.kind, "text": text[:half]}
    yield {"kind": "gap", "text": f" … {len(text) - 2 * half:,} characters{alike} … "}
    yield {"kind": part.kind, "text": text[-half:]}
