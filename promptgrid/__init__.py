"""Promptgrid, a prompt engineering workbench: `from promptgrid import plan, run`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptgrid.api import load, plan, run
    from promptgrid.endpoint import Reply, Request
    from promptgrid.errors import PromptgridError
    from promptgrid.grid import Plan
    from promptgrid.prompt import Example, Message, Parameters, Prompt

__all__ = ["Example", "Message", "Parameters", "Plan", "Prompt", "PromptgridError", "Reply", "Request"]
__all__ += ["load", "plan", "run"]

# Loaded on first use, so that `promptgrid --help` imports only click.
_HOME = {
    "Example": "prompt",
    "Message": "prompt",
    "Parameters": "prompt",
    "Plan": "grid",
    "Prompt": "prompt",
    "PromptgridError": "errors",
    "Reply": "endpoint",
    "Request": "endpoint",
    "load": "api",
    "plan": "api",
    "run": "api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
