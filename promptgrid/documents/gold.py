"""Gold: the passages that answer a question, as ranges of characters in documents, so that one gold serves every
chunker.

In a table of cases the column `gold` holds them as `DOCUMENT:START-END`, several with `; ` between them. An empty cell
says that no document answers the question. `quote` may hold the text of the first passage, which is then compared.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from promptgrid.documents.chunks import Passage
from promptgrid.errors import DocumentsError
from promptgrid.store.documents.collections import StoredText
from promptgrid.text import one_line

GOLD, QUOTE = "gold", "quote"
_PASSAGE = re.compile(r"\s*([^\n]+?):(\d{1,12})-(\d{1,12})\s*(?:;|$)")


def parse_gold(text: str) -> list[Passage]:
    """Parses `DOCUMENT:START-END; …`; an empty text has no passages. Raises DocumentsError.

    >>> parse_gold("ferry.md:120-180")
    [Passage(document='ferry.md', start=120, end=180)]
    """
    passages, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _PASSAGE.match(text, at)
        if match is None:
            hint = "Write DOCUMENT:START-END, such as ferry.md:120-180."
            raise DocumentsError(f"This is no gold passage: {one_line(text[at:])!r}.", hint=hint)
        passages.append(Passage(match[1].strip(), int(match[2]), int(match[3])))
        at = match.end()
    return passages


def gold_text(passages: Iterable[Passage]) -> str:
    """Returns the passages as `parse_gold` reads them."""
    return "; ".join(f"{one.document}:{one.start}-{one.end}" for one in passages)


def check_gold(gold: Sequence[Passage], documents: Mapping[str, StoredText], quote: str = "") -> None:
    """Raises DocumentsError if a passage names a document that is not there or a range outside its text, or if the
    first passage is not the text `quote` ("": not compared). `documents` are by name."""
    for one in gold:
        document = documents.get(one.document)
        if document is None:
            raise DocumentsError(f"There is no document {one.document}.", hint="Is it the right collection?")
        if not 0 <= one.start < one.end <= len(document.text):
            size = f"the text has {len(document.text):,} characters"
            raise DocumentsError(f"{gold_text([one])} is not in the document: {size}.", hint="Mark the passage anew.")
    if quote and gold:
        text = documents[gold[0].document].text[gold[0].start : gold[0].end]
        if text != quote:
            raise DocumentsError(
                f"{gold_text(gold[:1])} holds {one_line(text, 60)!r}, not {one_line(quote, 60)!r}.",
                hint="The document has changed: mark the passage anew.",
            )


def passage_of(document: StoredText, quote: str) -> Passage:
    """Returns the passage of the document that is the text `quote`. Raises DocumentsError unless it stands there
    once."""
    start = document.text.find(quote) if quote else -1
    if start < 0 or document.text.find(quote, start + 1) >= 0:
        times = "not" if start < 0 else "more than once"
        raise DocumentsError(f"{one_line(quote, 60)!r} stands {times} in {document.name}.", hint="Quote it in full.")
    return Passage(document.name, start, start + len(quote))


def places_of(document: StoredText, quote: str) -> list[Passage]:
    """Returns every passage of the document that is the text `quote`, in order. Blanks and line ends count as equal, as
    a text that was copied from elsewhere has other ones."""
    pattern = r"\s+".join(map(re.escape, unicodedata.normalize("NFKC", quote).split()))
    matches = re.finditer(pattern, document.text) if pattern else ()
    return [Passage(document.name, match.start(), match.end()) for match in matches]
