"""The file formats (dialects) of trainers, and the rows of an example in each of them.

Rules as documented by OpenAI, Azure, Together, Fireworks (guides to supervised and preference fine-tuning) and Hugging
Face TRL (Dataset formats and types), read in November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from promptgrid.errors import ExportError
from promptgrid.prompt import EMPTY
from promptgrid.suggestions import did_you_mean

Method = Literal["sft", "dpo", "kto"]
METHODS: tuple[Method, ...] = ("sft", "dpo", "kto")
_MB = 2**20


@dataclass(frozen=True, slots=True)
class Dialect:
    """A trainer's file format. `methods` are the methods with a form of their own in it, `least` the number of examples
    it demands, `most_bytes` the largest file (None: no documented bound).

    With `alternating`, user and assistant have to take turns. With `chat_pairs`, a preference is OpenAI's `input`,
    `preferred_output` and `non_preferred_output`, else TRL's `prompt`, `chosen` and `rejected`.
    """

    name: str
    methods: tuple[Method, ...]
    least: int
    most_bytes: int | None = None
    alternating: bool = False
    chat_pairs: bool = True
    tools: bool = True


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        dialect.name: dialect
        for dialect in (
            Dialect("openai", ("sft", "dpo"), least=10, most_bytes=512 * _MB),
            Dialect("azure", ("sft", "dpo"), least=10, most_bytes=512 * _MB),
            Dialect("together", ("sft", "dpo"), least=1, most_bytes=100 * 1024 * _MB, alternating=True, tools=False),
            Dialect("fireworks", ("sft", "dpo"), least=3),
            Dialect("trl", ("sft", "dpo", "kto"), least=1, chat_pairs=False),
            Dialect("chat", ("sft",), least=1),
        )
    }
)
"""The dialects by name. `chat` is plain JSON lines of `messages`, which most other trainers read."""


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One example to train on: the `messages` that were sent, and the `reply` to learn.

    A preference (dpo) also has the reply that was `rejected`; a judgement (kto) says whether the reply is `desirable`;
    an example to imitate (sft) has neither. `origin` names the run and the cell, or the conversation.
    """

    messages: tuple[Mapping[str, Any], ...]
    reply: str
    rejected: str | None = None
    desirable: bool | None = None
    origin: Mapping[str, Any] = field(default_factory=lambda: EMPTY)

    @property
    def method(self) -> Method:
        """The method of training that the example serves."""
        return "dpo" if self.rejected is not None else "sft" if self.desirable is None else "kto"


def dialect_of(name: str, method: Method) -> Dialect:
    """Returns the dialect of that name. Raises ExportError if there is none, or if it has no form for the method."""
    dialect = DIALECTS.get(name)
    if dialect is None:
        raise ExportError(f"There is no dialect {name!r}.", hint=did_you_mean(name, DIALECTS))
    if method not in dialect.methods:
        able = ", ".join(one.name for one in DIALECTS.values() if method in one.methods)
        raise ExportError(f"{name} takes no data for {method}.", hint=f"These do: {able}.")
    return dialect


def rows_of(examples: Iterable[TrainingExample], dialect: Dialect) -> Iterator[dict[str, Any]]:
    """Yields the row of each example in this dialect."""
    return (row_of(example, dialect) for example in examples)


def row_of(example: TrainingExample, dialect: Dialect) -> dict[str, Any]:
    """Returns the example as one JSON object of the dialect's file."""
    messages, reply = [dict(message) for message in example.messages], _assistant(example.reply)
    if example.method == "sft":
        if dialect.chat_pairs:
            return {"messages": [*messages, *reply]}
        return {"prompt": messages, "completion": reply}  # with this form TRL trains on the completion alone
    if example.method == "kto":
        return {"prompt": messages, "completion": reply, "label": example.desirable}
    rejected = _assistant(example.rejected or "")
    if dialect.chat_pairs:
        return {"input": {"messages": messages}, "preferred_output": reply, "non_preferred_output": rejected}
    return {"prompt": messages, "chosen": reply, "rejected": rejected}


def _assistant(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]
