"""What two texts say differently, word by word, in one reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from promptgrid.compare.words_diff import DiffSpan, PartKind, WordsDiff, words_diff
from promptgrid.humanize import many
from promptgrid.ui.widgets.component import component

_EQUAL = 500  # characters of a stretch that both have; of a longer one the ends are shown
_CHANGED = 10_000  # characters of a stretch that only one has
_VISIBLE = str.maketrans({"\n": "↵\n", " ": "·", "\t": "→"})


def show_words_diff(first: str, second: str, first_name: str, second_name: str, *, height: int, key: str) -> None:
    """Draws the second text as it differs from the first: struck out what only the first has, underlined what only the
    second has. `height` in pixels bounds it; the text is shown as it is, never interpreted."""
    found = words_diff(first, second)
    data = {
        "parts": [part for each in found.parts for part in _shown(each)],
        "legend": _legend(found, first_name, second_name),
        "cut": _cut(found, first, second),
        "height": height,
        "label": f"{second_name} against {first_name}",
    }
    component("words_diff")(key=key, data=data)


def _legend(found: WordsDiff, first_name: str, second_name: str) -> list[dict[str, Any]]:
    if found.equal:
        return [{"kind": "same", "text": "", "rest": f"The same text as {first_name}."}]
    sides: Sequence[tuple[PartKind, str]] = (("removed", first_name), ("added", second_name))
    return [{"kind": kind, "text": many(found.words(kind), "word"), "rest": f" only in {name}"} for kind, name in sides]


def _cut(found: WordsDiff, first: str, second: str) -> str:
    if found.compared is None:
        return ""
    texts = [f"{done:,} of {len(text):,}" for done, text in zip(found.compared, (first, second), strict=True)]
    return f"Long texts: compared up to character {texts[0]} of the first and {texts[1]} of the second."


def _shown(part: DiffSpan) -> Iterator[dict[str, Any]]:
    """The part as it is drawn: a long one without its middle, white space that changed made visible."""
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
