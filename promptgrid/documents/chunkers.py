"""Cuts documents into chunks. Every chunk is a range of its document; together the chunks cover the document.

A chunker is written as `KIND[:size=N,overlap=N,tokenizer=NAME]`, such as `sentences:size=120,overlap=20`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from promptgrid.documents import cutting
from promptgrid.documents.chunks import Chunk, Chunks
from promptgrid.errors import DocumentsError
from promptgrid.store.documents.collections import StoredText
from promptgrid.suggestions import did_you_mean

if TYPE_CHECKING:
    from promptgrid.documents.cutting import Places

ChunkerKind = Literal["tokens", "sentences", "headings", "recursive"]
CHUNKER_KINDS: tuple[ChunkerKind, ...] = get_args(ChunkerKind)
SIZE, TOKENIZER = 200, "o200k_base"
MOST_SIZE = 100_000
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Chunker:
    """How documents are cut. `size` is the most tokens of a chunk, `overlap` the most tokens that a chunk repeats of
    the one before it, both counted by `tokenizer` (an encoding, or ENDPOINT/MODEL).

    tokens     chunks of exactly `size` tokens with exactly `overlap`
    sentences  as many whole sentences as fit
    headings   a section under a heading; a longer one is cut as by `recursive`
    recursive  as many whole paragraphs as fit; a longer one is cut at lines, then sentences, then tokens

    A unit without a place for a cut, such as one long sentence, is cut at tokens.
    """

    kind: ChunkerKind = "recursive"
    size: int = SIZE
    overlap: int = 0
    tokenizer: str = TOKENIZER

    def __post_init__(self) -> None:
        if self.kind not in CHUNKER_KINDS:
            raise DocumentsError(f"No chunker is called {self.kind!r}.", hint=did_you_mean(self.kind, CHUNKER_KINDS))
        if not 1 <= self.size <= MOST_SIZE:
            raise DocumentsError(f"A chunk cannot have {self.size:,} tokens.", hint=f"Choose 1 to {MOST_SIZE:,}.")
        if not 0 <= 2 * self.overlap <= self.size:
            message = f"Chunks of {self.size:,} tokens cannot overlap by {self.overlap:,}."
            raise DocumentsError(message, hint="Half of the size is the most.")

    def __str__(self) -> str:
        defaults = {"size": SIZE, "overlap": 0, "tokenizer": TOKENIZER}
        options = [f"{name}={getattr(self, name)}" for name, usual in defaults.items() if getattr(self, name) != usual]
        return f"{self.kind}:{','.join(options)}" if options else self.kind


def parse_chunker(text: str) -> Chunker:
    """Parses `KIND[:size=N,overlap=N,tokenizer=NAME]`. Raises DocumentsError.

    >>> parse_chunker("sentences:size=120").size
    120
    """
    kind, _, rest = text.strip().partition(":")
    options: dict[str, Any] = {}
    for option in filter(None, rest.split(",")):
        name, _, value = (part.strip() for part in option.partition("="))
        if name not in ("size", "overlap", "tokenizer"):
            hint = "A chunker has size, overlap and tokenizer."
            raise DocumentsError(f"A chunker has no option {name!r} (in {text!r}).", hint=hint)
        if name != "tokenizer" and not (value.isascii() and value.isdigit()):
            raise DocumentsError(f"{name} is a number of tokens, not {value!r}.", hint="Such as sentences:size=120.")
        options[name] = value if name == "tokenizer" else int(value)
    return Chunker(cast(ChunkerKind, kind.strip()), **options)


def chunks(document: StoredText, chunker: Chunker) -> list[Chunk]:
    """Cuts the document into chunks, in the order of the text. Raises DocumentsError if the chunker's tokenizer does
    not report where tokens begin."""
    return list(cut_up([document], chunker))


def cut_up(
    documents: Sequence[StoredText], chunker: Chunker, on_progress: Callable[[int, int], object] = lambda done, of: None
) -> Chunks:
    """Cuts the documents into chunks, in their order. `on_progress` is called with the number of characters cut so far
    and that of all; if it raises, the work ends. Raises as `chunks` does."""
    total = sum(len(document.text) for document in documents)
    parts, done = [], 0

    def tell(characters: int) -> None:
        on_progress(done + characters, total)

    for document in documents:
        tell(0)
        parts.append(_cut(document.text, chunker, tell))
        done += len(document.text)
    tell(0)
    return Chunks(documents, parts)


def _cut(text: str, chunker: Chunker, on_progress: Callable[[int], object]) -> Places:
    """Returns for each chunk of the text where it begins, where it ends, and the number of its tokens, as an array of
    the shape (chunks, 3). `on_progress` is called with the number of characters done so far."""
    import numpy as np

    if not text:
        return np.zeros((0, 3), np.int32)
    cutter = _Cutter(text, chunker, on_progress)
    ranges = array("i", chain.from_iterable(_CUT[chunker.kind](cutter)))
    table = np.empty((len(ranges) // 2, 3), np.int32)
    table[:, :2] = np.frombuffer(ranges, np.int32).reshape(-1, 2)
    table[:, 2] = cutter.begins.searchsorted(table[:, 1]) - cutter.begins.searchsorted(table[:, 0])
    return table


class _Cutter:
    """A text to be cut, with the places of its tokens. Places are looked up as 32-bit numbers: for others numpy would
    convert all places each time."""

    def __init__(self, text: str, chunker: Chunker, on_progress: Callable[[int], object]) -> None:
        self.text, self.size, self.overlap = text, chunker.size, chunker.overlap
        self.places: Places = cutting.token_places(text, chunker.tokenizer, on_progress)
        self.begins = self.places[:-1]

    def before(self, place: int, side: Literal["left", "right"] = "left") -> int:
        """The number of tokens that begin before the character at `place`, or with the side `right` also there."""
        import numpy as np

        return int(self.begins.searchsorted(np.int32(place), side))

    def counts(self, places: Sequence[int]) -> list[int]:
        """The number of tokens that begin before each of these places."""
        import numpy as np

        numbers: list[int] = self.begins.searchsorted(np.array(places, np.int32)).tolist()
        return numbers

    def of_tokens(self) -> Iterator[Range]:
        return self._windows(0, len(self.text))

    def of_sentences(self) -> Iterator[Range]:
        return self.packed(self.refined([*cutting.sentences(self.text), len(self.text)], []))

    def of_headings(self) -> Iterator[Range]:
        bounds = [*cutting.headings(self.text), len(self.text)]
        for start, end in pairwise(bounds):
            yield from self.recursive(start, end)

    def of_paragraphs(self) -> Iterator[Range]:
        return self.recursive(0, len(self.text))

    def recursive(self, start: int, end: int) -> Iterator[Range]:
        return self.packed(self.refined([start, end], [cutting.paragraphs, cutting.lines, cutting.sentences]))

    def refined(self, bounds: Sequence[int], ways: Sequence[Callable[[str], list[int]]]) -> list[int]:
        """Returns the bounds with further ones in every unit of more than `size` tokens: cut by the first of the
        `ways`, what is still longer by the next one, and at last at tokens."""
        result = [bounds[0]]
        for (start, end), (first, last) in zip(pairwise(bounds), pairwise(self.counts(bounds)), strict=True):
            if last - first > self.size:
                if ways:
                    inner = [start + at for at in ways[0](self.text[start:end])]
                    result += self.refined([*inner, end], ways[1:])[1:-1]
                else:
                    result += [at for at, _ in self._windows(start, end, overlap=0)][1:]
            result.append(end)
        return result

    def _windows(self, start: int, end: int, overlap: int | None = None) -> Iterator[Range]:
        """Yields ranges of `size` tokens from `start` to `end`, each with `overlap` (None: the chunker's) tokens of the
        one before it."""
        overlap = self.overlap if overlap is None else overlap
        at, last = start, self.before(end)
        while True:
            first = self.before(at)
            stop = end if first + self.size >= last else int(self.begins[first + self.size])
            if stop <= at:  # a character of more than `size` tokens
                stop = min(int(self.places[self.before(at, "right")]), end)
            yield at, stop
            if stop == end:
                return
            again = self._tail(stop, overlap)
            at = again if at < again else stop

    def _tail(self, stop: int, most: int) -> int:
        """Returns the first place from which up to `stop` at most this number of tokens begin."""
        first = self.before(stop) - most
        if first > 0 and self.begins[first - 1] == self.places[first]:  # amid the tokens of one character
            first = self.before(int(self.places[first]), "right")
        return int(self.places[max(first, 0)])

    def packed(self, bounds: Sequence[int]) -> Iterator[Range]:
        """Yields ranges of as many of the units between `bounds` as fit in `size` tokens. Each begins with the last
        units of the one before it that have at most `overlap` tokens together and leave room for one new unit."""
        counts = self.counts(bounds)
        first, last = 0, len(bounds) - 1
        while first < last:
            stop = first + 1
            while stop < last and counts[stop + 1] - counts[first] <= self.size:
                stop += 1
            yield bounds[first], bounds[stop]
            if stop == last:
                return
            first = next(
                at for at in range(first + 1, stop + 1)
                if at == stop or (counts[stop] - counts[at] <= self.overlap
                                  and counts[stop + 1] - counts[at] <= self.size)
            )  # fmt: skip


_CUT: Mapping[ChunkerKind, Callable[[_Cutter], Iterator[Range]]] = {
    "tokens": _Cutter.of_tokens, "sentences": _Cutter.of_sentences, "headings": _Cutter.of_headings,
    "recursive": _Cutter.of_paragraphs,
}  # fmt: skip
