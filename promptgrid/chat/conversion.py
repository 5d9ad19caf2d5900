"""Converts a conversation to a prompt, a case, Markdown or JSON, and a prompt to a conversation. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

from promptgrid import techniques
from promptgrid.cases.table import EXPECTED, Case, Cases, cases_csv
from promptgrid.chat.retrieval import Retrieved, retrieved_json
from promptgrid.errors import PromptError
from promptgrid.prompt import Example, Input, Message, Prompt
from promptgrid.techniques import Turn

QUESTION = "question"
As = Literal["messages", "examples"]

RetrievedByMessage = Mapping[int, Retrieved]
"""What was found for the replies, by the index of the reply among the messages."""

_NOTHING: Mapping[int, Any] = {}
_GAP = "\n\n"
_JINJA = re.compile(r"\{[{%#]")
_END_OF_RAW = re.compile(r"\{%-?\s*endraw")


def opening(prompt: Prompt) -> tuple[list[Turn], str]:
    """Returns the turns of the prompt before its last user turn, and the text of that turn ("" if there is none).

    Variables are filled with their examples. The text becomes the draft of the next turn. Raises PromptError.
    """
    turns = techniques.build_turns(prompt, prompt.example_values, "zero-shot")
    last = max((at for at, turn in enumerate(turns) if turn.message.role == "user"), default=len(turns))
    return turns[:last], turns[last].message.text if last < len(turns) else ""


def as_prompt(messages: Sequence[Message], name: str, how: As) -> Prompt:
    """Returns a prompt made of the conversation: its last user turn is replaced by the variable `question`, and later
    turns are left out.

    With `how` "messages" the earlier turns become messages of the prompt. With "examples" each user turn and its reply
    become an example, and only system messages stay. Raises PromptError if there is no user turn.
    """
    last = _last_user_turn(messages)
    question = Input(QUESTION, example=messages[last].text)
    user_turn = Message("user", f"{{{{ {QUESTION} }}}}")
    before = [Message(message.role, _literal(message.text)) for message in messages[:last]]
    if how == "messages":
        return Prompt(name, (*before, user_turn), inputs=(question,))
    pairs = [(a, b) for a, b in pairwise(messages[:last]) if (a.role, b.role) == ("user", "assistant")]
    examples = tuple(Example({QUESTION: user.text}, reply.text) for user, reply in pairs)
    system = tuple(message for message in before if message.role == "system")
    return Prompt(name, (*system, user_turn), inputs=(question,), examples=examples)


def with_case(messages: Sequence[Message], table: Cases | None = None) -> str:
    """Returns the table (None: an empty one) as CSV with one more row: the last user turn, with the reply to it as
    `expected`.

    The user turn goes into the column `question`, else into the first column that is neither id nor expected. Raises
    PromptError if there is no user turn.
    """
    last = _last_user_turn(messages)
    after = messages[last + 1 :]
    rows = table.cases if table else ()
    columns = table.columns if table else (QUESTION,)
    ids = [column for column in columns if column.casefold() in ("id", "case_id")]
    texts = [column for column in columns if column not in (*ids, EXPECTED)]
    column = QUESTION if QUESTION in texts or not texts else texts[0]
    inputs = {**dict.fromkeys(ids, f"chat-{len(rows) + 1}"), column: messages[last].text}
    case = Case(f"chat-{len(rows) + 1}", inputs, after[0].text if after else None)
    return cases_csv([*rows, case], list(dict.fromkeys([*columns, column, EXPECTED])))


def as_markdown(name: str, messages: Sequence[Message], retrieved: RetrievedByMessage = _NOTHING) -> str:
    """Returns the conversation as Markdown under the heading `name`; below a reply stand the chunks that were found for
    it. Each text stands in a code fence, so that Markdown in it is shown as plain text."""
    parts = [f"# {' '.join(name.split())}"]
    for at, message in enumerate(messages):
        parts.append(f"**{message.role}**\n\n{_fenced(message.text)}")
        chunks = retrieved[at].chunks if at in retrieved else ()
        for number, chunk in enumerate(chunks, 1):
            heading = f"**chunk {number}**" if chunk.sent else f"**chunk {number}** (not sent)"
            parts.append(f"{heading}\n\n{_fenced(chunk.place + _GAP + chunk.text)}")
    return "\n\n".join(parts) + "\n"


def as_json(
    name: str,
    settings: Mapping[str, Any],
    by_variant: Mapping[int, Sequence[Message]],
    retrieved: Mapping[int, RetrievedByMessage] = _NOTHING,
) -> str:
    """Returns JSON in the format of the OpenAI protocol with the conversation's name, its settings, and the messages of
    each variant; `by_variant` maps a variant's id to its messages, and `retrieved` to what was found for its replies,
    which stands under `retrieved` by the index of the reply."""
    conversations = {
        str(number): [{"role": message.role, "content": message.text} for message in messages]
        for number, messages in by_variant.items()
    }
    chunks = {
        str(number): {str(at): retrieved_json(one) for at, one in by_message.items()}
        for number, by_message in retrieved.items()
        if by_message
    }
    whole = {"name": name, "settings": dict(settings), "messages": conversations}
    return json.dumps(whole | ({"retrieved": chunks} if chunks else {}), ensure_ascii=False, indent=2)


def _fenced(text: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _last_user_turn(messages: Sequence[Message]) -> int:
    for at in reversed(range(len(messages))):
        if messages[at].role == "user":
            return at
    raise PromptError("There is no user turn in this conversation.", hint="A question is needed: write one.")


def _literal(text: str) -> str:
    """Returns a Jinja template that renders to exactly this text. Raises PromptError if the text contains `{% endraw
    %}`."""
    if not _JINJA.search(text):
        return text
    if _END_OF_RAW.search(text):
        raise PromptError("A turn contains {% endraw %}, which a prompt cannot express.", hint="Edit it first.")
    return f"{{% raw %}}{text}{{% endraw %}}"
