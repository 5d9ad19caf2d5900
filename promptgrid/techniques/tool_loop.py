"""The loop of a prompt with tools: the model calls, gets mock results, and calls again or answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from promptgrid.prompt import EMPTY, Message, MockResult, Parameters, Prompt, Tool, ToolCall
from promptgrid.prompt.tools.arguments import read_arguments
from promptgrid.prompt.tools.protocol import CHOICES
from promptgrid.techniques.steps import Ask, ComputeNearest, Done, StepReply, Steps, Task, not_computed
from promptgrid.techniques.turns import Turn
from promptgrid.text import cut, value_text

_QUOTED = 200  # characters of a model's text in a sentence


@dataclass(frozen=True, slots=True)
class CallResult:
    """What becomes of a call: the text that is sent back to the model for it, and the `problem` in a word or two, such
    as `unknown tool` ("": none)."""

    text: str
    problem: str = ""


_SECOND = CallResult(
    "Error: call one tool at a time. This call was not carried out.", "a second call where one is allowed"
)


def with_tools(turns: Sequence[Turn], task: Task) -> Steps:
    """The steps of a technique of one call (`turns`) for a prompt with tools. A reply that calls tools is answered with
    their mock results, and the model is asked again, at most `Prompt.tool_rounds` times. A call that cannot be carried
    out has a result that says why. The last reply is the output, even if it calls."""
    tools, notes = task.prompt.tools, list[str]()
    (reply,) = yield (Ask("answer", tuple(turns), tools=tools),)
    if not reply.tool_calls and _changes(task):
        notes.append(f"the tool choice {task.parameters.tool_choice} was not honoured: the reply calls no tool")
    for number in range(1, task.prompt.tool_rounds + 1):
        if not reply.tool_calls:
            break
        results = call_results(task, reply.tool_calls)
        problems = [f"{call.name or 'call'}: {one.problem}"
                    for call, one in zip(reply.tool_calls, results, strict=True) if one.problem]  # fmt: skip
        notes += [f"step {reply.call.ask.step}, {cut(text, _QUOTED)}" for text in problems]
        turns = (*turns, *_answered(reply, results))
        (reply,) = yield (Ask(f"after call {number}", turns, _changes(task), tools=tools),)
    if reply.tool_calls and task.prompt.tool_rounds:
        notes.append(f"the model still calls tools after {task.prompt.tool_rounds} rounds, the most that are made")
    return Done(reply, "; ".join(notes))


def _changes(task: Task) -> Mapping[str, Any]:
    """Returns the changed parameters of the calls after the first: a call that was required is required once, since the
    model could never answer otherwise."""
    choice = task.parameters.tool_choice
    return EMPTY if choice in (None, "auto", "none") else {"tool_choice": "auto"}


def _answered(reply: StepReply, results: Sequence[CallResult]) -> tuple[Turn, ...]:
    """Returns the reply and the results of its calls as turns. Arguments that are no JSON object are left out, since
    many servers refuse a request with them; the result quotes them."""
    calls = tuple(
        replace(call, arguments="{}") if read_arguments(call.arguments).problem else call for call in reply.tool_calls
    )
    called = Turn(Message("assistant", reply.text, calls), "history")
    given = (Message("tool", one.text, tool_call_id=call.id) for call, one in zip(calls, results, strict=True))
    return (called, *(Turn(message, "history") for message in given))


def call_results(task: Task, calls: Sequence[ToolCall]) -> list[CallResult]:
    """Returns for each call of a reply its mock result, or the reason why it has none."""
    carried_out = calls[:1] if task.parameters.parallel_tool_calls == "no" else calls
    return [*(_result(task, call) for call in carried_out), *[_SECOND] * (len(calls) - len(carried_out))]


def _result(task: Task, call: ToolCall) -> CallResult:
    tools = {tool.name: tool for tool in task.prompt.tools}
    tool = tools.get(call.name)
    if tool is None:
        text = f"Error: there is no tool {cut(call.name, _QUOTED)!r}. The tools are {', '.join(tools)}."
        return CallResult(text, "unknown tool")
    arguments = read_arguments(call.arguments)
    if arguments.problem:
        return CallResult(f"Error: {arguments.problem}.", "arguments that are no JSON object")
    result = mock_result(tool, arguments.values, task.values, task.nearest)
    return CallResult(result) if result is not None else CallResult("Error: no result.", "no mock result fits the call")


def mock_result(
    tool: Tool, arguments: Mapping[str, Any], values: Mapping[str, Any], nearest: ComputeNearest = not_computed
) -> str | None:
    """Returns the text of the tool's first result that fits a call with these arguments, in a case with these values of
    its columns; None if none fits. A result by a column fits where the case has a value in it, one that is computed
    where its embedder is there."""
    for result in tool.results:
        if not all(name in arguments and _equal(value, arguments[name]) for name, value in result.when.items()):
            continue
        text = nearest(result.nearest, arguments) if result.nearest else _result_text(result, values)
        if text is not None and (text or not result.column):
            return text
    return None


def result_lengths(tools: Sequence[Tool], values: Mapping[str, Any]) -> list[int]:
    """Returns for each tool the length in bytes of its longest result in a case with these values of its columns."""
    return [max((len(_result_text(result, values).encode("utf-8", "replace")) for result in tool.results), default=0)
            for tool in tools]  # fmt: skip


def _result_text(result: MockResult, values: Mapping[str, Any]) -> str:
    """Returns the text of a result, or the longest that it may have if it is computed."""
    if result.nearest:
        return ", ".join(sorted(result.nearest.words, key=len, reverse=True)[: result.nearest.count])
    return value_text(values.get(result.column, "")) if result.column else result.text


def _equal(one: Any, other: Any) -> bool:
    """Tells whether two JSON values are equal. Unlike in Python, true is not 1, also inside lists and objects."""
    return json.dumps(one, sort_keys=True, default=str) == json.dumps(other, sort_keys=True, default=str) or (
        isinstance(one, (int, float))
        and isinstance(other, (int, float))
        and isinstance(one, bool) == isinstance(other, bool)
        and one == other
    )


def unavailable_tools(prompt: Prompt, is_one_call: bool) -> str:
    """Returns the reason why the tools of the prompt cannot be offered; "" if they can or if it has none.
    `is_one_call`: the technique makes a single call."""
    if not prompt.tools:
        return ""
    if prompt.api == "completion":
        return "a plain continuation cannot call the prompt's tools"
    return "" if is_one_call else "the prompt has tools, which go with techniques of one call only"


def missing_tools(tools: Sequence[Tool], parameters: Parameters) -> str:
    """Returns the reason why a request that offers these tools cannot have the parameters on calls of tools; "" if it
    can."""
    names = {tool.name for tool in tools}
    if not names and not (parameters.extra_body or {}).get("tools"):
        return "the prompt has no tools"
    choice = parameters.tool_choice
    is_named = choice is not None and choice not in CHOICES
    return f"the prompt has no tool {choice}" if names and is_named and choice not in names else ""
