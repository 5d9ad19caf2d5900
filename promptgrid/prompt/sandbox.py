"""Jinja2, limited in access and in work: a template can neither reach Python nor run or grow without end.

Jinja's own sandbox limits access only. Here every value that a template can make is plain data that has been weighed:
loops, `~`, literals and slices are rewritten to spend from the budget, operators and calls are intercepted, and only
the filters and methods in bounds.py are allowed, each with a limit that is known before it runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import BuiltinMethodType
from typing import Any

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.exceptions import TemplateSyntaxError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.visitor import NodeTransformer

from promptgrid.errors import TemplateLimit
from promptgrid.prompt import bounds
from promptgrid.prompt.bounds import settled, spend, weigh

# Filter names that a template cannot write, since they contain a space.
EACH, JOINED, SETTLED = "each item", "joined texts", "settled value"


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """The Jinja environment of prompts. Renders as prompty does (no escaping, trailing newline kept); every operation
    spends from the budget that `bounds.budget` opens."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "**", "%"})

    def __init__(self) -> None:
        # Constant folding would do the work while compiling, when nothing is counted.
        super().__init__(undefined=StrictUndefined, optimized=False, keep_trailing_newline=True, finalize=_printed)
        self.globals = {name: self.globals[name] for name in ("dict", "joiner", "namespace")}
        self.globals["range"] = bounds.bounded_range
        self.filters = bounds.filters(self.filters)
        self.filters.update({EACH: _each, JOINED: _joined, SETTLED: settled})

    def bounded_ast(self, source: str) -> nodes.Template:
        """Returns the syntax tree of the template `source`, changed so that loops, `~`, literals and slices spend from
        the budget."""
        tree: nodes.Template = _Bounded().visit(self.parse(source))
        return tree

    def checked_ast(self, source: str) -> nodes.Template:
        """Returns the syntax tree of the template `source`. Raises TemplateLimit if its blocks are nested too deeply:
        the time to compile them grows with the cube of the depth."""
        tree = self.parse(source)
        left: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
        while left:
            node, blocks, loops = left.pop()
            blocks += isinstance(node, nodes.Stmt)
            loops += isinstance(node, nodes.For)
            if blocks > bounds.MAX_BLOCKS or loops > bounds.MAX_LOOPS:
                raise TemplateLimit(
                    f"More than {bounds.MAX_BLOCKS} blocks or {bounds.MAX_LOOPS} loops stand inside one another.",
                    hint=bounds.HINT,
                )
            left += [(child, blocks, loops) for child in node.iter_child_nodes()]
        return tree

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        for kind, allowed in bounds.METHODS.items():
            if isinstance(obj, kind):
                return attr in allowed
        return super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        bounds.check_operator(operator, left, right)
        return settled(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        spend(0)
        if isinstance(__obj, BuiltinMethodType) and isinstance(__obj.__self__, str):
            bounds.check_method(__obj.__self__, __obj.__name__, (*args, *kwargs.values()))
        return settled(super().call(__context, __obj, *args, **kwargs))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        if super().wrap_str_format(value) is None:
            return None
        text: str = value.__self__
        if value.__name__ == "format_map":
            return lambda mapping: self._formatted(text, (), mapping)
        return lambda *args, **kwargs: self._formatted(text, args, kwargs)

    def _formatted(self, text: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        weigh([*args, *kwargs.values()])
        return _BoundedFormatter(self).vformat(text, args, kwargs)


class _BoundedFormatter(SandboxedFormatter):
    """`str.format` for templates: refuses widths of five digits or more, and each field spends from the budget."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if re.search(r"\d{5,}", format_spec):
            raise TemplateLimit(f"The format {format_spec[:40]!r} asks for too many characters.")
        text: str = super().format_field(value, format_spec)
        spend(len(text))
        return text


@pass_context
def _printed(_context: Context, value: Any) -> Any:
    """Returns what `{{ value }}` prints, after spending it from the budget. It takes a context, which is not used, so
    that Jinja calls it while rendering and never while compiling."""
    if isinstance(value, str):
        spend(len(value))
        return value
    if isinstance(value, StrictUndefined):
        return value
    weigh(value)
    text = str(value)
    spend(len(text))
    return text


def _each(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        spend(0)
        yield item


def _joined(parts: list[Any]) -> Any:
    weigh(parts)
    return settled("".join(map(str, parts)))


class _Bounded(NodeTransformer):
    """Changes a template's syntax tree so that loops, `~`, literals and slices pass through filters that spend from the
    budget. Raises TemplateSyntaxError for tags that a prompt cannot use."""

    def __init__(self) -> None:
        self.repeats = 0

    def visit_For(self, node: nodes.For) -> nodes.Node:
        if node.recursive:
            raise TemplateSyntaxError("A loop cannot be recursive here", node.lineno)
        self._repeated(node)
        node.iter = _through(EACH, node.iter)
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        """Makes text in the body of a loop or a macro spend from the budget like a value, since it may be printed many
        times."""
        self.generic_visit(node)
        if self.repeats:
            node.nodes = [
                nodes.Const(part.data, lineno=part.lineno) if isinstance(part, nodes.TemplateData) else part
                for part in node.nodes
            ]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _through(JOINED, nodes.List(node.nodes, lineno=node.lineno))

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        return _through(SETTLED, node) if isinstance(node.arg, nodes.Slice) else node

    def visit_List(self, node: nodes.List | nodes.Dict) -> nodes.Node:
        self.generic_visit(node)
        return _through(SETTLED, node)

    visit_Dict = visit_List

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return _through(SETTLED, node) if node.ctx == "load" else node

    def _repeated(self, node: nodes.Node) -> nodes.Node:
        self.repeats += 1
        self.generic_visit(node)
        self.repeats -= 1
        return node

    visit_Macro = visit_CallBlock = _repeated

    def _refused(self, node: nodes.Node) -> nodes.Node:
        tag = {"FromImport": "from"}.get(type(node).__name__, type(node).__name__.lower())
        raise TemplateSyntaxError(f"A prompt has no other templates, so the tag {tag!r} has no use here", node.lineno)

    visit_Include = visit_Import = visit_FromImport = visit_Extends = visit_Block = _refused


def _through(name: str, node: nodes.Node) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
