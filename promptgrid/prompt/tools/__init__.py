"""The tools that a prompt offers to a model, and the model's calls of them."""

from promptgrid.prompt.tools.tool import (
    NO_PARAMETERS,
    TOOL_ROUNDS,
    MockResult,
    Tool,
    ToolCall,
    calls_from,
    calls_json,
    tool_fields,
    tools_from,
)

__all__ = [
    "NO_PARAMETERS",
    "TOOL_ROUNDS",
    "MockResult",
    "Tool",
    "ToolCall",
    "calls_from",
    "calls_json",
    "tool_fields",
    "tools_from",
]
