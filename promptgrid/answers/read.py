"""read_answer separates reasoning from answer and reads the answer by its rule. What it cannot understand is unread."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from promptgrid.answers.cues import Statement, in_last_lines, own_input, own_question, statements
from promptgrid.answers.json_text import read_json
from promptgrid.answers.numbers import LONGEST, Numeral, aside, last_numeral, numerals_of_plain, plain, settled
from promptgrid.answers.patterns import search
from promptgrid.answers.read_label import LabelReading, read_label
from promptgrid.answers.reasoning import split_thought
from promptgrid.prompt import AnswerRule

_OWN_QUESTION = "the reply goes on with a question of its own; read is what stands before it"
_SENTENCE = re.compile(r"[.!?](?=\s+[A-Z(\[*#]|\s*$)|[。！？\n]")
_APPROACH = re.compile(
    r"(?:[\s*_`#>\"'“”‘’「」(\[\-•~≈=$€£¥₹:]|\\\(|\b(?:about|approximately|approx\.?|around|roughly|exactly|a total of|"
    r"equal to|only|just|[a-z]\s*=|约|大约|共|一共|总共|是|为|minus|negative|负|零下))*",
    re.IGNORECASE,
)
_DENIAL = re.compile(r"[\s*_`\"'“]*(?:not|n't|never|unknown|no longer|不是|并非)\b", re.IGNORECASE)
_FIELDS = (
    "final_answer", "answer", "label", "sentiment", "classification", "class", "category", "verdict", "rating", "score",
    "prediction", "result", "choice", "option", "decision", "value", "output", "intent", "答案", "标签",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer read out of a reply, and the reasoning before it. `answer` is None if none could be read. `note` says
    why, or what was unusual about the reply; it is empty otherwise."""

    reasoning: str
    answer: str | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Reading:
    """An answer read at one place of a reply, or None with a note that says why. With `final`, this place decides, even
    with None: no other place is read."""

    answer: str | None
    note: str = ""
    final: bool = True


def read_answer(rule: AnswerRule, text: str, *, marker: str = "", language: str = "en") -> Answer:
    """Reads the answer in a reply by the prompt's rule. Never raises; its time is limited.

    The answer is read at the last place that states one: a line that starts with the `marker` ("Answer:"), or another
    cue (see `cues`). Everything before that place is reasoning, and so is text that the model marks as its thought.
    Without such a place, the answer is the last number, the only label, the JSON or the whole text. `language` is the
    prompt's; it decides how 1.234 is read.
    """
    thought = split_thought(text)
    if not thought.finished:
        return Answer(thought.reasoning, None, "the reasoning was cut before an answer came")
    body, note = thought.text, ""
    if (cut := own_question(body)) is not None:
        body, note = body[:cut], _OWN_QUESTION
    if not body.strip():
        return Answer(thought.reasoning, None, "the reply is empty")
    answer = _Reader(rule, body, marker, language).answer()
    if rule.kind in ("label", "number") and (repeated := own_input(body)) is not None:
        first = _Reader(rule, body[:repeated], marker, language).answer()
        answer, note = (first, _OWN_QUESTION) if first.answer is not None else (answer, note)
    reasoning = "\n\n".join(part for part in (thought.reasoning, answer.reasoning) if part)
    return Answer(reasoning, answer.answer, "; ".join(part for part in (answer.note, note) if part))


@dataclass(frozen=True, slots=True)
class _Reader:
    rule: AnswerRule
    text: str
    marker: str
    language: str

    def answer(self) -> Answer:
        if self.rule.kind in ("text", "regex") and not self.marker:
            reading = self._whole()
            return Answer("", reading.answer, reading.note)
        for statement in statements(self.text, self.marker):
            stated = _STATED[self.rule.kind](self, statement)
            if stated is not None and (stated.answer is not None or stated.final):
                return Answer(self.text[: statement.start].strip(), stated.answer, stated.note)
        return self._unmarked()

    def _unmarked(self) -> Answer:
        missing = f"no {self.marker!r} line" if self.marker else ""
        if self.rule.kind in ("text", "regex"):
            return Answer(self.text.strip(), None, missing)
        reading = self._whole()
        where = {"label": "the only label", "number": "the last number", "json": "the JSON"}[self.rule.kind]
        source = f"took {where} in the reply" if missing and reading.answer is not None else ""
        notes = [part for part in (missing, source, reading.note) if part]
        return Answer(self.text.strip() if self.marker else "", reading.answer, "; ".join(notes))

    def _whole(self) -> _Reading:
        """Applies the answer rule to the whole reply, which has no place that states the answer."""
        kind = self.rule.kind
        if kind == "json":
            return _Reading(*read_json(self.text, self.rule.schema))
        if kind == "regex":
            match = search(self.rule.pattern, self.text)
            missed = "" if match.text is not None else f"no match of {self.rule.pattern!r}"
            return _Reading(match.text, match.problem or missed)
        if kind == "text":
            return _Reading(self.text.strip())
        if (field := _field(self.text)) is not None:
            return self._of_field(field)
        if kind == "label":
            return _of_label(read_label(self.rule, self.text, language=self.language))
        return _of_numeral(last_numeral(self.text, self.language), "no number in the reply")

    def _of_field(self, fields: Mapping[str, Any]) -> _Reading:
        """Reads the answer in the fields of a JSON object: in the field with a usual name ("answer", "label" …), else
        in the only field that the rule can read."""
        named = next((fields[name] for name in _FIELDS if name in fields), None)
        values = [named] if named is not None else list(fields.values())
        results = [self._of_value(value) for value in values if isinstance(value, (str, int, float))]
        answers = list(dict.fromkeys(one.answer for one in results if one.answer is not None))
        if len(answers) == 1:
            return _Reading(answers[0])
        return (
            results[0] if len(results) == 1 else _Reading(None, "no field of the JSON is the answer, or more than one")
        )

    def _of_value(self, value: str | float) -> _Reading:
        text = value if isinstance(value, str) else json.dumps(value)
        if self.rule.kind == "label":
            return _of_label(read_label(self.rule, text, language=self.language, stated=True))
        return _number_stated(text, self.language) or _Reading(None, "no number in the field")


