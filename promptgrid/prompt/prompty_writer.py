"""Writes a prompt as a .prompty text that prompty and `loads` read alike, keeping hand-written formatting."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from promptgrid.errors import PromptError
from promptgrid.prompt.front_matter import read_front, split_front, yaml_error
from promptgrid.prompt.model import Prompt
from promptgrid.prompt.prompty_fields import FileForm, fields_of, form_of
from promptgrid.prompt.prompty_reader import loads
from promptgrid.prompt.references import Files, resolved
from promptgrid.prompt.sections import check_messages, join_messages, split_messages

if TYPE_CHECKING:
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

# prompty ends the front matter at any of these marks, even in the middle of a line.
_ENDS = ("---", "+++")
# Texts that YAML 1.1 and 1.2 both read as text without quotes.
_PLAIN = re.compile(r"[^\W\d_](?:[\w ./()-]*[\w.)])?")
_NOT_TEXT = frozenset({"y", "yes", "n", "no", "on", "off", "true", "false", "null"})
# Odd characters: line breaks or a byte order mark to some YAML readers; escaped only inside double quotes.
_ODD = re.compile("[\x85\u2028\u2029\ufeff]")
_FLOW_KEYS = frozenset({"tags", "answer", "labels", "template", "format", "parser", "stopSequences"})


def dumps(prompt: Prompt, previous: str = "", files: Files | None = None) -> str:
    """Returns the text of a .prompty file with this prompt. Form, comments, order and unknown keys of the `previous`
    text of the file are kept ("": a new file).

    `files` is called with each name in a `${file:…}` of the previous text and returns that file's text, as for `loads`.

    Newlines around a message are dropped and every line break in it becomes a newline. Runs of dashes in a comment
    become `=`, since prompty would end the front matter there. Raises PromptError if the saved prompt would be read
    differently, or if `previous` cannot be read.
    """
    if not prompt.messages:
        raise PromptError("A prompt needs at least one message.", hint="Add a user message.")
    check_messages(prompt.messages)
    form = _form(previous, files)
    fields = fields_of(prompt, form)
    _check_encodable(prompt, fields)
    saved = fields_of(loads(previous, files=files), form) if previous else {}
    front = _front(previous, saved, fields)
    return f"---\n{front}---\n{_body(prompt, previous)}"


def _front(previous: str, saved: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    """Returns the front matter of the `previous` text with the values in `fields` where they differ from those in
    `saved`, which are the values that `previous` has."""
    front = split_front(previous)[0]
    if previous and _same(saved, fields) and not _has_end(front) and not _ODD.search(front):
        return front
    yaml = _yaml()
    tree = _tree(yaml, previous)
    _merge(tree, saved, fields)
    _quote_ends(tree)
    out = StringIO()
    yaml.dump(tree, out)
    return _escape_ends(out.getvalue())


def _form(previous: str, files: Files | None) -> FileForm:
    if not previous:
        return FileForm()
    front, _, before = split_front(previous)
    return form_of(resolved(read_front(front, before), files)[0])


def _body(prompt: Prompt, previous: str) -> str:
    """Returns the body of the `previous` text if it has the prompt's messages, so that it stays as typed; else a new
    body."""
    body, before = join_messages(prompt.messages), split_front(previous)[1]
    if before.strip() and split_messages(before.lstrip()) == split_messages(body):
        return before
    return body


def _check_encodable(prompt: Prompt, fields: Mapping[str, Any]) -> None:
    try:
        "".join([*(message.text for message in prompt.messages), *_all_texts(fields)]).encode()
    except UnicodeEncodeError as error:
        raise PromptError(
            f"The prompt holds {error.object[error.start]!r}, half a character, which no text file can keep.",
            hint="Delete it and type the character again.",
        ) from error


def _all_texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for part in pair for text in _all_texts(part)]
    if isinstance(value, (list, tuple)):
        return [text for part in value for text in _all_texts(part)]
    return []


def _yaml() -> YAML:
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import ScalarNode
    from ruamel.yaml.resolver import VersionedResolver

    class AsTyped(VersionedResolver):
        """Keeps unquoted values of YAML as typed; otherwise `~` would be saved as `null` and `True` as `true`."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            if kind is ScalarNode and implicit[0]:
                return self.DEFAULT_SCALAR_TAG
            return super().resolve(kind, value, implicit)

    yaml = YAML()
    yaml.Resolver = AsTyped
    yaml.width = 1_000_000_000  # a folded line could end with an end mark
    yaml.preserve_quotes = True
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _tree(yaml: YAML, previous: str) -> CommentedMap:
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import YAMLError

    front, _, before = split_front(previous) if previous else ("", "", 0)
    try:
        tree: CommentedMap | None = yaml.load(front)
    except YAMLError as error:
        raise yaml_error(error, front, before) from error
    return CommentedMap() if tree is None else tree


