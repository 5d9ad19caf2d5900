"""Variables and rendering: each message is a separate Jinja2 template, rendered within limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from promptgrid.errors import MissingVariables, PromptError, TemplateLimit
from promptgrid.prompt.history import expanded
from promptgrid.prompt.model import Input, Message
from promptgrid.prompt.values import is_plain, typed_value

if TYPE_CHECKING:
    from jinja2 import Template, nodes

    from promptgrid.prompt.sandbox import BoundedEnvironment


_SMALL = 500_000  # characters of all messages, for which no limit needs to be checked


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that the messages use. `places` says where, in words, with lines counted from 1 within their message:
    `user message, line 2`. `required` says whether it must have a value."""

    name: str
    places: tuple[str, ...]
    required: bool


class _Use(NamedTuple):
    name: str
    line: int
    guarded: bool


class _Compiled(NamedTuple):
    template: Template
    uses: tuple[_Use, ...]
    pieces: tuple[tuple[str, bool], ...]  # (text, False) and (variable, True); empty if the template has other parts


def variables(messages: Sequence[Message], inputs: Sequence[Input] = ()) -> list[Variable]:
    """Returns the variables that the messages use, in order of first use. `inputs` are the declared ones.

    A variable is not required if every use has a `default` filter or stands under an `is defined`, or if its input has
    a default. Raises PromptError for broken Jinja.
    """
    places: dict[str, dict[str, None]] = {}
    required = set()
    for name_of_message, item in zip(_names(messages), _compile_all(messages), strict=True):
        for use in item.uses:
            places.setdefault(use.name, {})[f"{name_of_message}, line {use.line}"] = None
            if not use.guarded:
                required.add(use.name)
    optional = {item.name for item in inputs if item.default is not None}
    return [Variable(name, tuple(at), name in required and name not in optional) for name, at in places.items()]


def _names(messages: Sequence[Message]) -> list[str]:
    """Returns a name for each message: `user message`, or `message 3 (user)` if several have its role."""
    counts = Counter(message.role for message in messages)
    return [
        f"{message.role} message" if counts[message.role] == 1 else f"message {number} ({message.role})"
        for number, message in enumerate(messages, 1)
    ]


def render(messages: Sequence[Message], values: Mapping[str, Any], inputs: Sequence[Input] = ()) -> tuple[Message, ...]:
    """Returns the messages with their variables replaced by `values`, or by the defaults of `inputs`. Newlines around
    each text are trimmed, as in prompty; a history becomes messages.

    Raises MissingVariables, which names all missing variables, TemplateLimit, or PromptError with the line.
    """
    messages, values = expanded(messages, values, inputs)
    context = {item.name: item.default for item in inputs if item.default is not None} | dict(values)
    compiled = _compile_all(messages)
    _check_missing(messages, context, compiled)
    if special := [item for item in inputs if not is_plain(item)]:
        used = {use.name for item in compiled for use in item.uses}
        context |= {i.name: typed_value(i, context[i.name]) for i in special if i.name in used and i.name in context}
    texts = [_joined(item, context) for item in compiled]
    if all(texts) and sum(map(len, texts)) <= _SMALL:  # the usual case, kept fast because every case of a plan runs it
        return tuple([Message(message.role, text.strip("\n")) for message, text in zip(messages, texts, strict=True)])
    from promptgrid.prompt.bounds import budget

    with budget():
        return tuple(
            Message(message.role, _rendered(name, item, context))
            for message, name, item in zip(messages, _names(messages), compiled, strict=True)
        )


def _check_missing(messages: Sequence[Message], context: Mapping[str, Any], compiled: Sequence[_Compiled]) -> None:
    if all(use.guarded or use.name in context for item in compiled for use in item.uses):
        return
    missing = {v.name: v.places for v in variables(messages) if v.required and v.name not in context}
    raise MissingVariables(missing)


def _compile_all(messages: Sequence[Message]) -> list[_Compiled]:
    compiled: list[_Compiled] = []
    for message in messages:
        try:
            compiled.append(_compiled(message.text))
        except PromptError as error:
            raise _placed(error, _names(messages)[len(compiled)], error.line) from error.__cause__
    return compiled


@lru_cache(maxsize=2048)
def _compiled(text: str) -> _Compiled:
    from jinja2 import Template, TemplateSyntaxError

    environment = _environment()
    try:
        _check_size(environment, text)
        tree = environment.checked_ast(text)
        uses = _find_uses(tree)
        code = environment.compile(environment.bounded_ast(text))
        template = Template.from_code(environment, code, environment.make_globals(None))
    except TemplateSyntaxError as error:
        raise PromptError(_sentence(error), hint="Correct the Jinja there.", line=error.lineno) from error
    except (RecursionError, MemoryError) as error:
        raise TemplateLimit("The template is nested too deeply.") from error
    except (SyntaxError, ValueError, OverflowError) as error:
        raise PromptError(f"The template cannot be read: {_sentence(error)}") from error
    return _Compiled(template, uses, _pieces(tree))


