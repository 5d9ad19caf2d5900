"""Separates reasoning from the answer: a table of the marks that models set around their reasoning."""

from __future__ import annotations

import re
from typing import NamedTuple

from promptgrid.text import late

_WORDS = "think|thinking|thought|thoughts|reasoning|reason|analysis|reflection|scratchpad|inner_monologue|deliberation"
# (pattern of the opening mark, closing mark); {0} is the group of the pattern
_MARKS: tuple[tuple[str, str], ...] = (
    (rf"<((?:[A-Za-z]\w*[:_])?(?:{_WORDS}))>", r"</{0}>"),
    (r"\[(THINK|REASONING)\]", r"\[/{0}\]"),
    (r"◁(think)▷", r"◁/{0}▷"),
    (r"<\|begin_of_(thought|thinking)\|>", r"<\|end_of_{0}\|>"),
    (r"<\|START_(THINKING|REFLECTION)\|>", r"<\|END_{0}\|>"),
    (r"<\|(think|thinking)\|>", r"<\|/{0}\|>"),
    (r"<\|channel>(?:thought|analysis)()", r"<channel\|>"),
    (r"<unused94>(?:thought)?()", r"<unused95>"),
    (
        r"(?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)[^<]{0,80}<\|message\|>()",
        r"<\|end\|>|(?=<\|start\|>|<\|channel\|>)",
    ),
)
_OPENING = late("|".join(f"(?:{opening})" for opening, _ in _MARKS), re.IGNORECASE)
_CLOSING = late(
    rf"</(?:[A-Za-z]\w*[:_])?(?:{_WORDS})>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<\|END_THINKING\|>|<channel\|>|"
    r"<unused95>",
    re.IGNORECASE,
)
_HINTS = ("<", "[THINK", "[/THINK", "[think", "[REASON", "[BEGIN FINAL", "◁", "my response", "assistantfinal")
# marks around the answer itself
_FRAMES = late(
    r"""(?x)(?:<\|start\|>assistant)?<\|channel\|>final(?:[ ]?<\|constrain\|>\w{1,20})?<\|message\|>
    | <\|(?:return|end|im_end|eot_id|endoftext)\|> | <\|(?:begin|end)_of_solution\|>
    | <\|(?:START|END)_(?:RESPONSE|TEXT)\|>
    | </?response> | \[(?:BEGIN|END)[ ]FINAL[ ]RESPONSE\]"""
)
_FRAME_HINTS = ("<|", "FINAL RESPONSE", "response>")
# marks that are words: Granite's, and harmony's channels where a server has dropped the special tokens
_SPOKEN = late(
    r"\A\s*(?:Here(?: is|'s) my (?:thought|thinking) process:?(?P<granite>.*?)\n\s*Here(?: is|'s) my response:?"
    r"|analysis(?P<harmony>.*?)assistantfinal)",
    re.DOTALL,
)


class Thought(NamedTuple):
    """A reply split in two: reasoning and remaining text. `finished` is false if the reasoning was cut off."""

    reasoning: str
    text: str
    finished: bool


def split_thought(text: str) -> Thought:
    """Splits a reply into the text that the model marked as its reasoning (<think>…</think> and the like) and the rest.
    A closing mark alone counts too, since some servers drop the opening one."""
    if not any(hint in text for hint in _HINTS):
        return Thought("", text, True)
    if spoken := _SPOKEN.match(text):
        return Thought((spoken["granite"] or spoken["harmony"] or "").strip(), text[spoken.end() :], True)
    thoughts: list[str] = []
    rest = _without_swallowed(text, thoughts)
    left, finished = _without_marked(rest, thoughts)
    if any(hint in left for hint in _FRAME_HINTS):
        left = _FRAMES.sub("", left)
    return Thought("\n\n".join(part for part in thoughts if part), left, finished)


def _without_marked(text: str, thoughts: list[str]) -> tuple[str, bool]:
    """Returns (the text without its marked reasoning, False if the reasoning is cut off so that no answer can follow),
    and adds the reasoning to `thoughts`. An opening mark in mid-line that is never closed is ordinary text: "the
    <think> tag"."""
    left, at = "", 0
    while opening := _OPENING.search(text, at):
        closing = late(_close_of(opening), re.IGNORECASE).search(text, opening.end())
        if closing is None:
            if text[: opening.start()].rpartition("\n")[2].strip():
                break
            thoughts.append(text[opening.end() :].strip())
            left += text[at : opening.start()]
            return left, bool(left.strip())
        thoughts.append(text[opening.end() : closing.start()].strip())
        left, at = left + text[at : opening.start()], closing.end()
    return left + text[at:], True


def _close_of(opening: re.Match[str]) -> str:
    for pattern, close in _MARKS:
        if match := re.fullmatch(pattern, opening.group(), re.IGNORECASE):
            return close.format(match[1] or "")
    return ""


def _without_swallowed(text: str, thoughts: list[str]) -> str:
    """Returns the text behind a closing mark that has no opening mark, and adds the text before it to `thoughts`. A
    text without such a mark is returned unchanged."""
    closing = _CLOSING.search(text)
    if closing is None or _OPENING.search(text, 0, closing.start()):
        return text
    thoughts.append(text[: closing.start()].strip())
    return text[closing.end() :]