def _merge(tree: Any, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Changes the YAML `tree`, which holds the values `old`, so that it holds the values `new`. Only values that differ
    are written; all others keep their formatting."""
    for key in [key for key in old if key not in new]:
        _remove(tree, key, old[key])
    for key, value in new.items():
        if key in old and _same(old[key], value):
            continue
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(tree.get(key), Mapping):
            _merge(tree[key], before or {}, value)
        elif key == "model" and before is None and tree.get(key):
            tree[key] = _styled({"id": str(tree[key]), **value})  # `model: gpt-4o` becomes a mapping to hold options
        elif isinstance(value, list) and isinstance(before, list) and isinstance(tree.get(key), list):
            _merge_list(tree[key], before, value)
        else:
            tree[key if key in tree else _styled_text(key)] = _styled(value, key)


def _same(one: Any, other: Any) -> bool:
    """Tells whether two values are equal and of equal types. In Python 1, 1.0 and True are equal, in a file they are
    three values."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def _remove(tree: Any, key: str, old: Any) -> None:
    """Removes the value `old` under `key` from the YAML tree. Of a mapping only the keys in `old` are removed; others,
    which Promptgrid does not know, stay."""
    if isinstance(old, Mapping) and isinstance(tree.get(key), Mapping):
        _merge(tree[key], old, {})
        if tree[key]:
            return
    tree.pop(key, None)


def _merge_list(tree: list[Any], old: Sequence[Any], new: Sequence[Any]) -> None:
    """Changes the YAML list `tree` from the items `old` to the items `new`. Equal items at the beginning and at the end
    stay as they are."""
    start = 0
    while start < min(len(old), len(new)) and _same(old[start], new[start]):
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and _same(old[-1 - end], new[-1 - end]):
        end += 1
    shared = min(len(old), len(new)) - start - end
    for index in range(start, start + shared):
        if isinstance(tree[index], dict) and isinstance(new[index], dict):
            _merge(tree[index], old[index], new[index])
        else:
            tree[index] = _styled(new[index])
    for _ in range(len(old) - end - start - shared):
        del tree[start + shared]
    for index in range(start + shared, len(new) - end):
        tree.insert(index, _styled(new[index]))


def _styled(value: Any, key: str = "") -> Any:
    """Converts a value to the types of the YAML library that carry a style: short lists on one line, texts with or
    without quotes. `key` is the name of its field."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(value, str):
        return _styled_text(value)
    node: CommentedMap | CommentedSeq
    if isinstance(value, Mapping):
        node = CommentedMap((_styled_text(str(name)), _styled(part, str(name))) for name, part in value.items())
    elif isinstance(value, (list, tuple)):
        node = CommentedSeq(_styled(part) for part in value)
    else:
        return _plain(value)
    if key in _FLOW_KEYS and "schema" not in node:
        node.fa.set_flow_style()
    return node


def _plain(value: float | bool | None) -> Any:
    """Returns the text of a number, boolean or null in a form that YAML 1.1 and 1.2 read alike, such as `1.0e10` for
    `1e10`."""
    from ruamel.yaml.scalarstring import PlainScalarString  # a bare str takes the quotes of the value it replaces

    if value is None or isinstance(value, bool):
        return PlainScalarString({None: "null", True: "true", False: "false"}[value])
    text = repr(value)
    if "n" in text:
        text = text.replace("inf", ".inf").replace("nan", ".nan")
    return PlainScalarString(text.replace("e", ".0e") if "e" in text and "." not in text else text)


def _styled_text(text: str) -> Any:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString, PlainScalarString

    if "\n" in text and _reads_as_block(text):
        return LiteralScalarString(text)
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT and not _has_end(text):
        return PlainScalarString(text)
    return DoubleQuotedScalarString(text)


def _reads_as_block(text: str) -> bool:
    lines = text.split("\n")
    return (
        all(line.isprintable() and line == line.rstrip() for line in lines)
        and lines[0][:1] not in ("", " ")
        and not text.endswith("\n\n")
        and not _has_end(text)
    )


def _has_end(text: str) -> bool:
    return any(end in text for end in _ENDS)


def _quote_ends(tree: Any) -> None:
    """Puts into double quotes every text in the YAML tree that contains `---` or `+++` (prompty ends the front matter
    there), an unusual line break or a byte order mark, so that these can be escaped."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    places = list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)) if isinstance(tree, list) else []
    for place, value in places:
        if isinstance(value, str) and (_has_end(value) or _ODD.search(value)):
            tree[place] = DoubleQuotedScalarString(value)
        else:
            _quote_ends(value)


def _escape_ends(front: str) -> str:
    """Returns the front matter without `---` and `+++`, at which prompty would end it: inside double quotes they are
    escaped, in comments they become `=`. Raises PromptError if one stands elsewhere."""
    from ruamel.yaml import YAML, ScalarToken

    if not _has_end(front) and not _ODD.search(front):
        return front
    parts, done = [], 0
    for token in YAML(typ="safe", pure=True).scan(front):
        if isinstance(token, ScalarToken) and token.style == '"':
            start, end = token.start_mark.index, token.end_mark.index
            quoted = front[start:end].replace("---", r"\x2d\x2d\x2d").replace("+++", r"\x2b\x2b\x2b")
            parts += [_ruled(front[done:start]), quoted]
            done = end
    escaped = "".join([*parts, _ruled(front[done:])])
    if _has_end(escaped):
        raise PromptError("The front matter holds --- or +++ outside of quotes and comments.", hint="Quote it.")
    return escaped


def _ruled(between: str) -> str:
    """Returns `between`, the text between two quoted texts, with `---` and `+++` in its comments replaced by `===`, and
    with unusual line breaks and byte order marks replaced by blanks."""
    between = _ODD.sub(" ", between)
    return re.sub(r"#.*", lambda comment: re.sub(r"-{3,}|\+{3,}", lambda run: "=" * len(run[0]), comment[0]), between)