def _of_label(reading: LabelReading) -> _Reading:
    return _Reading(reading.label, reading.note, reading.final)


def _of_numeral(numeral: Numeral | None, missing: str) -> _Reading:
    if numeral is None:
        return _Reading(None, missing, final=False)
    return _Reading(None, numeral.why) if numeral.kind == "unclear" else _Reading(numeral.text)


def _text_stated(reader: _Reader, statement: Statement) -> _Reading | None:
    answer = _bare(statement.text.strip().split("\n\n", 1)[0])
    if not answer:
        return _Reading(None, f"nothing after {statement.name!r}", final=False)
    return _Reading(answer.rstrip(".") if statement.inline else answer)


def _regex_stated(reader: _Reader, statement: Statement) -> _Reading | None:
    for text in (_bare(statement.text), f"{statement.text}{statement.after}"):
        match = search(reader.rule.pattern, text)
        if match.text is not None or match.problem:
            return _Reading(match.text, match.problem)
    return _Reading(None, f"no match of {reader.rule.pattern!r} after {statement.name!r}", final=False)


def _json_stated(reader: _Reader, statement: Statement) -> _Reading | None:
    text = statement.text if statement.closed else f"{statement.text}{statement.after}"
    reading = read_json(text, reader.rule.schema)
    return _Reading(reading.text, reading.note, final=reading.text is not None)


def _label_stated(reader: _Reader, statement: Statement) -> _Reading | None:
    rule, language = reader.rule, reader.language
    line = statement.text.strip()
    if (fields := _field(line)) is not None:
        return reader._of_field(fields)
    sentence = _SENTENCE.split(line, maxsplit=1)[0] if statement.inline else line
    if not statement.closed and not in_last_lines(statement) and not read_label(rule, sentence, stated=True).label:
        return None
    for text in (sentence, line):
        reading = read_label(rule, text, language=language, stated=True)
        if reading.label is not None or reading.final:
            return _of_label(reading)
    reading = read_label(rule, "" if statement.closed else f"{line}\n{statement.after}", language=language)
    if reading.label is None and in_last_lines(statement):
        return _Reading(None, f"no label after {statement.name!r}" if not reading.final else reading.note)
    return _of_label(reading)


def _number_of_statement(reader: _Reader, statement: Statement) -> _Reading | None:
    text = statement.text.strip()
    if (fields := _field(text)) is not None:
        return reader._of_field(fields)
    last = in_last_lines(statement)
    stated = _number_stated(text, reader.language, only_at_start=not last)
    if stated is None and last and not statement.closed:
        stated = _number_stated(statement.after, reader.language)
    return stated or (_Reading(None, f"no number after {statement.name!r}") if last else None)


def _number_stated(text: str, language: str, *, only_at_start: bool = False) -> _Reading | None:
    """Returns the number with which a statement of the answer begins, else the last number of its first sentence; None
    if there is none. With `only_at_start`, only a number at the beginning counts."""
    written = plain(text[:LONGEST])
    if _DENIAL.match(written):
        return _Reading(None, f"says what the answer is not: {written[:60].strip()}")
    numerals = aside(numerals_of_plain(written, language), written)
    if not numerals:
        return None
    approach = _APPROACH.match(written)
    if approach and approach.end() >= numerals[0].start:
        return _of_numeral(numerals[0], "")
    if only_at_start:
        return None
    stop = next(
        (match.start() for match in _SENTENCE.finditer(written) if match.start() >= numerals[0].end), len(written)
    )
    return _of_numeral(
        settled([numeral for numeral in numerals if numeral.end <= stop], written, len(written), strict=True), ""
    )


_STATED: Mapping[str, Callable[[_Reader, Statement], _Reading | None]] = {
    "text": _text_stated,
    "regex": _regex_stated,
    "json": _json_stated,
    "label": _label_stated,
    "number": _number_of_statement,
}


def _field(text: str) -> Mapping[str, Any] | None:
    """Returns the fields of a text that is nothing but one JSON object, in a code fence or not, with casefolded names;
    None for other texts and for an empty object."""
    bare = text.strip()
    if not bare.startswith(("{", "```")):
        return None
    canonical = read_json(bare, {"type": "object"}).text
    fields = None if canonical is None else json.loads(canonical)
    return {str(name).casefold(): value for name, value in fields.items()} if fields else None


def _bare(text: str) -> str:
    """Returns the text without surrounding whitespace and Markdown emphasis."""
    stripped = text.strip()
    for mark in ("**", "__", "`"):
        if stripped.endswith(mark) and stripped.count(mark) % 2:  # left over from a marker in bold: **Answer: x**
            stripped = stripped.removesuffix(mark).rstrip()
        if len(stripped) > 2 * len(mark) and stripped.startswith(mark) and stripped.endswith(mark):
            stripped = stripped[len(mark) : -len(mark)].strip()
    return stripped
