"""The rules of a training file, row by row: what each dialect demands of messages, preferences and judgements."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from promptgrid.tuning.dialects import Dialect, Method

_FORMS: Mapping[Method, Sequence[tuple[frozenset[str], bool]]] = {
    # the keys of a row by method, and whether it is the form of OpenAI (True) or of TRL
    "sft": ((frozenset({"messages"}), True), (frozenset({"prompt", "completion"}), False)),
    "dpo": (
        (frozenset({"input", "preferred_output", "non_preferred_output"}), True),
        (frozenset({"prompt", "chosen", "rejected"}), False),
    ),
    "kto": ((frozenset({"prompt", "completion", "label"}), False),),
}
_ROLES = ("system", "user", "assistant", "tool", "developer")
_FIELDS = {"role", "content", "name", "weight", "tool_calls", "tool_call_id", "reasoning_content", "thinking"}
_STRICT = ("openai", "azure")


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken rule: `rule` is the same text for all rows that break it, `detail` says what stands in this row. With
    `grave`, the trainer refuses the file or learns something else than is meant."""

    rule: str
    detail: str = ""
    grave: bool = True


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A row that was understood: the messages before the reply, the reply, and for a preference the `rejected` reply.
    `problems` are the broken rules; a row whose form is not understood has only these, and `method` None."""

    method: Method | None
    messages: Sequence[Mapping[str, Any]] = ()
    reply: str = ""
    rejected: str | None = None
    label: bool | None = None
    tools: Sequence[Any] = ()
    problems: Sequence[Problem] = ()


def read_row(row: Mapping[str, Any], dialect: Dialect) -> TrainingRow:
    """Reads a row of a training file and lists the rules of the dialect that it breaks. Never raises."""
    forms = [(method, keys, chat) for method, all_ in _FORMS.items() for keys, chat in all_ if keys <= row.keys()]
    forms = [form for form in forms if not any(form[1] < other[1] for other in forms)]  # a KTO row is no SFT row
    if not forms:
        return TrainingRow(None, problems=[Problem("no form of example", f"its keys are {', '.join(row) or 'none'}")])
    if len(forms) > 1:
        both = " and ".join(sorted({"/".join(sorted(keys)) for _, keys, _ in forms}))
        return TrainingRow(None, problems=[Problem("two forms in one row", both)])
    method, keys, chat = forms[0]
    problems: list[Problem] = []
    if method not in dialect.methods or (
        chat != dialect.chat_pairs and not (dialect.name == "trl" and method == "sft")
    ):
        problems.append(Problem(f"not a form of {dialect.name}", "/".join(sorted(keys))))
    reader = _chat_row if method == "sft" and chat else _reply_row
    return reader(row, method, dialect, problems)


def _chat_row(row: Mapping[str, Any], method: Method, dialect: Dialect, problems: list[Problem]) -> TrainingRow:
    messages, tools = _listed(row["messages"], "messages", problems), _tools(row, dialect, problems)
    problems += _message_problems(messages, dialect, tools)
    last = messages[-1] if messages else {}
    if messages and last.get("role") != "assistant":
        problems.append(Problem("the last message is not the assistant's", f"it is of the role {last.get('role')!r}"))
    weights = [message.get("weight", 1) for message in messages if message.get("role") == "assistant"]
    if weights and not any(weights):
        problems.append(Problem("nothing to learn: every assistant message has the weight 0"))
    reply = last.get("content") or json.dumps(last.get("tool_calls", ""), sort_keys=True, default=str)
    return TrainingRow(method, messages[:-1], str(reply), tools=tools, problems=problems)


def _reply_row(row: Mapping[str, Any], method: Method, dialect: Dialect, problems: list[Problem]) -> TrainingRow:
    """Reads a row that has its prompt and its replies under keys of their own."""
    before: Any = row.get("prompt")
    if "input" in row:
        before = row["input"].get("messages") if isinstance(row["input"], Mapping) else None
        tools = _tools(row["input"], dialect, problems) if isinstance(row["input"], Mapping) else ()
    else:
        tools = _tools(row, dialect, problems)
    messages = [{"role": "user", "content": before}] if isinstance(before, str) else _listed(before, "prompt", problems)
    problems += _message_problems(messages, dialect, tools)
    if messages and messages[-1].get("role") == "assistant":
        problems.append(Problem("the prompt ends with a message of the assistant"))
    names = {"dpo": (("preferred_output", "non_preferred_output") if "input" in row else ("chosen", "rejected"))}
    replies = [_one_turn(row[name], name, dialect, problems) for name in names.get(method, ("completion",))]
    if len(replies) == 2 and replies[0] == replies[1]:
        problems.append(Problem("the preferred reply is the rejected one"))
    label = row.get("label")
    if method == "kto" and not isinstance(label, bool):
        problems.append(Problem("the label is neither true nor false", repr(label)[:40]))
    rejected = replies[1] if len(replies) == 2 else None
    return TrainingRow(method, messages, replies[0], rejected, label is True, tools, problems)


def _listed(value: Any, name: str, problems: list[Problem]) -> list[Mapping[str, Any]]:
    """Returns the objects of a list of messages; what is none is a problem."""
    if not isinstance(value, list) or not value:
        problems.append(Problem("no list of messages", f"{name} is {str(value)[:40] or 'empty'}"))
        return []
    if any(not isinstance(message, Mapping) for message in value):
        problems.append(Problem("a message is no object", name))
    return [message for message in value if isinstance(message, Mapping)]


def _one_turn(value: Any, name: str, dialect: Dialect, problems: list[Problem]) -> str:
    """Returns the text of a reply, which has to be one message of the assistant, or in TRL's form a text."""
    if isinstance(value, str) and not dialect.chat_pairs:
        if not value.strip():
            problems.append(Problem("an empty reply", name))
        return value
    messages = _listed(value, name, problems)
    if len(messages) > 1:
        problems.append(Problem("more than one turn in a reply", f"{name} has {len(messages)} messages"))
    for message in messages:
        if message.get("role") not in ("assistant", "tool"):
            problems.append(Problem("a reply that is not the assistant's", f"{name}: {message.get('role')!r}"))
        problems += _content_problems(message, dialect)
    return str(messages[0].get("content") or "") if messages else ""


