"""Earlier turns of a conversation as a value: a list of {role, content}, inserted among the messages.

prompty 2 declares an input of the kind `thread` and writes `{{ history }}`; prompty 0.1 loops over a list and prints
`{{ turn.role }}:` and `{{ turn.content }}`. In both cases the turns become separate messages whose texts are variables:
the text of a turn is never read as a template or a role marker.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from promptgrid.errors import PromptError
from promptgrid.prompt.model import Input, Message, Role
from promptgrid.prompt.values import THREAD, typed_value

_PART = r"""\{{\{{-?\s*\1(?:\.{0}|\[['"]{0}['"]\])\s*-?\}}\}}"""
_LOOP = re.compile(
    r"\{%-?\s*for\s+(\w+)\s+in\s+(\w+)\s*-?%\}\s*#?\s*"
    + _PART.format("role")
    + r"\s*:\s*"
    + _PART.format("content")
    + r"\s*\{%-?\s*endfor\s*-?%\}"
)
_BARE = re.compile(r"\{\{-?\s*(\w+)\s*-?\}\}")
_TAG, _WORD = re.compile(r"\{[{%].*?[}%]\}", re.DOTALL), re.compile(r"\w+")
_ROLE_LINE = re.compile(r"^\s*#?\s*\{\{-?[^{}]*\brole\b[^{}]*\}\}\s*:\s*$", re.MULTILINE)
_ROLES: Mapping[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def expanded(
    messages: Sequence[Message], values: Mapping[str, Any], inputs: Sequence[Input]
) -> tuple[tuple[Message, ...], Mapping[str, Any]]:
    """Inserts the turns of each history into the messages. Returns the messages, and the values with each history as a
    list of turns.

    If no message names a history that is declared in `inputs`, its turns are appended at the end, as prompty does. A
    history without a value stays as written, so that rendering reports it as missing. Raises PromptError for a history
    that is not a list of turns.
    """
    threads = frozenset(item.name for item in inputs if item.kind == THREAD)
    pieces, names, unnamed = _places(tuple([message.text for message in messages]), threads)
    if not names and not unnamed:
        return tuple(messages), values
    defaults = {item.name: item.default for item in inputs if item.default is not None}
    histories = {name: value for name, value in {**defaults, **values}.items() if name in names or name in unnamed}
    turns = {name: _turns(name, value, inputs) for name, value in histories.items()}
    placed = [part for message, parts in zip(messages, pieces, strict=True) for part in _placed(message, parts, turns)]
    ends = [turn for name in unnamed for turn in _references(name, turns.get(name, []))]
    return (*placed, *ends), {**values, **turns}


def unread_roles(text: str) -> bool:
    """Tells whether a line of the template prints a role, such as `{{ turn.role }}:`, outside of the loop that
    `expanded` turns into messages. The model would see the role as text."""
    return _ROLE_LINE.search(_LOOP.sub("", text)) is not None


@lru_cache(maxsize=512)
def _places(
    texts: tuple[str, ...], threads: frozenset[str]
) -> tuple[list[tuple[tuple[str, str], ...]], frozenset[str], list[str]]:
    """Finds where the histories stand in the texts of messages. Returns (the pieces of each text, the names of the
    histories in them, the names in `threads` that no text contains). Cached, since every case of a plan has the same
    texts."""
    pieces = [_pieces(text, threads) for text in texts]
    names = frozenset(name for parts in pieces for _, name in parts if name)
    words = {word for text in texts for tag in _TAG.findall(text) for word in _WORD.findall(tag)}
    return pieces, names, sorted(threads - names - words)


def _pieces(text: str, threads: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Splits the text of a message into pieces, in order: (text, "") for ordinary text, (text, name) for the text that
    stands for the history of that name. `threads` are the names of inputs that are histories."""
    marks = [(match.span(), match[2]) for match in _LOOP.finditer(text)] if "for" in text else []
    if threads:
        marks += [(match.span(), match[1]) for match in _BARE.finditer(text) if match[1] in threads]
    pieces: list[tuple[str, str]] = []
    done = 0
    for (start, end), name in sorted(marks):
        pieces += [(text[done:start], ""), (text[start:end], name)]
        done = end
    return (*pieces, (text[done:], ""))


def _placed(
    message: Message, pieces: Sequence[tuple[str, str]], turns: Mapping[str, Sequence[Mapping[str, str]]]
) -> Iterator[Message]:
    if not any(name in turns for _, name in pieces):
        yield message
        return
    text = ""
    for piece, name in (*pieces, ("", "")):
        if name in turns or (piece, name) == ("", ""):
            if text.strip():
                yield Message(message.role, text.strip())
            yield from _references(name, turns.get(name, []))
            text = ""
        else:
            text += piece


def _references(name: str, turns: Sequence[Mapping[str, str]]) -> Iterator[Message]:
    for number, turn in enumerate(turns):
        yield Message(_ROLES[turn["role"]], f'{{{{ {name}[{number}]["content"] }}}}')


def _turns(name: str, value: Any, inputs: Sequence[Input]) -> list[dict[str, str]]:
    item = next((item for item in inputs if item.name == name), Input(name))
    listed = typed_value(Input(name, THREAD), value) if isinstance(value, str) else typed_value(item, value)
    if not isinstance(listed, list) or not all(map(_is_turn, listed)):
        wrong = listed if not isinstance(listed, list) else next(turn for turn in listed if not _is_turn(turn))
        raise PromptError(
            f"{name} is no list of turns: {json.dumps(wrong, ensure_ascii=False, default=str)[:80]}.",
            hint=f"Each has a role ({', '.join(_ROLES)}) and a content, which is a text.",
        )
    return listed


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, Mapping) and turn.get("role") in _ROLES and isinstance(turn.get("content"), str)
