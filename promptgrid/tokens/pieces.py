"""Lists the tokens of a text: their ids, bytes and positions.

A token is a few bytes of the text's UTF-8, perhaps only part of a character: 香 may be three tokens of one byte each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from promptgrid import builtin, connections
from promptgrid.endpoint import Token
from promptgrid.prompt import Message
from promptgrid.text import clean
from promptgrid.tokens.chunks import parts
from promptgrid.tokens.count import Count, ask, count_in, count_text, encoding_of, estimate, remember
from promptgrid.tokens.encodings import ENCODINGS, encoding, endless_space

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

REMEMBERED = 8  # texts tokenized by a server
_latest: dict[tuple[str, str, str], Sequence[Token]] = {}


@dataclass(frozen=True, slots=True)
class Piece:
    """One token of a text: its `number` in the text, from 0, its `id` in the vocabulary, and its bytes (`data`).

    The token covers the characters from `start` up to `end`, the first and the last perhaps in part. `sign` marks a
    control token of the model, such as the end of a turn, which servers recognize in plain text too. `beside` marks a
    token whose bytes are not found in the text, such as one that the server has added: it has `start == end`.
    """

    number: int
    id: int
    data: bytes
    start: int
    end: int
    sign: bool = False
    beside: bool = False

    @property
    def text(self) -> str | None:
        """The token's characters; None if the token begins or ends inside a character."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True, eq=False)
