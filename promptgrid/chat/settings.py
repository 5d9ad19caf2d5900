"""The settings of a conversation: one to four variants, the documents that are searched for each question, and the
policy for a full context window. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from promptgrid.connections import DEFAULT_MODEL
from promptgrid.errors import PlanError
from promptgrid.prompt import Parameters
from promptgrid.tokens import WindowPolicy

MAX_VARIANTS = 4
ROOM = 256  # tokens reserved for the reply, and its maximum
QueryKind = Literal["question", "conversation"]
QUERY_KINDS: tuple[QueryKind, ...] = get_args(QueryKind)


@dataclass(frozen=True, slots=True)
class ChatVariant:
    """A model that answers in the chat, with its settings.

    `temperature` None means the default of the model. `system` replaces the system message of the conversation; None
    keeps it. `id` stays the same when other variants are removed.
    """

    id: int
    model: str = DEFAULT_MODEL
    temperature: float | None = None
    system: str | None = None


@dataclass(frozen=True, slots=True)
class ChatDocuments:
    """The collection that is searched for each question, and how.

    collection   its id; `name` is its name when it was chosen
    chunker      as `documents.chunkers` writes it, and `retriever` as `documents.retrievers` does
    k            the most chunks of a question
    query        what is searched for: the `question` alone, or the `conversation`: with the two questions before it
    instruction  what the model is told about the chunks; "": the usual words, in the language of the question
    """

    collection: str
    name: str
    chunker: str = "recursive"
    retriever: str = "bm25"
    k: int = 4
    query: QueryKind = "question"
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a conversation: its variants, and how turns are cut from a full context window (`policy`, see
    tokens.POLICY_WORDS). `limit` is the most tokens of context, None for the model's own limit; `room` of them are
    reserved for the reply. `documents` are searched for each question (None: no documents)."""

    variants: tuple[ChatVariant, ...] = (ChatVariant(1),)
    policy: WindowPolicy = "keep-system"
    limit: int | None = None
    room: int = ROOM
    documents: ChatDocuments | None = None

    def parameters(self, variant: ChatVariant) -> Parameters:
        """Returns the parameters of a request to this variant. Raises PlanError for a number that is out of range."""
        parameters = Parameters(temperature=variant.temperature, max_tokens=self.room)
        parameters.check()
        return parameters

    def check(self) -> None:
        """Raises PlanError for a temperature or a room that is out of range."""
        for variant in self.variants:
            self.parameters(variant)

    def variant(self, number: int) -> ChatVariant:
        """Returns the variant with this id. Raises PlanError if it was removed."""
        for variant in self.variants:
            if variant.id == number:
                return variant
        raise PlanError(f"Variant {number} no longer exists.", hint="Was it removed in another tab?")

    def with_one_more(self) -> Settings:
        """Returns the settings with a copy of the last variant appended. Raises PlanError if there are already four
        variants."""
        if len(self.variants) >= MAX_VARIANTS:
            raise PlanError(f"A conversation has at most {MAX_VARIANTS} variants.", hint="Remove one first.")
        next_id = max(variant.id for variant in self.variants) + 1
        return replace(self, variants=(*self.variants, replace(self.variants[-1], id=next_id)))

    def without(self, number: int) -> Settings:
        """Returns the settings without the variant with this id. Never removes the only variant."""
        left = tuple(variant for variant in self.variants if variant.id != number)
        return replace(self, variants=left or self.variants)

    def changed(self, number: int, **values: Any) -> Settings:
        variants = tuple(replace(v, **values) if v.id == number else v for v in self.variants)
        return replace(self, variants=variants)


def to_json(settings: Settings) -> dict[str, Any]:
    return asdict(settings)


def from_json(stored: Mapping[str, Any]) -> Settings:
    variants = tuple(ChatVariant(**variant) for variant in stored["variants"])
    documents = ChatDocuments(**stored["documents"]) if stored.get("documents") else None
    return Settings(variants, stored["policy"], stored["limit"], stored["room"], documents)
