"""Gold that a model proposes: the passage that it quotes for a question, which a person accepts or refuses.

A quotation is proposed only if a document has it word for word. Nothing is gold before a person accepts it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from promptgrid.documents.answers.grounding import long_enough, quotations
from promptgrid.documents.chunks import Passage
from promptgrid.documents.gold import places_of
from promptgrid.documents.marking import keep_marked, marked_questions, with_passage
from promptgrid.store import Database, drafts
from promptgrid.store.documents.collections import StoredText
from promptgrid.text import one_line

_NONE = re.compile(r"[\s\"'“”*.。]*none[\s\"'“”*.。]*", re.IGNORECASE)
_NUMBER_BEFORE = re.compile(r"^\s*[\[【(]\s*\d{1,3}\s*[)】\]]\s*")
_INTRODUCTION = re.compile(r"^\s*[^\n]*[:：][ \t]*\n")
_QUOTES = "\"“”„«»「」『』'‘’ \t\n"


@dataclass(frozen=True, slots=True)
class GoldProposal:
    """What a model says of a question.

    quote, document  its quotation, and the first of the documents shown to it that has it; both "" without one
    none             it says that no passage answers the question
    refused          why its reply cannot be accepted ("": it can)
    """

    question: str
    expected: str
    model: str
    quote: str = ""
    document: str = ""
    none: bool = False
    refused: str = ""

    def places(self, documents: Mapping[str, StoredText]) -> list[Passage]:
        """Returns every place in its document, as it is now, that has the quotation; `documents` are by name."""
        return places_of(documents[self.document], self.quote) if self.document in documents else []

    def place_words(self, documents: Mapping[str, StoredText]) -> str:
        """Returns in words where its quotation stands, or why it cannot be accepted."""
        if self.refused:
            return f"refused: {self.refused}"
        if self.none:
            return "it says that no passage answers the question"
        places = self.places(documents)
        if not places:
            return f"refused: {self.document} has changed or is gone, and no longer has these words"
        more = f", and {len(places) - 1:,} more" if len(places) > 1 else ""
        return f"{self.document}, characters {places[0].start:,}–{places[0].end:,}{more}"


def read_proposal(proposal: GoldProposal, reply: str, documents: Sequence[StoredText]) -> GoldProposal:
    """Returns the proposal with what the reply of its model says. `documents` are those whose passages the model was
    shown, the best first."""
    if _NONE.fullmatch(reply):
        return _with(proposal, none=True)
    for quote in _candidates(reply):
        for document in documents if long_enough(quote) else ():
            if places_of(document, quote):
                return _with(proposal, quote=quote, document=document.name)
    said = one_line(reply.strip(), 200) or "nothing"
    return _with(proposal, refused=f"no document that it was shown has these words: {said}")


def _with(proposal: GoldProposal, **values: object) -> GoldProposal:
    return GoldProposal(**{**asdict(proposal), **values})


def _candidates(reply: str) -> Iterator[str]:
    """Yields what the reply may quote: all of it, all behind a first line that ends in a colon, and what stands in
    quotation marks. A single line of several is no quotation: the others would be left out in silence."""
    for text in (reply, _INTRODUCTION.sub("", reply), *quotations(reply)):
        if quote := _NUMBER_BEFORE.sub("", text).strip(_QUOTES):
            yield quote


def proposals(database: Database, collection_id: str) -> list[GoldProposal]:
    """Returns the proposals for the collection that are neither accepted nor refused, in the order of the questions."""
    return [GoldProposal(**fields) for fields in drafts.draft(database, _name(collection_id)) or ()]


def keep_proposals(database: Database, collection_id: str, new: Iterable[GoldProposal]) -> None:
    """Stores these as the proposals for the collection that are neither accepted nor refused."""
    drafts.keep_draft(database, _name(collection_id), [asdict(one) for one in new])


def accept(database: Database, collection_id: str, proposal: GoldProposal, passage: Passage | None) -> None:
    """Makes the passage gold of the proposal's question, or without one (None) marks that no document answers it."""
    marked = marked_questions(database, collection_id)
    keep_marked(database, collection_id, with_passage(marked, proposal.question, proposal.expected, passage))
    drop(database, collection_id, proposal)


def drop(database: Database, collection_id: str, proposal: GoldProposal) -> None:
    """Removes the proposal from those of the collection."""
    left = [one for one in proposals(database, collection_id) if one != proposal]
    keep_proposals(database, collection_id, left)


def _name(collection_id: str) -> str:
    return f"proposals:{collection_id}"