class Tokenization:
    """The tokens of a text by the tokenizer `ref`, an encoding or ENDPOINT/MODEL. `text` has no lone surrogates;
    `count` is the number of tokens.

    `ids` has the id of each token, `ends` the offset in the text's UTF-8 at which it ends. Both are empty if the
    tokenizer is unknown or the server only counts. `signs` has the numbers of the control tokens. `beside` has the
    tokens without a position in the text: token number -> bytes.
    """

    ref: str
    text: str
    count: Count
    ids: Numbers
    ends: Numbers
    signs: frozenset[int] = frozenset()
    beside: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def located(self) -> bool:
        """Whether the position of every token in the text is known: the tokens together cover the whole text."""
        return (int(self.ends[-1]) if len(self.ends) else 0) == len(self.text.encode())

    def pieces(self, first: int = 0, most: int | None = None) -> list[Piece]:
        """Returns at most `most` tokens (None: all), beginning with number `first`."""
        ends = self.ends[first : None if most is None else first + most].tolist()
        if not ends:
            return []
        data = self.text.encode()
        start_byte = int(self.ends[first - 1]) if first else 0
        # a character starts at its first byte; continuation bytes of UTF-8 are 10xxxxxx
        characters = len(data[:start_byte].decode("utf-8", "ignore"))
        if start_byte < len(data) and _within(data[start_byte]):
            characters += 1
        tokens = []
        for number, (id_, end) in enumerate(
            zip(self.ids[first : first + len(ends)].tolist(), ends, strict=True), first
        ):
            own = data[start_byte:end]
            start = characters - (bool(own) and _within(own[0]))
            characters += sum(not _within(byte) for byte in own)
            beside = number in self.beside
            bytes_ = self.beside[number] if beside else own
            tokens.append(Piece(number, id_, bytes_, start, characters, number in self.signs, beside))
            start_byte = end
        return tokens

    def by_line(self) -> list[int]:
        """Returns the number of tokens of each line (lines end with `\\n`). A token counts for the line in which it
        begins.

        If the positions are unknown, the numbers are estimates: a quarter of each line's bytes.
        """
        import numpy as np

        lines = self.text.encode().split(b"\n")
        if not self.located:
            return [-(-len(line) // 4) for line in lines]
        begins = np.cumsum([0, *(len(line) + 1 for line in lines[:-1])])
        starts = np.concatenate([np.zeros(1, np.int64), self.ends[:-1]])[: len(self.ends)]
        counts: list[int] = np.bincount(np.searchsorted(begins, starts, "right") - 1, minlength=len(lines)).tolist()
        return counts


@dataclass(frozen=True, slots=True)
class Difference:
    """The place from which two tokenizations of a text differ: its offset in characters (`character`), and the number
    of the token that begins there in the `first` tokenization and in the `second`."""

    character: int
    first: int
    second: int


def first_difference(one: Tokenization, other: Tokenization) -> Difference | None:
    """Returns the place from which two tokenizations of the same text cut it differently; None if they cut it alike.
    The ids are not compared."""
    import numpy as np

    # a token beside the text ends where the previous token ends
    ends = [each.ends[np.diff(each.ends, prepend=0) > 0] for each in (one, other)]
    common = min(map(len, ends))
    apart = np.flatnonzero(ends[0][:common] != ends[1][:common])
    at = int(apart[0]) if len(apart) else common
    if at == len(ends[0]) == len(ends[1]):
        return None
    byte = int(ends[0][at - 1]) if at else 0
    characters = len(one.text.encode()[:byte].decode("utf-8", "ignore"))
    numbers = [int(np.searchsorted(each.ends, byte, "right")) for each in (one, other)]
    return Difference(characters, *numbers)


def tokenize(text: str, ref: str) -> Tokenization:
    """Tokenizes a text without chat format, by one of `ENCODINGS` or by the tokenizer of ENDPOINT/MODEL.

    Does not start the built-in model's server. Raises PlanError for an endpoint that is not configured, and for an
    unknown encoding.
    """
    text = clean(text)
    if ref in ENCODINGS:
        return _encoded(ref, ref, text, count_in(ref, text))
    if name := encoding_of(ref):
        return _encoded(ref, name, text, count_text(text, ref))
    endpoint, model = connections.split_model(ref)
    if (tokens := _server_tokens(endpoint, model, text)) is not None:
        return _locate(ref, text, tokens)
    count = count_text(text, ref)
    guess = "" if count.exact or endpoint == connections.BUILTIN else connections.model_facts(ref).encoding
    return _encoded(ref, guess, text, count)


def token_ends(text: str, name: str) -> Iterator[tuple[str, Numbers]]:
    """Yields the parts of a text without lone surrogates, in order, each with the offsets in its UTF-8 at which its
    tokens end by the encoding `name`. Caches nothing, and so serves texts of many megabytes. Yields nothing if the
    encoding is not available or fails on the text."""
    import numpy as np

    tokenizer = None if endless_space(text) else encoding(name)
    if tokenizer is not None:
        for part in parts(text, ENCODINGS[name]):
            ids = tokenizer.encode_to_numpy(part, disallowed_special=())
            yield part, np.cumsum(_sizes(name)[ids])


def estimated(text: str, ref: str, reason: str) -> Tokenization:
    """Returns a tokenization without tokens, with an estimated count and the `reason`; calls no server."""
    import numpy as np

    none, text = np.zeros(0, np.int64), clean(text)
    return Tokenization(ref, text, estimate([Message("user", text)], reason, "completion"), none, none)


def _encoded(ref: str, name: str, text: str, count: Count) -> Tokenization:
    """Returns the tokenization of the text by the encoding `name`, with the given count. `ref` is the tokenizer that
    the caller asked for: the encoding or ENDPOINT/MODEL. The tokenization has only the count, no tokens, if `name` is
    "", or if the encoding is not available or fails on the text."""
    import numpy as np

    none = np.zeros(0, np.int64)
    if not name or (not count.exact and count_in(name, text).exact is False):
        return Tokenization(ref, text, count, none, none)
    ids = np.concatenate([_ids(name, part) for part in parts(text, ENCODINGS[name])])
    return Tokenization(ref, text, count, ids, np.cumsum(_sizes(name)[ids]))


@lru_cache(maxsize=4096)
def _ids(name: str, part: str) -> Numbers:
    import numpy as np

    tokenizer = encoding(name)
    assert tokenizer is not None  # this encoding has already counted the text
    return np.array(tokenizer.encode_ordinary(part), np.int64)


@lru_cache(maxsize=len(ENCODINGS))
def _sizes(name: str) -> Numbers:
    """The number of bytes of each token of the encoding `name`, by token id."""
    import numpy as np

    tokenizer = encoding(name)
    assert tokenizer is not None
    sizes = np.zeros(tokenizer.n_vocab, np.int64)
    for data, number in tokenizer._mergeable_ranks.items():
        sizes[number] = len(data)
    return sizes


def _server_tokens(name: str, model: str, text: str) -> Sequence[Token] | None:
    """Returns the tokens of the text by the tokenizer of the endpoint `name`, cached; None if the endpoint has no
    tokenizer, does not report the tokens' bytes, or does not answer. The built-in model is asked only if it is
    running."""
    if name == connections.BUILTIN and not (builtin.running() and model in builtin.names()):
        return None
    endpoint = connections.connect(name)
    key = (endpoint.identity, model, text)
    if key not in _latest:
        tokens = ask(endpoint, lambda: endpoint.tokenize(model, text), len(text))
        if tokens is None:
            return None
        remember(endpoint, model, text, len(tokens))
        while len(_latest) >= REMEMBERED:
            _latest.pop(next(iter(_latest)), None)
        _latest[key] = tokens
    return _latest[key]


def _locate(ref: str, text: str, tokens: Sequence[Token]) -> Tokenization:
    """Returns the tokenization with the position of each token, found by its bytes in the text. The blank that some
    tokenizers put before the text is ignored."""
    import numpy as np

    data, at = text.encode(), 0
    ends, beside = [], {}
    for number, token in enumerate(tokens):
        added = 1 if at == 0 and token.data[:1] == b" " and data[:1] != b" " else 0
        if data.startswith(token.data[added:], at) and len(token.data) > added:
            at += len(token.data) - added
        else:
            beside[number] = token.data
        ends.append(at)
    signs = frozenset(number for number, token in enumerate(tokens) if token.sign)
    ids = np.array([token.id for token in tokens], np.int64)
    return Tokenization(ref, text, Count(len(tokens), True), ids, np.array(ends, np.int64), signs, beside)


def _within(byte: int) -> bool:
    """Whether the byte continues a character in UTF-8, that is, it is not the first byte of one."""
    return byte & 0xC0 == 0x80
