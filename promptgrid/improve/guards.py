"""Refuses candidates that look better for the wrong reason, or that cannot take the original's place. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from promptgrid.cases.table import Case
from promptgrid.errors import PromptError
from promptgrid.prompt import Prompt
from promptgrid.prompt.chained import needed_variables
from promptgrid.text import value_text

RUN = 5
"""So many words in a row of a learn case may not enter a prompt. Without spaces a word is a pair of signs."""
_GROWTH, _ROOM = 2, 200  # a candidate has at most twice the original's tokens and 200 more
_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_CJK_RUN = re.compile(rf"[{_CJK}]+")


def token_cap(original: Prompt, count: Callable[[str], int]) -> int:
    """Returns the most tokens that the messages of a candidate may have."""
    return _GROWTH * count(message_text(original)) + _ROOM


def problem(new: Prompt, parent: Prompt, learn: Sequence[Case], cap: int, count: Callable[[str], int]) -> str:
    """Returns why the candidate must not be raced, in a sentence's words; "" if it may. `count` counts the tokens of a
    text, and `cap` is the most that the messages may have."""
    if any(not message.text.strip() for message in new.messages):
        return "it has an empty message"
    try:
        names = {variable.name for variable in needed_variables(new)}
    except PromptError as error:
        return f"it is no template: {error.message}"
    before = {variable.name for variable in needed_variables(parent)}
    if names != before:
        lost, added = sorted(before - names), sorted(names - before)
        return "; ".join(
            [*([f"it lost the variable {', '.join(lost)}"] if lost else []),
             *([f"it has a new variable {', '.join(added)}"] if added else [])]
        )  # fmt: skip
    if copied := copied_run(message_text(new), message_text(parent), learn):
        return f"it copies words of a learn case: “{copied}”"
    tokens = count(message_text(new))
    return f"it has {tokens:,} tokens, and {cap:,} are allowed" if tokens > cap else ""


def copied_run(text: str, parent_text: str, learn: Iterable[Case]) -> str:
    """Returns the first run of five words of the text that a learn case has and the parent has not; "" if none."""
    runs = {run: words for run, words in _runs(text).items() if run not in _runs(parent_text)}
    if runs:
        for case in learn:
            values = [*case.inputs.values(), case.expected or ""]
            for value in values:
                for run in _runs(value_text(value)):
                    if run in runs:
                        return " ".join(run)
    return ""


def message_text(prompt: Prompt) -> str:
    """Returns the texts of all messages of the prompt."""
    return "\n".join(message.text for message in prompt.messages)


def _runs(text: str) -> dict[tuple[str, ...], None]:
    """Returns every run of five words, lower case. The pairs of Chinese characters overlap, so a run of them is six
    characters."""
    words: list[str] = []
    for match in re.finditer(rf"[{_CJK}]+|[^\W{_CJK}]+", text.casefold()):
        piece = match.group()
        is_cjk = _CJK_RUN.fullmatch(piece) is not None and len(piece) > 1
        words += [piece[at : at + 2] for at in range(len(piece) - 1)] if is_cjk else [piece]
    return dict.fromkeys(tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1))
