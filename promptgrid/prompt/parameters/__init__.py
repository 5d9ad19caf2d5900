"""The sampling parameters: one class that prompts, plans and requests share, and one table that describes them."""

from promptgrid.prompt.parameters.spec import DEFAULT, ParameterSpec, Value
from promptgrid.prompt.parameters.table import (
    AXIS_COLUMNS,
    AXIS_SPECS,
    EXAMPLE_PARAMETERS,
    PARAMETER_COLUMNS,
    RETRIEVAL_PARAMETERS,
    SPECS,
    TOOL_PARAMETERS,
)
from promptgrid.prompt.parameters.values import NAMES, Parameters, parameters_from

__all__ = [
    "AXIS_COLUMNS",
    "AXIS_SPECS",
    "DEFAULT",
    "EXAMPLE_PARAMETERS",
    "NAMES",
    "PARAMETER_COLUMNS",
    "RETRIEVAL_PARAMETERS",
    "SPECS",
    "TOOL_PARAMETERS",
    "ParameterSpec",
    "Parameters",
    "Value",
    "parameters_from",
]
