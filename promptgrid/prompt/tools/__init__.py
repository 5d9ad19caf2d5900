"""The tools that a prompt offers to a model, and the model's calls of them."""

from promptgrid.prompt.tools.tool import (
    NO_PARAMETERS,
    TOOL_ROUNDS,
    MockResult,
    NearestWords,
    Tool,
    ToolCall,
    calls_from,
    calls_json,
    nearest_fields,
    tool_fields,
    tools_from,
)

__all__ = [
    "NO_PARAMETERS",
    "TOOL_ROUNDS",
    "MockResult",
    "NearestWords",
    "Tool",
    "ToolCall",
    "calls_from",
    "calls_json",
    "nearest_fields",
    "tool_fields",
    "tools_from",
]
