"""Finds where a reply states its answer: one table of cues serves every answer rule. The last cue with an answer wins.

The cues are the prompt's marker and those of data sets (#### of GSM8K, \\boxed of MATH, "the answer is" of
BIG-Bench-Hard and MMLU-Pro), of chat models (<answer>, "**Final answer:**") and of people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from promptgrid.answers.patterns import lower
from promptgrid.text import late

DECORATION = " \t\r\n*_`#>\"'“”‘’「」([-•~"
COLONS = (":", "：")
_LAST_LINES = 3  # nonblank lines that may follow a statement that does not begin with its answer
_MOST = 200  # occurrences of one hint that are tried, from the last
_AROUND = 80  # characters before and behind a hint that are searched for its cue
_LONGEST = 100_000  # characters at the end of a text that are searched for cues

_NOUNS = (
    "answer|label|sentiment|class|classification|category|rating|verdict|conclusion|prediction|decision|judge?ment|"
    "choice|option|result|output|score|intent|emotion|stance|antwort|r[ée]ponse|respuesta|resposta|risposta|antwoord|"
    "ответ|cevap|svar|odpowied[źz]|v[áa]lasz"
)
_FINAL = r"(?:final|correct|right|best|most[ ]likely|overall|predicted|my|the|numerical|endgültige|finale?|la|le|die)"
_TAGS = "answer|final_answer|final|label|result|sentiment|classification|category|verdict|score|rating"


@dataclass(frozen=True, slots=True)
class Statement:
    """A place where a reply states its answer, found by a cue such as "Answer:". `text` is the rest of the cue's line
    or the inside of its tag; `after` is all text behind that.

    start    index where the cue's line begins: the text before it is reasoning
    name     the cue as it is written in the reply
    closed   the cue encloses the answer (a tag, a box), so that nothing outside of `text` belongs to the answer
    inline   the cue is part of a sentence, such as "the answer is"
    """

    start: int
    text: str
    after: str
    name: str
    closed: bool = False
    inline: bool = False


@dataclass(frozen=True, slots=True)
class _Cue:
    hints: Sequence[str]  # lower-case texts; a reply without any of them cannot contain the cue
    pattern: re.Pattern[str]
    closed: bool = False
    inline: bool = False
    heads: bool = False  # the cue counts only at the start of a line


def _cue(hints: str, pattern: str, **how: bool) -> _Cue:
    return _Cue(hints.split(), late(pattern, re.IGNORECASE | re.VERBOSE), **how)


_BARE_NOUNS = (
    "answer label sentiment class category rating verdict conclusion prediction decision judg choice option result "
    "output score intent emotion stance antwort ponse respuesta resposta risposta antwoord ответ cevap "
    "svar odpowied lasz"
)
_CUES: Sequence[_Cue] = (
    _cue("####", r"(?:^|(?<=\n))[ ]*\#{4}[ ]+(?=[^\s#:][^\n:]{0,40}(?:\n|$))"),
    _cue(
        "answer option choice label verdict final",
        rf"""(?<!\w)
        (?:(?:the|my|our)[ ]+(?:{_FINAL}[ ]+)*(?:answer|option|choice|label|verdict)
          |(?:final|correct)[ ]+(?:{_NOUNS}))
        (?:[ ]+(?:to|for|of)[ ][^.:?!\n]{{1,60}}? | [ ]?\([^()\n]{{1,40}}\))?[*_ ]*
        (?:[ ](?:is|are|was|would[ ]be|should[ ]be|must[ ]be)(?![\w'])
           (?:[ ]*(?:option|choice|letter|number|that)(?!\w))?[*_]*[ ]*:? | [:：=])
        (?![ ]*\n[ ]*(?:[-*•]|\d+[.)])[ ])""",
        inline=True,
    ),
    _cue("answer", r"(?<!\w)(?<!this[ ])(?<!that[ ])(?<!your[ ])(?<!an[ ])(?<!any[ ])answer[ ]is[ ]*:?", inline=True),
    _cue(
        "答案 故选 所以选 因此选 应选 答： 答: 正确选项 结论",
        r"""(?:最终|正确|最后的?|参考)?答案(?:选项)?(?:应该|应)?[ ]*(?:[是为選选]+[ ]*[:：]?|[:：=])
        | 故[本此]?[题題]?(?:正确)?(?:答案)?[选選为] | (?:因此|所以|应该?|故)[选選]择? | 正确选项[是为][ ]*[:：]?
        | (?:^|(?<=\n))答[:：] | 结论[是为]?[:：]""",
        inline=True,
    ),
    _cue(
        "标签 分类 类别 情感 评分 回答 答え",
        r"(?:^|(?<=\n))[\s*#>]*(?:标签|分类|类别|情感(?:倾向|分类)?|评分|回答|答え)(?:结果)?[*_ ]*[:：]",
    ),
    _cue(_BARE_NOUNS, rf"(?<!\w)(?:{_NOUNS})[*_ ]*[:：=]", heads=True),
    _cue(
        "answer verdict conclusion label result",
        rf"""(?:^|(?<=\n))[ ]*(?:\#{{1,6}}[ ]*|\*\*)(?:\d+[.)][ ]*)?(?:{_FINAL}[ ]+)*
        (?:answer|verdict|conclusion|label|result)[*_ ]*(?=\n)""",
        heads=True,
    ),
    _cue("a:", r"(?:^|(?<=\n))A:[ ](?=[^\n]{1,40}\s*\Z)"),  # the last line of GSM8K's solutions
    _cue("<", rf"<({_TAGS})>", closed=True),
    _cue("\\boxed \\fbox", r"\\(?:boxed|fbox)[ ]*(?=\{)", closed=True),
)
_BY_HINT = {
    hint: tuple(cue for cue in _CUES if hint in cue.hints) for hint in {hint for cue in _CUES for hint in cue.hints}
}
_ASCII = {hint: cues for hint, cues in _BY_HINT.items() if hint.isascii()}
_LEAD = late(rf"[\W_]*(?:(?:so|thus|therefore|hence|and|{_FINAL}|is)[ ,]+)*", re.IGNORECASE)
_EMPTY = late(r"[\s*_`#>:：]*")
_OWN_QUESTION = late(
    r"\n[ ]*(?:\*\*|\#+[ ]*)?(?:Q|Question|Problem|User|Human|Input|问题|问|用户)(?:[ ]*\d{1,3})?(?:\*\*)?[ ]*[:：]|"
    r"\n[ ]*<\|(?:im_start|user|start_header_id)\|>|\n[ ]*\[INST\]",
    re.IGNORECASE,
)
_OWN_INPUT = late(
    r"\n[ ]*(?:\*\*)?(?:Review|Text|Sentence|Passage|Premise|Article|Tweet|Comment|Statement|评论|文本|句子|输入|题目)"
    r"(?:[ ]*\d{1,3})?(?:\*\*)?[ ]*[:：]",
    re.IGNORECASE,
)


def own_question(text: str) -> int | None:
    """Returns the index where, after some text, the reply begins a line with a new question ("Q: …"); None if it begins
    none. Models that are not trained to chat write such questions after their answer."""
    return _first(_OWN_QUESTION, text)


def own_input(text: str) -> int | None:
    """Returns the index where, after some text, the reply begins a line with another input of the task ("Review: …"),
    which the model has copied or invented; None if it begins none."""
    return _first(_OWN_INPUT, text)


def _first(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text) if ":" in text or "：" in text or "[" in text or "<" in text else None
    return match.start() if match and text[: match.start()].strip() else None


def statements(text: str, marker: str) -> Iterator[Statement]:
    """Yields every place of the text where a cue states an answer, the last place first. `marker` is the prompt's own
    cue, such as "Answer:" ("": none); the cues of this module always count."""
    for end, start, cue in sorted(_places(text, marker), key=lambda place: place[:2], reverse=True):
        statement = _enclosed(text, start, end) if cue.closed else _line(text, start, end, cue)
        if statement is not None:
            yield statement


def in_last_lines(statement: Statement) -> bool:
    """Tells whether the statement is enclosed (`closed`) or at most 3 nonblank lines of the reply follow it. In such a
    statement the answer may stand anywhere; in any other only at its start."""
    return statement.closed or len([line for line in statement.after.split("\n", 40) if line.strip()]) <= _LAST_LINES


def _places(text: str, marker: str) -> list[tuple[int, int, _Cue]]:
    """Returns (end, start, cue) of every cue in the text, as indices; `marker` is the prompt's own cue ("": none). For
    speed each pattern is tried only around the cue's hint, a short text that every such cue contains."""
    folded = lower(text)
    low = max(0, len(text) - _LONGEST)
    places: dict[tuple[int, int], _Cue] = {}
    for hint, cues in (_ASCII if text.isascii() else _BY_HINT).items():
        if (at := folded.rfind(hint, low)) >= 0:
            _add_places(places, text, folded, at, hint, cues)
    if marker.strip():
        own = _marker_cue(marker.strip())
        if (at := folded.rfind(own.hints[0], low)) >= 0:
            _add_places(places, text, folded, at, own.hints[0], (own,))
    return [(end, start, cue) for (end, start), cue in places.items()]


def _add_places(
    places: dict[tuple[int, int], _Cue], text: str, folded: str, at: int, hint: str, cues: Sequence[_Cue]
) -> None:
    """Searches for `cues` around each occurrence of `hint` in the text: the one at the index `at` and those before it,
    at most 200. Adds each cue to `places`, by its (end, start). `folded` is the text in lower case."""
    for _ in range(_MOST):
        for cue in cues:
            for match in cue.pattern.finditer(text, max(0, at - _AROUND), at + len(hint) + _AROUND):
                if not cue.heads or _heads(text, match.start()):
                    places[match.end(), match.start()] = cue
        at = folded.rfind(hint, 0, at)
        if at < 0:
            return


def _heads(text: str, at: int) -> bool:
    """Tells whether a cue at the index `at` begins its line: before it stand only marks and words such as "final"."""
    start = text.rfind("\n", 0, at) + 1
    return at - start < _AROUND and _LEAD.fullmatch(text, start, at) is not None


def _word(marker: str) -> str:
    return marker.strip().rstrip("".join(COLONS)).rstrip()


@lru_cache(maxsize=64)
def _marker_cue(marker: str) -> _Cue:
    """Returns the cue for a line that starts with the marker; `**answer**：` matches the marker "Answer:" too."""
    colon = r"[ \t*_`]*[:：]" if marker.endswith(COLONS) else r"(?!\w)" if marker[-1:].isalnum() else ""
    pattern = rf"(?:^|(?<=\n))[ \t*_`#>\"'“”‘’「」(\[•~-]*{re.escape(_word(marker))}{colon}"
    return _Cue((lower(_word(marker)) or marker,), late(pattern, re.IGNORECASE))


def _line(text: str, start: int, end: int, cue: _Cue) -> Statement | None:
    """Returns the statement made with a cue that stands from `start` to `end` of the reply `text`: the rest of the
    cue's line or, if that is empty, the next paragraph. Never None."""
    blank = _EMPTY.match(text, end)
    stop = text.find("\n", end)
    stop = len(text) if stop < 0 else stop
    if blank is not None and blank.end() >= stop:
        stop = text.find("\n\n", blank.end())
        stop = len(text) if stop < 0 else stop
    line_start = text.rfind("\n", 0, start + 1 if text[start : start + 1] == "\n" else start) + 1
    name = text[start:end].strip(" \t\n*_#`")
    return Statement(line_start, text[end:stop], text[stop:], name, inline=cue.inline)


def _enclosed(text: str, start: int, end: int) -> Statement | None:
    name = text[start:end]
    line_start = text.rfind("\n", 0, start) + 1
    if name.startswith("<"):
        close = lower(text).find(f"</{name[1:].lower()}", end)
        close = len(text) if close < 0 else close
        return Statement(line_start, text[end:close], text[close:], name, closed=True)
    depth = 0
    for match in late(r"[{}]").finditer(text, end):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return Statement(line_start, text[end + 1 : match.start()], text[match.end() :], "\\boxed", closed=True)
    return None
