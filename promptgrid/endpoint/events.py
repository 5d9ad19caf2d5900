"""Merges the server-sent events of a streamed reply into the body that a reply without streaming has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from promptgrid.endpoint.redaction import redacted
from promptgrid.errors import EndpointError
from promptgrid.prompt.tools.protocol import CallDeltas

MOST_CHOICES = 1024
_LINE_END = re.compile(rb"\r\n|\n|\r(?!$)")  # a \r at the end of the data may be half of \r\n
_EVENTS = re.compile(r"\ufeff?\s*(?:data|event|id|retry)?:")
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")


def are_events(content_type: str, text: str) -> bool:
    """Whether a body is an event stream, judged by its content type or its first line."""
    return "event-stream" in content_type.lower() or bool(_EVENTS.match(text))


class Lines:
    """Splits the bytes of a server-sent event stream, given piece by piece, into events (name, data)."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # the start of an unfinished line
        self._name = ""
        self._data: list[str] = []

    def feed(self, piece: bytes, *, last: bool = False) -> Iterator[tuple[str, str]]:
        """Yields the events that are complete with this piece. With `last`, the stream ends here, and an event without
        a blank line behind it counts too."""
        self._rest.append(piece)
        if not last and b"\n" not in piece and b"\r" not in piece:
            return
        *lines, rest = _LINE_END.split(b"".join(self._rest))
        self._rest = [rest]
        if last:
            lines, self._rest = [*lines, rest, b""], []
        for line in lines:
            text = line.decode("utf-8", "replace").removeprefix("\ufeff")
            if not text.strip():
                yield from self._event()
            elif text.startswith("data:"):
                self._data.append(text[5:].removeprefix(" "))
            elif text.startswith("event:"):
                self._name = text[6:].strip()

    def _event(self) -> Iterator[tuple[str, str]]:
        """Yields the lines collected so far as one event; if they are JSON objects, as one event each, since some
        servers omit the blank lines."""
        data, name = self._data, self._name
        self._data, self._name = [], ""
        if len(data) > 1 and all(line.startswith(("{", "[DONE]")) for line in data):
            yield from ((name, line) for line in data)
        elif data:
            yield name, "\n".join(data)


@dataclass(slots=True)
class _Choice:
    legacy: bool = False
    finish: str = ""
    error: Any = None
    texts: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in _TEXTS})
    calls: CallDeltas = field(default_factory=CallDeltas)
    logprobs: dict[str, list[Any]] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        message = {name: "".join(parts) for name, parts in self.texts.items() if parts} | {
            "tool_calls": self.calls.body()
        }
        whole = {"text": message.get("content")} if self.legacy else {"message": message}
        logprobs = self.logprobs or None
        return {"finish_reason": self.finish or None, "error": self.error, "logprobs": logprobs, **whole}


@dataclass(slots=True)
class Fold:
    """Merges the events of a streamed reply into one body. `done` is True after the event [DONE], `error` the error
    that the stream reported.

    Of several usages the last one is kept, since some servers repeat it.
    """

    done: bool = False
    error: Any = None
    texts: list[str] = field(default_factory=list)  # the text of the first choice
    _model: Any = None
    _usage: Any = None
    _choices: dict[int, _Choice] = field(default_factory=dict)

    def add(self, name: str, data: str) -> tuple[str, bool]:
        """Merges one event, given by its name and data. Returns (the first choice's new text, whether any choice got
        text, reasoning or a call).

        Raises EndpointError(bad_reply) for data that is not a JSON object.
        """
        if data.strip() == "[DONE]":
            self.done = True
            return "", False
        event = self._parsed(data)
        self.error = event if name == "error" and "error" not in event else event.get("error") or self.error
        self._model, self._usage = self._model or event.get("model"), event.get("usage") or self._usage
        choices = event.get("choices")
        pieces = [self._add_choice(choice) for choice in choices if isinstance(choice, dict)] if isinstance(
            choices, list
        ) else []  # fmt: skip
        text = "".join(piece for at, piece, _ in pieces if at == 0)
        self.texts.append(text)
        return text, any(wrote for _, _, wrote in pieces)

    def body(self) -> dict[str, Any]:
        """Returns the body that the reply would have without streaming. Raises EndpointError(bad_reply) if the stream
        has ended before the reply was finished."""
        finished = all(choice.finish for choice in self._choices.values()) and bool(self._choices)
        if not (self.done or finished or self.error):
            raise EndpointError(
                "bad_reply", "The stream ended before the reply was finished.", hint="What had come is kept. Try again."
            )
        choices = [{"index": at, **choice.body()} for at, choice in sorted(self._choices.items()) if not self.error]
        return {"model": self._model, "usage": self._usage, "choices": choices, "error": self.error}

    def _parsed(self, data: str) -> dict[str, Any]:
        try:
            event = json.loads(data, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            raise EndpointError("bad_reply", "The endpoint sent an event that cannot be read.", raw=data) from None
        if not isinstance(event, dict):
            raise EndpointError("bad_reply", "The endpoint's stream holds an event that is not an object.", raw=data)
        return event

    def _add_choice(self, choice: Mapping[str, Any]) -> tuple[int, str, bool]:
        at = choice.get("index")
        at = at if type(at) is int and 0 <= at < MOST_CHOICES else 0
        one = self._choices.setdefault(at, _Choice())
        one.finish = str(choice.get("finish_reason") or one.finish)
        one.error = choice.get("error") or one.error
        delta = choice.get("delta", choice.get("message"))
        if not isinstance(delta, dict):
            one.legacy, delta = True, {"content": choice.get("text")}
        pieces = {name: text for name in _TEXTS if (text := content_text(delta.get(name))) is not None}
        for name, text in pieces.items():
            one.texts[name].append(text)
        called = one.calls.add(delta.get("tool_calls"), whole="delta" not in choice)
        called |= one.calls.add_old(delta.get("function_call"))
        if isinstance(logprobs := choice.get("logprobs"), dict):
            for name, values in logprobs.items():
                one.logprobs.setdefault(name, []).extend(values if isinstance(values, list) else [])
        visible_text = pieces.get("content") or pieces.get("refusal") or ""
        return at, visible_text, called or any(pieces.values())


def folded(text: str, secrets: tuple[str, ...] = ()) -> Fold:
    """Merges the text of a whole event stream, with `[key]` in place of each of the `secrets`. Raises
    EndpointError(bad_reply) for an event that cannot be read."""
    fold, lines = Fold(), Lines()
    for name, data in lines.feed(text.encode("utf-8", "replace"), last=True):
        fold.add(name, redacted(data, secrets))
        if fold.done:
            break
    return fold


def content_text(content: Any) -> str | None:
    """Returns the text of a message's content, which some servers send as a list of parts; None if there is no text."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str)) if parts else None
    return content if isinstance(content, str) else None
