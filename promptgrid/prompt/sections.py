"""The body of a .prompty file: role markers and the messages between them, in prompty's grammar."""

from __future__ import annotations

import re
from collections.abc import Sequence

from promptgrid.errors import PromptError
from promptgrid.prompt.model import Message, Role

# A role marker: `user:`, `# System :` or `assistant[name="x"]:`, in any case. It cannot be escaped.
_MARKER = re.compile(
    r"\s*#?\s*(system|user|assistant|developer)"
    r"(\[(?:\w++\s*+=\s*+(?:\"[^\"]*\"|[^\",\]]*+)\s*+,?+\s*+)+\])?\s*:\s*",
    re.IGNORECASE,
)


def split_messages(body: str) -> tuple[Message, ...]:
    """Splits the body of a .prompty file into messages at role markers such as `user:`. Text before the first marker is
    a system message; the role `developer` is read as system."""
    messages: list[Message] = []
    role: Role = "system"
    lines: list[str] = []
    for line in [*body.splitlines(), "system:"]:
        next_role = marker_role(line)
        if next_role is None:
            lines.append(line)
            continue
        if lines:
            messages.append(Message(role, normalised("\n".join(lines))))
        role, lines = next_role, []
    return tuple(messages)


def join_messages(messages: Sequence[Message]) -> str:
    """Returns the body of a file with these messages, each under its role marker; `split_messages` reads it back. An
    empty message is kept as an empty line."""
    return "".join(f"{message.role}:\n{normalised(message.text)}\n" for message in messages)


def normalised(text: str) -> str:
    """Returns the text of a message as it will be read back after saving: line breaks are newlines, those at both ends
    are removed."""
    return "\n".join(text.splitlines()).strip("\n")


def marker_role(line: str) -> Role | None:
    """Returns the role that the line sets if it is a role marker such as `user:`; None for any other line."""
    match = _MARKER.fullmatch(line.strip())
    if match is None:
        return None
    roles: dict[str, Role] = {"a": "assistant", "u": "user"}
    return roles.get(match[1][0].lower(), "system")


def check_messages(messages: Sequence[Message]) -> None:
    """Raises PromptError if a line inside a message reads as a role marker, such as `user:`: the saved file would split
    the message there."""
    before = 0
    for message in messages:
        for number, line in enumerate(message.text.splitlines(), 1):
            if marker_role(line) is not None:
                raise PromptError(
                    f"Line {number} of the {message.role} message, {line.strip()!r}, reads as the start of a message.",
                    hint="Put a word before or behind it on the same line, or make it a message of its own.",
                    line=before + number,
                )
        before += message.text.count("\n") + 1