def _message_problems(
    messages: Sequence[Mapping[str, Any]], dialect: Dialect, tools: Sequence[Any]
) -> Iterator[Problem]:
    roles = [message.get("role") for message in messages]
    for place, (role, message) in enumerate(zip(roles, messages, strict=True)):
        if role not in _ROLES or (role == "developer" and dialect.name not in _STRICT):
            yield Problem("an unknown role", repr(role)[:40])
        elif role == "tool" and not dialect.tools:
            yield Problem(f"{dialect.name} takes no messages of tools")
        elif role in ("system", "developer") and place:
            yield Problem("a system message that is not the first", f"it is message {place + 1}")
        yield from _content_problems(message, dialect)
    if messages and "user" not in roles:
        yield Problem("no message of the user")
    talk = [role for role in roles if role in ("user", "assistant")]
    if talk[:1] == ["assistant"]:
        yield Problem("the assistant speaks first", grave=dialect.alternating)
    if any(one == other for one, other in pairwise(talk)) and "tool" not in roles:
        yield Problem("user and assistant do not take turns", grave=dialect.alternating)
    yield from _call_problems(messages, tools)


def _content_problems(message: Mapping[str, Any], dialect: Dialect) -> Iterator[Problem]:
    content, role = message.get("content"), message.get("role")
    calls = role == "assistant" and message.get("tool_calls")
    if content is None and not calls:
        yield Problem("a message without content", f"of the role {role!r}")
    elif not isinstance(content, str | list | None):
        yield Problem("content that is no text", repr(content)[:40])
    elif isinstance(content, str) and not content.strip() and not calls:
        yield Problem("an empty message", f"of the role {role!r}")
    if extra := sorted(str(key) for key in message.keys() - _FIELDS):
        yield Problem("an unknown field in a message", ", ".join(extra)[:60], grave=dialect.name in _STRICT)
    if "weight" in message:
        weight = message["weight"]
        if isinstance(weight, bool) or weight not in (0, 1):
            yield Problem("a weight that is neither 0 nor 1", repr(weight)[:40])
        elif role != "assistant" and dialect.name in _STRICT:
            yield Problem("a weight on a message that is not the assistant's", f"of the role {role!r}")


def _call_problems(messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> Iterator[Problem]:
    """Each call names a tool of the row, has arguments in JSON, and is followed by its result."""
    names = {tool["function"]["name"] for tool in tools}
    open_calls: dict[str, str] = {}
    for message in messages:
        for call in message.get("tool_calls") or () if isinstance(message.get("tool_calls"), list | None) else ():
            function = call.get("function") if isinstance(call, Mapping) else None
            if not isinstance(function, Mapping) or not isinstance(call.get("id"), str):
                yield Problem("a call of a tool without id or function", str(call)[:40])
                continue
            open_calls[call["id"]] = str(function.get("name"))
            if function.get("name") not in names:
                yield Problem("a call of a tool that the row does not define", repr(function.get("name"))[:40])
            if not _is_object(function.get("arguments")):
                yield Problem("arguments of a call that are no JSON object", repr(function.get("arguments"))[:40])
        if message.get("role") == "tool" and open_calls.pop(str(message.get("tool_call_id")), None) is None:
            yield Problem("a tool's result without its call", repr(message.get("tool_call_id"))[:40])
    if open_calls and messages[-1].get("role") != "assistant":
        yield Problem("a call of a tool without its result", ", ".join(open_calls.values())[:40])


def _tools(row: Mapping[str, Any], dialect: Dialect, problems: list[Problem]) -> Sequence[Any]:
    """Returns the well-formed tool definitions of a row; what is none is a problem."""
    tools = row.get("tools") or ()
    if not isinstance(tools, list | tuple):
        problems.append(Problem("tools that are no list", str(tools)[:40]))
        return ()
    if tools and not dialect.tools:
        problems.append(Problem(f"{dialect.name} takes no tools"))
    whole = [tool for tool in tools if _is_tool(tool)]
    if len(whole) < len(tools):
        problems.append(Problem("a tool without name or parameters"))
    return whole


def _is_tool(tool: Any) -> bool:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        return False
    return isinstance(function.get("parameters", {}), Mapping)


def _is_object(text: Any) -> bool:
    try:
        return isinstance(text, str) and isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