def _check_size(environment: BoundedEnvironment, text: str) -> None:
    from promptgrid.prompt.bounds import MAX_SOURCE, MAX_TOKENS

    if len(text) > MAX_SOURCE:
        raise TemplateLimit(f"The text has {len(text):,} characters; {MAX_SOURCE:,} is the limit.")
    if "{" in text and next(islice(environment.lex(text), MAX_TOKENS, None), None):
        raise TemplateLimit(f"The text holds more than {MAX_TOKENS:,} words and signs of Jinja.")


@cache
def _environment() -> BoundedEnvironment:
    from promptgrid.prompt.sandbox import BoundedEnvironment

    return BoundedEnvironment()


def _pieces(tree: nodes.Template) -> tuple[tuple[str, bool], ...]:
    """Returns the parts of a simple template as (text or name, is it a variable); () if it has anything but text and
    variables. Joining the parts is 10 times faster than rendering by Jinja."""
    from jinja2 import nodes

    pieces: list[tuple[str, bool]] = []
    for output in tree.body:
        for node in output.nodes if isinstance(output, nodes.Output) else [output]:
            if isinstance(node, nodes.TemplateData):
                pieces.append((node.data, False))
            elif isinstance(node, nodes.Name):
                pieces.append((node.name, True))
            else:
                return ()
    return tuple(pieces)


def _find_uses(tree: nodes.Template) -> tuple[_Use, ...]:
    from jinja2 import meta

    names = meta.find_undeclared_variables(tree)
    return tuple(use for use in _walk(tree, frozenset()) if use.name in names)


def _walk(node: nodes.Node, guarded: frozenset[str]) -> Iterator[_Use]:
    """Yields every variable that is read below the node, in the order of the text. Those in `guarded` stand under a
    condition such as `is defined`, so they need no value."""
    from jinja2 import nodes

    if isinstance(node, nodes.Name):
        if node.ctx == "load":
            yield _Use(node.name, node.lineno, node.name in guarded)
        return
    if isinstance(node, (nodes.If, nodes.CondExpr)):
        guarded |= _asked_for(node.test)
    elif isinstance(node, nodes.Filter) and node.name in ("default", "d") and isinstance(node.node, nodes.Name):
        yield _Use(node.node.name, node.lineno, True)
        for argument in node.args:
            yield from _walk(argument, guarded)
        return
    elif isinstance(node, (nodes.Test, nodes.And, nodes.Or)):
        guarded |= _asked_for(node)
    for child in node.iter_child_nodes():
        yield from _walk(child, guarded)


def _asked_for(test: nodes.Node) -> frozenset[str]:
    """Returns the names of variables that the condition tests with `is defined` or `is undefined`."""
    from jinja2 import nodes

    tests = [test] if isinstance(test, nodes.Test) else list(test.find_all(nodes.Test))
    return frozenset(
        item.node.name for item in tests if item.name in ("defined", "undefined") and isinstance(item.node, nodes.Name)
    )


def _rendered(name: str, compiled: _Compiled, context: dict[str, Any]) -> str:
    """Returns the text of the message called `name`."""
    from promptgrid.prompt.bounds import MAX_CHARS

    template = compiled.template
    try:
        text = _joined(compiled, context) or "".join(template.root_render_func(template.new_context(context)))
        text = text.strip("\n")
        if len(text) > MAX_CHARS:
            raise TemplateLimit(f"The message has {len(text):,} characters; {MAX_CHARS:,} is the limit.")
    except Exception as error:
        line = _line(template, error.__traceback__)
        raise _placed(_as_ours(error), name, line) from error
    return text


def _joined(compiled: _Compiled, context: Mapping[str, Any]) -> str:
    """Returns the text of a simple template (see `_pieces`) with the values in `context`. "" if the template is not
    simple or a value is not a text; Jinja then renders it."""
    parts = [context.get(piece) if is_variable else piece for piece, is_variable in compiled.pieces]
    texts = [part for part in parts if type(part) is str]
    return "".join(texts) if len(texts) == len(parts) else ""


def _as_ours(error: Exception) -> PromptError:
    if isinstance(error, PromptError):
        return error
    if isinstance(error, (RecursionError, MemoryError)):
        return TemplateLimit("The template calls itself without end.", hint="Give the macro a condition that ends it.")
    if "'str object' has no attribute" in str(error):
        hint = "The value is a text. Declare the input as `kind: array` or `object`, and its JSON is read."
        return PromptError(_sentence(error), hint=hint)
    return PromptError(_sentence(error), hint="Correct the Jinja there.")


def _sentence(error: Exception) -> str:
    return f"{(str(error) or type(error).__name__).rstrip('.')}."


def _placed(error: PromptError, name: str, line: int) -> PromptError:
    """Returns the error with the `name` of its message, and the `line` in that message (0: unknown), in its text."""
    place = f"In the {name}" if name.endswith(" message") else f"In {name}"
    return type(error)(f"{place}{f', line {line}' if line else ''}: {error.message}", hint=error.hint, line=line)


def _line(template: Template, trace: TracebackType | None) -> int:
    """Returns the line of the template at which rendering failed, from the error's traceback; 0 if unknown."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_globals.get("__jinja_template__") is template:
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line
