"""Finds variables in single braces, `{text}`, which are sent as they stand, and writes them as `{{ text }}`. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from promptgrid.prompt.model import Message
from promptgrid.prompt.template import variables

_SINGLE = re.compile(r"(?<![{%#\\$])\{ *([^\W\d]\w*) *\}(?!\})")


def single_braces(messages: Sequence[Message], known: Iterable[str]) -> list[str]:
    """Returns the names in single braces that are probably variables, because they are `known` (such as columns of
    cases) and the messages never use them in double braces. If none is known and the messages use no variable, returns
    all names in single braces. Raises PromptError for broken Jinja."""
    used = {variable.name for variable in variables(messages)}
    names = dict.fromkeys(match[1] for message in messages for match in _SINGLE.finditer(message.text))
    single = [name for name in names if name not in used]
    meant = set(known).intersection(single)
    return [name for name in single if name in meant] if meant or used else single


def braces_sentence(names: Sequence[str]) -> str:
    """Returns a sentence on these names in single braces, with the correction, such as `{text} is sent as it stands;
    write {{ text }}.`"""
    single, double = ", ".join(f"{{{name}}}" for name in names), ", ".join(f"{{{{ {name} }}}}" for name in names)
    verb = "is sent as it stands" if len(names) == 1 else "are sent as they stand"
    return f"{single} {verb}; write {double}."


def with_double_braces(text: str, names: Collection[str]) -> str:
    """Returns the text with `{{ name }}` in place of `{name}` for each of the names."""
    return _SINGLE.sub(lambda match: f"{{{{ {match[1]} }}}}" if match[1] in names else match[0], text)
