"""Multiple choice: the texts of a case's options are synonyms for their letters."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from promptgrid.prompt import AnswerRule

_LEAD = re.compile(r"[ \t]*[(\[]?([A-Za-z]|\d{1,2})[)\].:、．]+[ \t]*(?=\S)")


def case_rule(rule: AnswerRule, inputs: Mapping[str, object]) -> AnswerRule:
    """Returns the answer rule for one case of a multiple choice: the texts of the options, in the column of `inputs`
    that the rule names, become synonyms of the labels. A text belongs to the letter at its start ("B) a long pipe"); if
    not every text has one, the first text belongs to the first label, and so on."""
    cell = inputs.get(rule.options) if rule.options and rule.kind == "label" else None
    if cell is None:
        return rule
    texts = _texts(cell)
    if not texts:
        return rule
    named = {label.strip().casefold(): label for label in rule.labels}
    names: dict[str, tuple[str, ...]] = {label: tuple(words) for label, words in rule.synonyms.items()}
    for label, text in _lettered(texts, rule.labels):
        key = label.strip().casefold()
        if key in named and text and text.casefold() not in named:
            names[named[key]] = (*names.get(named[key], ()), text)
    return replace(rule, synonyms=names)


def _texts(cell: object) -> list[str]:
    if isinstance(cell, str) and cell.lstrip().startswith(("[", "{")):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return [line for line in str(cell).splitlines() if line.strip()]
    if isinstance(cell, Mapping):
        return [f"{name}) {text}" for name, text in cell.items()]
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        return [str(item) for item in cell]
    return [line for line in str(cell).splitlines() if line.strip()]


def _lettered(texts: Sequence[str], labels: Sequence[str]) -> list[tuple[str, str]]:
    """Returns (label, text) of each option. The labels are the letters at the start of the texts ("B) …") if every text
    has one; otherwise `labels` in their order."""
    leads = [_LEAD.match(text) for text in texts]
    if all(leads):
        return [(lead[1], text[lead.end() :].strip()) for lead, text in zip(leads, texts, strict=True) if lead]
    return list(zip(labels, (text.strip() for text in texts), strict=False))
