"""Which tokens a text is made of: the pieces with their ids and bytes, and where in the text each stands.

A token is some bytes of the text's UTF-8. It need not be a whole character: 香 may be three tokens of a byte each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from promptgrid import builtin, connections
from promptgrid.endpoint import Token
from promptgrid.prompt import Message
from promptgrid.tokens.chunks import parts
from promptgrid.tokens.count import Count, ask, clean, count_in, count_text, encoding_of, estimate, remember
from promptgrid.tokens.encodings import ENCODINGS, encoding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

REMEMBERED = 8  # texts, as a server has cut them
_latest: dict[tuple[str, str, str], Sequence[Token]] = {}


@dataclass(frozen=True, slots=True)
class Piece:
    """One token of a text: its `number` there, from 0, its `id` in the vocabulary, and its bytes.

    It has part in the characters from `start` up to `end`. A `sign` is one of the model's control signs, like the end
    of a turn, which its server finds in plain text too. `beside` the text stand tokens that a server adds, and those
    whose place it does not tell: `start == end`.
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
        """The characters; None where the token begins or ends within one."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True, eq=False)
class Tokenization:
    """A text as one tokenizer reads it. `text` is without lone surrogates; `count` says how many tokens, and how sure.

    `ids` has the tokens, `ends` where in the text's UTF-8 each ends: both are empty where the tokenizer is not known,
    and where a server tells only how many there are. `beside` has the bytes of tokens that have no place in the text.
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
        """The place of each token is known: together they are the text."""
        return (int(self.ends[-1]) if len(self.ends) else 0) == len(self.text.encode())

    def pieces(self, first: int = 0, most: int | None = None) -> list[Piece]:
        """`most` tokens from the one with the number `first` on; all of them without it."""
        ends = self.ends[first : None if most is None else first + most].tolist()
        if not ends:
            return []
        data = self.text.encode()
        begun = int(self.ends[first - 1]) if first else 0
        # a character counts from its first byte on; all others of UTF-8 are 10xxxxxx
        characters = len(data[:begun].decode("utf-8", "ignore"))
        if begun < len(data) and _within(data[begun]):
            characters += 1
        found = []
        for number, (id_, end) in enumerate(
            zip(self.ids[first : first + len(ends)].tolist(), ends, strict=True), first
        ):
            own = data[begun:end]
            start = characters - (bool(own) and _within(own[0]))
            characters += sum(not _within(byte) for byte in own)
            beside = number in self.beside
            shown = self.beside[number] if beside else own
            found.append(Piece(number, id_, shown, start, characters, number in self.signs, beside))
            begun = end
        return found

    def by_line(self) -> list[int]:
        """The tokens of each line (they end at `\\n`); a token belongs to the line that it begins in.

        Where the places are not known, a quarter of each line's bytes.
        """
        import numpy as np

        lines = self.text.encode().split(b"\n")
        if not self.located:
            return [-(-len(line) // 4) for line in lines]
        begins = np.cumsum([0, *(len(line) + 1 for line in lines[:-1])])
        starts = np.concatenate([np.zeros(1, np.int64), self.ends[:-1]])[: len(self.ends)]
        found: list[int] = np.bincount(np.searchsorted(begins, starts, "right") - 1, minlength=len(lines)).tolist()
        return found


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two tokenizations of a text part: the character, and the number of the token there in each."""

    character: int
    first: int
    second: int


def first_difference(one: Tokenization, other: Tokenization) -> Difference | None:
    """The first token that is cut otherwise; None where the text is cut alike, whatever the ids."""
    import numpy as np

    # tokens beside the text end where the one before them does
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
    """The tokens of a text alone, by one of `ENCODINGS` or the tokenizer of ENDPOINT/MODEL.

    Counts as `count_text`: the built-in model's server is not started. Raises PlanError for an endpoint that is not
    configured, and for an encoding that does not exist.
    """
    text = clean(text)
    if ref in ENCODINGS:
        return _encoded(ref, ref, text, count_in(ref, text))
    if name := encoding_of(ref):
        return _encoded(ref, name, text, count_text(text, ref))
    endpoint, model = connections.split_model(ref)
    if (tokens := _asked(endpoint, model, text)) is not None:
        return _placed(ref, text, tokens)
    count = count_text(text, ref)
    guess = "" if count.exact or endpoint == connections.BUILTIN else connections.model_facts(ref).encoding
    return _encoded(ref, guess, text, count)


def estimated(text: str, ref: str, reason: str) -> Tokenization:
    """Without asking anybody: no tokens, and a count that is marked as an estimate."""
    import numpy as np

    none, text = np.zeros(0, np.int64), clean(text)
    return Tokenization(ref, text, estimate([Message("user", text)], reason, "completion"), none, none)


def _encoded(ref: str, name: str, text: str, count: Count) -> Tokenization:
    """By an encoding; without tokens where it cannot be had, or not read the text."""
    import numpy as np

    none = np.zeros(0, np.int64)
    if not name or (not count.exact and count_in(name, text).exact is False):
        return Tokenization(ref, text, count, none, none)
    ids = np.concatenate([_ids(name, part) for part in parts(text, ENCODINGS[name])])
    return Tokenization(ref, text, count, ids, np.cumsum(_sizes(name)[ids]))


@lru_cache(maxsize=4096)
def _ids(name: str, part: str) -> Numbers:
    import numpy as np

    found = encoding(name)
    assert found is not None  # it has counted already
    return np.array(found.encode_ordinary(part), np.int64)


@lru_cache(maxsize=len(ENCODINGS))
def _sizes(name: str) -> Numbers:
    """How many bytes each token of the vocabulary has."""
    import numpy as np

    found = encoding(name)
    assert found is not None
    sizes = np.zeros(found.n_vocab, np.int64)
    for data, number in found._mergeable_ranks.items():
        sizes[number] = len(data)
    return sizes


def _asked(name: str, model: str, text: str) -> Sequence[Token] | None:
    """By the endpoint's own tokenizer; None where it has none, does not tell the bytes, or is not running."""
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


def _placed(ref: str, text: str, tokens: Sequence[Token]) -> Tokenization:
    """Finds each token's place: its bytes are the text's next. Some tokenizers put a blank before the text."""
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
    """Not the first byte of a character."""
    return byte & 0xC0 == 0x80
