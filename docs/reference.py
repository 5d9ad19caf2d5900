"""Writes docs/reference/*.md: the command line from its own help, the Python library from signatures and docstrings.

`make reference` runs it; tests/test_reference.py fails when the files are not what it writes.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click

import promptgrid
from promptgrid.cli import main

FOLDER = Path(__file__).parent / "reference"
WIDTH = 100
PACKAGES = ("prompt", "grid", "endpoint", "grading", "store", "compare", "stats", "export", "tokens")
"""Those of the engine that are of use from outside, beside the names of `promptgrid` itself."""

VERBATIM = re.compile(r"^>>>|\S {2,}\S")
HEAD = "<!-- Written by docs/reference.py: run `make reference` after a change. -->"


class Plain(str):
    """A text that stands in a signature as it is, without quotes."""

    __repr__ = str.__str__


def pages() -> dict[str, str]:
    """By file name, what the reference says."""
    parts = {"command-line.md": command_line(), "python.md": library()}
    return {name: "\n\n".join([HEAD, *blocks]) + "\n" for name, blocks in parts.items()}


def command_line() -> Iterator[str]:
    """Every command with its own help text."""
    yield "# Reference: the command line"
    yield "What `promptgrid COMMAND --help` says."
    for context in commands(click.Context(main, info_name="promptgrid", max_content_width=WIDTH)):
        context.terminal_width = WIDTH
        yield f"## {context.command_path}"
        yield fenced("text", context.command.get_help(context).strip())


def commands(context: click.Context) -> Iterator[click.Context]:
    """The command of the context, and those below it."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            if command := context.command.get_command(context, name):
                yield from commands(click.Context(command, info_name=name, parent=context, max_content_width=WIDTH))


def library() -> Iterator[str]:
    """Every public name with its signature and docstring, under the first package that lists it."""
    yield "# Reference: the Python library"
    seen: set[int] = set()
    for package in [promptgrid, *(importlib.import_module(f"promptgrid.{name}") for name in PACKAGES)]:
        yield f"## {package.__name__}"
        yield described(package)
        for name in sorted(public_names(package), key=lambda name: (name.lower(), name)):
            value = getattr(package, name)
            if id(value) not in seen and not isinstance(value, ModuleType):
                yield f"### {name}"
                yield from entry(name, value)
            seen.add(id(value))


def public_names(package: ModuleType) -> list[str]:
    """Its `__all__`, else all that its `__init__` imports."""
    return getattr(package, "__all__", None) or [name for name in vars(package) if not name.startswith("_")]


def entry(name: str, value: Any) -> Iterator[str]:
    """What is said of one name."""
    if inspect.isclass(value) and value.__module__ == "builtins":
        yield fenced("python", f"{name} = {value.__name__}")
    elif inspect.isclass(value):
        yield fenced("python", f"class {name}{arguments(value)}")
        yield described(value)
        yield from methods(value)
    elif inspect.isfunction(value):
        yield fenced("python", function(name, value))
        yield described(value)
    elif getattr(value, "__module__", "") == "typing":
        yield fenced("python", f"{name} = {value}".replace("typing.", ""))
    else:
        yield f"A constant, of type `{type(value).__name__}`."


def methods(value: type) -> Iterator[str]:
    """The public methods and properties that the class defines itself and says something about."""
    lines = []
    for name, member in vars(value).items():
        target = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if name.startswith("_") or not (inspect.isfunction(target) and target.__doc__):
            continue
        head = name if isinstance(member, property) else f"{name}{arguments(target)}"
        lines.append(f"- `{' '.join(head.split())}`: {' '.join(described(target).split())}")
    if lines:
        yield "\n".join(lines)


def function(name: str, value: Any) -> str:
    """The line that defines it, broken where it is long."""
    word = "async def" if inspect.iscoroutinefunction(value) else "def"
    returned = inspect.signature(value).return_annotation
    return f"{word} {name}{arguments(value)}" + ("" if returned is inspect.Signature.empty else f" -> {returned}")


def arguments(value: Any) -> str:
    """The parameters in parentheses; one a line where they are long, none where the class does not say."""
    if inspect.isclass(value) and (issubclass(value, Exception) or getattr(value, "_is_protocol", False)):
        return ""
    names = list(parameters(value))
    line = f"({', '.join(names)})"
    return line if len(line) < WIDTH else "(\n" + "".join(f"    {name},\n" for name in names) + ")"


def parameters(value: Any) -> Iterator[str]:
    """Each parameter with its annotation and default as they are written; `*` before those that go by name only."""
    star = False
    for parameter in inspect.signature(value).parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            yield "*"
        star = star or parameter.kind in (parameter.VAR_POSITIONAL, parameter.KEYWORD_ONLY)
        if isinstance(parameter.annotation, str):
            parameter = parameter.replace(annotation=Plain(parameter.annotation))
        if "<" in repr(parameter.default) or " object at " in repr(parameter.default):
            parameter = parameter if parameter.default is parameter.empty else parameter.replace(default=Plain("…"))
        yield str(parameter)


def described(value: Any) -> str:
    """The docstring. Examples and tables stand between fences: Markdown would read `>>>` as a quotation, and run
    the lines of a table together."""
    paragraphs = (inspect.getdoc(value) or "").split("\n\n")
    return "\n\n".join(fenced("text", one) if VERBATIM.search(one) else one for one in paragraphs)


def fenced(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text}\n```"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file_name, text in pages().items():
        (FOLDER / file_name).write_text(text, encoding="utf-8")
