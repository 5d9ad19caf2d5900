"""Reads the one label that a text answers with, or says why there is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from promptgrid.answers.cues import DECORATION
from promptgrid.answers.labels import Mention, find_labels, mention_at
from promptgrid.answers.numbers import LONGEST, numerals_of_plain, plain
from promptgrid.prompt import AnswerRule
from promptgrid.text import late

_JOINED = late(
    r"""(?xi)[\s*_"'”’)\]}]*
    (?: (?=[(\[]) | ,?[ ]*(?:and|or|und|oder|et|ou|y|o|as[ ]well[ ]as|&)\s | [,/&+|、和或与及]
    | ,?[ ]*(?:vs\.?|versus)\s )
    [\s*_"'“‘(\[{]*(?:(?:the|also|both|option|label)[ ]+)*["'“‘(\[*_]*"""
)
_SET_OFF = late(
    r"[\s*_`\"'”’)\]}>]*(?:[.,;:!。，；：！（(—–\n]|\s-\s|\s+(?:because|since|as|for|due|given|though|although|but|while)\b|$)",
    re.IGNORECASE,
)
_CONCLUSION = late(
    r"\b(?:so|thus|therefore|hence|overall|consequently|in[ ](?:conclusion|sum|short|total|all)|all[ ]in[ ]all|"
    r"mak(?:es|ing)[ ](?:it|this))"
    r"\b[^.!?\n]{0,60}$|(?:因此|所以|总之|综上|总的来说|总体)[^。！？\n]{0,30}$",
    re.IGNORECASE,
)
_HEADED = late(
    r"[\s*_`\"')\]]*(?:(?:aspects?|points?|sides?|parts?|things?|elements?|score|probability)\b)?[\s*_]*[:：]"
)
_OTHER_OPTION = late(
    r"""(?xi)[\s*_"'“`$]*(?:option|choice)?[ ]*[(\[（]\s*
    (?:[A-Za-z]|[IVX]{1,4}|\d{1,2}|(?:none|all|both|neither)[^)\]]{0,30})\s*[)\]）]"""
)
_LONE_OPTION = late(r"[\s*_\"'“`$]*(?:option|choice)?[ ]*([A-Z])[\s*_\"'”`$]*(?:$|[.):,\n])")
_WHOLE_WORDS = 3  # a statement of at most so many words is the answer itself, whether it is a label or not
_SHORT = 60  # characters of a reply that is a statement by itself
_LONG = 200  # characters of a text that may have been cut by the token limit
_SENTENCES = late(r"[.!?=](?=\s)|[。！？\n]")
_CLOSES = frozenset(".!?。！？\"'”’)]}*`|")


class LabelReading(NamedTuple):
    """A label, or None if none could be read. `note` says why, or what was unusual. With `final`, this text decides,
    even with None: no other place of the reply is read."""

    label: str | None
    note: str = ""
    final: bool = True


def read_label(rule: AnswerRule, text: str, *, language: str = "en", stated: bool = False) -> LabelReading:
    """Reads the label that a text answers with. `stated`: the text stands behind a cue such as "Answer:", so a bare
    letter counts as an option.

    Labels that the text negates or only asks about do not count. Of several labels, the first counts if the rest of the
    text is set off as its reason ("B, because …"), or the last if the text concludes with it.
    """
    numeric = _numeric(rule.labels)
    if numeric:
        text, mentions = _marks(rule.labels, text, language)
    else:
        mentions = find_labels(rule.labels, text, rule.synonyms, bare=stated or len(text) <= _SHORT)
    if stated and not numeric and (other := _other_option(rule, text, mentions)):
        return LabelReading(None, other)
    reading = _decided(mentions, text, stated=stated)
    if reading.label is not None and reading.label not in rule.labels:
        return LabelReading(None, f"states {reading.label}, which is none of the labels")
    return reading


def _decided(mentions: Sequence[Mention], text: str, *, stated: bool) -> LabelReading:
    """Decides which of the labels mentioned in a text is its answer. `stated`: the text stands behind a cue; otherwise
    a label that a long text only mentions in passing does not count."""
    asserted = [mention for mention in mentions if not mention.asked]
    if not asserted:
        note = f"only asks: {mentions[0].label}?" if mentions else "names no label"
        return LabelReading(None, note, final=bool(mentions))
    held = [mention for mention in asserted if not mention.denied]
    if not held:
        return LabelReading(None, f"says that it is not {asserted[0].label}")
    names = list(dict.fromkeys(mention.label for mention in held))
    start = _first_set_off(text, held)
    if start is not None:
        several = f"names {len(names)} labels: {', '.join(names)}; took the one it starts with"
        return LabelReading(start, several if len(names) > 1 else "")
    if len(names) > 1 and (last := _concluded(text, held)):
        return LabelReading(last, f"names {len(names)} labels: {', '.join(names)}; took the one it concludes with")
    if len(names) > 1:
        return LabelReading(None, f"names {len(names)} labels: {', '.join(names)}")
    if any(mention.denied and mention.label == names[0] for mention in asserted):
        return LabelReading(None, f"says that it is {names[0]}, and that it is not")
    if not stated and len(text) > _LONG:
        return _in_passing(text, held)
    return LabelReading(names[0])


def _in_passing(text: str, held: Sequence[Mention]) -> LabelReading:
    """Returns the label of a long text that mentions only one, if it stands in the first or the last sentence.
    Otherwise, and if the text behind the label breaks off in mid-sentence, returns None with a note. `held` are the
    mentions that are not negated."""
    first, last = held[0], held[-1]
    opening, ending = text[: first.start].strip(DECORATION), text[last.end :].rstrip(" \n*_`")
    closed = not ending or ending[-1] in _CLOSES or not _SENTENCES.search(ending)
    if closed and not (_SENTENCES.search(opening) and _SENTENCES.search(ending[:-1])):
        return LabelReading(first.label)
    where = "in passing" if closed else "before it ends in mid-sentence"
    return LabelReading(None, f"names {first.label} {where}, and states no answer")


def _first_set_off(text: str, held: Sequence[Mention]) -> str | None:
    """Returns the label that the text starts with, if the rest is set off as its reason ("B, because …"); else None.
    `held` are the mentions that are not negated."""
    first = held[0]
    if text[: first.start].strip(DECORATION) or first.denied:
        return None
    others = [mention for mention in held if mention.label != first.label]
    if _joined(text, first, held) or not _SET_OFF.match(text, first.end):
        return None
    if any(_headed(text, first) and _headed(text, other) for other in others):
        return None
    return first.label


def _concluded(text: str, held: Sequence[Mention]) -> str | None:
    """Returns the last label if its clause draws a conclusion and names no other label ("…, so it is mixed."); else
    None. `held` are the mentions that are not negated."""
    last, before = held[-1], held[-2]
    if _JOINED.fullmatch(text, before.end, last.start) or _SENTENCES.search(text[last.end :].rstrip()[:-1]):
        return None
    return last.label if _CONCLUSION.search(text, before.end, last.start) else None


def _joined(text: str, first: Mention, held: Sequence[Mention]) -> bool:
    """Tells whether the text joins the label at `first` with a different label: "B, D", "yes and no",
    "positive/negative". `held` are the mentions that are not negated."""
    following = next(
        (mention for mention in held if mention.start > first.start and mention.label != first.label), None
    )
    return following is not None and bool(_JOINED.fullmatch(text, first.end, following.start))


def _headed(text: str, mention: Mention) -> bool:
    """Tells whether the mentioned label is the heading of its line, as in "**Negative:** dull sound"."""
    line = text[text.rfind("\n", 0, mention.start) + 1 : mention.start]
    return not line.strip(DECORATION + "0123456789.)") and bool(_HEADED.match(text, mention.end))


def _other_option(rule: AnswerRule, text: str, mentions: Sequence[Mention]) -> str:
    """Returns a reason why no label counts if the text that states the answer begins with something else, such as (G)
    or "neutral": "states (G), which is none of the labels". Otherwise returns "". `mentions` are the labels found in
    the text."""
    first = mentions[0].start if mentions else len(text)
    if all(len(label) == 1 for label in rule.labels):
        match = _OTHER_OPTION.match(text) or _LONE_OPTION.match(text)
        if match and match.end() <= first:
            return f"states {match.group().strip()}, which is none of the labels"
    clause = re.split(r"[.;!?。；！？\n]", text.strip(DECORATION), maxsplit=1)[0]
    words = clause.split()
    if (
        words
        and len(words) <= _WHOLE_WORDS
        and (not mentions or (clause not in text[first:] and first >= text.find(clause) + len(clause)))
    ):
        return f"states {clause[:60]}, which is none of the labels"
    return ""


def _numeric(labels: Sequence[str]) -> bool:
    return bool(labels) and all(label.strip().isascii() and label.strip().isdigit() for label in labels)


def _marks(labels: Sequence[str], text: str, language: str) -> tuple[str, list[Mention]]:
    """Finds the numbers in a text, for labels that are whole numbers. Returns (the text in plain notation, a Mention of
    each number). "4", "four stars" and, if 5 is the highest label, "4/5" are mentions of the label 4. A number that is
    no label, such as 3.5, is a Mention too: its `label` is "3.5"."""
    highest = re.escape(max(labels, key=int).strip())
    text = re.sub(
        rf"(?<![\d.,/])(\d{{1,3}})\s*(?:/|out of|von|sur|／)\s*{highest}(?![\d.,/]*\d)", r"\1 ", plain(text[-LONGEST:])
    )
    known = {str(int(label)): label for label in labels}
    mentions = []
    for numeral in numerals_of_plain(text, language):
        whole = numeral.is_number and "/" not in text[numeral.start : numeral.end]
        label = known.get(numeral.text, numeral.text) if whole else text[numeral.start : numeral.end]
        mentions.append(mention_at(label, text, numeral.start, numeral.end))
    return text, mentions
