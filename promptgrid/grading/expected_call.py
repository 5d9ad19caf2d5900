"""A call of a tool as a case expects it, and the differences between it and a call of the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from promptgrid.grading.argument_values import STRICT, Leniency, Members, Mismatch, written_name
from promptgrid.grading.subject import short
from promptgrid.prompt import ToolCall
from promptgrid.prompt.tools.arguments import read_arguments

OTHER_TOOL, BAD_ARGUMENTS = "other tool", "bad arguments"


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """A call that a case expects; `arguments` None allows any arguments."""

    name: str
    arguments: Members | None = None

    def mismatches(self, call: ToolCall, leniency: Leniency = STRICT) -> Iterator[Mismatch]:
        """Yields each difference between a call and this one; of another tool, only that. Raises Unscorable."""
        if call.name != self.name:
            yield Mismatch(OTHER_TOOL, f"{short(call.name)} is called, expected {short(str(self))}")
            return
        arguments = read_arguments(call.arguments)
        if arguments.problem:
            yield Mismatch(BAD_ARGUMENTS, f"{short(call.name)}: {arguments.problem}")
        elif self.arguments is not None:
            for status, text in self.arguments.mismatches(arguments.values, "", leniency):
                yield Mismatch(status, f"{short(call.name)}: {text}")

    def __str__(self) -> str:
        name = written_name(self.name)
        return name if self.arguments is None else f"{name}({self.arguments.written('=', written_name)})"
