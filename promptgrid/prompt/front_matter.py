"""Reads the front matter of a .prompty file as fields that know their line; scalars keep the characters as typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptgrid.errors import PromptError

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

MAX_NODES = 50_000  # with aliases expanded: a few lines of YAML can stand for billions of values
MAX_DEPTH = 100  # lists and mappings inside one another

_END = re.compile(r"^(?:---|\+\+\+)[ \t]*$", re.MULTILINE)
_INDENTED_END = re.compile(r"^[ \t]+---[ \t]*$", re.MULTILINE)


def split_front(text: str) -> tuple[str, str, int]:
    """Splits the text of a file into (front matter, body, number of lines before the front matter). A text without
    front matter is all body. Raises PromptError if the front matter has no end."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    start = re.match(r"\s*---[ \t]*\n", text)
    if start is None:
        return "", text, 0
    end = _END.search(text, start.end()) or _INDENTED_END.search(text, start.end())
    before = text.count("\n", 0, start.end())
    if end is None:
        raise PromptError("The front matter has no end.", hint="Close it with a line of three dashes.", line=before)
    return text[start.end() : end.start()], text[end.end() :].lstrip(), before


@dataclass(frozen=True, slots=True)
class Field:
    """One value in the front matter. `path` is its place, such as `model.options`, `node` the value as YAML, and
    `before` the number of lines of the file before the front matter. The methods that read the value raise PromptError
    with that place and the line."""

    path: str
    node: Node
    before: int  # lines of the file before the front matter

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1 + self.before

    def error(self, what: str) -> PromptError:
        return PromptError(f"Line {self.line}: {self.path} {what}.", line=self.line)

    def text(self) -> str:
        """Returns the text with the characters as typed: `no`, `12:30` and `007` are not converted. Raises PromptError
        for a list or a mapping."""
        if not isinstance(self.node.value, str):
            raise self.error(f"must be a text, and is a {self._kind()}")
        return self.node.value

    def texts(self) -> tuple[str, ...]:
        return tuple(item.text() for item in self.items())

    def choice(self, allowed: Sequence[str]) -> str:
        if self.text() not in allowed:
            raise self.error(f"must be one of {', '.join(allowed)}, and is {self.text()!r}")
        return self.text()

    def items(self) -> list[Field]:
        if self._kind() != "list":
            raise self.error(f"must be a list, and is a {self._kind()}")
        return [Field(f"{self.path}[{n}]", item, self.before) for n, item in enumerate(self.node.value, 1)]

    def fields(self) -> dict[str, Field]:
        """Returns the values of a mapping by key. Raises PromptError if it is not a mapping, or has a key twice."""
        if self._kind() != "mapping":
            raise self.error(f"must be a mapping of names to values, and is a {self._kind()}")
        fields: dict[str, Field] = {}
        for key, value in self.node.value:
            name = Field(f"a key of {self.path}", key, self.before).text()
            if name in fields:
                raise Field(self.path, key, self.before).error(f"has {name!r} twice")
            fields[name] = Field(f"{self.path}.{name}".removeprefix("front matter."), value, self.before)
        return fields

    def is_mapping(self) -> bool:
        return self._kind() == "mapping"

    def is_empty(self) -> bool:
        """Tells whether the field has no value (`name:`) or the value null (`name: null`, `name: ~`)."""
        return self.node.tag == "tag:yaml.org,2002:null" and self.node.value in ("", "null", "~")

    def number(self) -> float | int:
        value = self.value()
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(f"must be a number, and is {self._shown()}")
        return value

    def whole(self) -> int:
        value = self.value()
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(f"must be a whole number, and is {self._shown()}")
        return value

    def flag(self) -> bool:
        value = self.value()
        if not isinstance(value, bool):
            raise self.error(f"must be true or false, and is {self._shown()}")
        return value

    def value(self) -> Any:
        """Returns the value as YAML reads it: dict, list, str, int, float, bool or None. A date stays a text."""
        if self.is_mapping():
            return {name: field.value() for name, field in self.fields().items()}
        if self._kind() == "list":
            return [item.value() for item in self.items()]
        return self._scalar()

    def _scalar(self) -> Any:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        if self.node.tag == "tag:yaml.org,2002:str":
            return self.node.value
        try:
            value = YAML(typ="safe", pure=True).constructor.construct_object(self.node)
        except (YAMLError, ValueError) as error:
            raise self.error(f"cannot be read: {self._shown()}") from error
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        return self.node.value  # other types, such as dates, stay texts

    def _kind(self) -> str:
        if isinstance(self.node.value, str):
            return "text"
        return "list" if _is_list(self.node) else "mapping"

    def _shown(self) -> str:
        return repr(self.node.value) if isinstance(self.node.value, str) else f"a {self._kind()}"


def read_front(front: str, before: int) -> dict[str, Field]:
    """Returns the top-level fields of the front matter by name. `before` is the number of lines of the file before it.
    Raises PromptError with the line for broken YAML."""
    node = compose(front, before)
    return {} if node is None else Field("front matter", node, before).fields()


def compose(front: str, before: int) -> Node | None:
    """Parses the YAML of the front matter to a tree of nodes; None if it is empty. `before` is the number of lines of
    the file before it. Raises PromptError with the line for broken or too large YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.composer import Composer, MaxDepthExceededError
    from ruamel.yaml.error import YAMLError

    class Bounded(Composer):
        """Raises PromptError at the first value too many, since composing a list of 4 MB takes a minute."""

        nodes = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.nodes += 1
            if self.nodes > MAX_NODES:
                raise _too_many()
            return super().compose_node(parent, index)

    yaml = YAML(typ="safe", pure=True)  # comments are not needed here
    yaml.Composer, yaml.max_depth = Bounded, MAX_DEPTH
    try:
        node: Node | None = yaml.compose(front)
    except (MaxDepthExceededError, RecursionError) as error:
        message = f"The front matter has more than {MAX_DEPTH} lists or mappings inside one another."
        raise PromptError(message, hint="Nest it less.", line=before) from error
    except (YAMLError, ValueError) as error:
        raise yaml_error(error, front, before) from error
    if node is not None:
        _count(node, {})
    return node


def yaml_error(error: Exception, front: str, before: int) -> PromptError:
    """Converts an error of the YAML library about the text `front` to a PromptError of one sentence. `before` is the
    number of lines of the file before `front`: the PromptError names the line of the file."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    position = getattr(error, "position", None)
    line = mark.line + 1 if mark is not None else 1 + front.count("\n", 0, position or 0)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return PromptError(
        f"Line {line + before}: the front matter is not valid YAML: {problem}.",
        hint="Put quotes around the text, or mend the indentation.",
        line=line + before,
    )


def _is_list(node: Node) -> bool:
    from ruamel.yaml.nodes import SequenceNode

    return isinstance(node, SequenceNode)


def _count(node: Node, counted: dict[int, int]) -> int:
    """Returns how many values the node stands for when aliases are written out. `counted` caches the result by node.
    Raises PromptError if they are too many, or if a node contains itself."""
    if isinstance(node.value, str):
        return 1
    if id(node) not in counted:
        counted[id(node)] = MAX_NODES + 1  # a cycle finds this value and exceeds the limit
        children = node.value if _is_list(node) else [part for pair in node.value for part in pair]
        counted[id(node)] = 1 + sum(_count(child, counted) for child in children)
    if counted[id(node)] > MAX_NODES:
        raise _too_many()
    return counted[id(node)]


def _too_many() -> PromptError:
    return PromptError(
        f"The front matter stands for more than {MAX_NODES:,} values.", hint="Remove its aliases, or shorten its lists."
    )
