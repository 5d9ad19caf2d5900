"""The prompt and its parts, rendering, and the .prompty text format. Pure: no files, no network."""

from promptgrid.prompt.history import expanded
from promptgrid.prompt.model import EMPTY, AnswerKind, AnswerRule, Api, Example, Input, Message, Prompt, Role
from promptgrid.prompt.parameters import Parameters, parameters_from
from promptgrid.prompt.prompty_reader import loads
from promptgrid.prompt.prompty_writer import dumps
from promptgrid.prompt.sections import check_messages
from promptgrid.prompt.template import Variable, render, variables
from promptgrid.prompt.tools import MockResult, Tool, ToolCall
