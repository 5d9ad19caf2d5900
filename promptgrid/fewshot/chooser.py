"""Chooses the examples that are shown to each case.

Source of maximal marginal relevance: Carbonell and Goldstein 1998, "The Use of MMR, Diversity-Based Reranking for
Reordering Documents and Producing Summaries".
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from typing import Any

from promptgrid.fewshot.leaks import LeakGuard
from promptgrid.fewshot.settings import Order, Selector, is_set
from promptgrid.prompt import Example, Parameters, Prompt
from promptgrid.ranking.bm25 import BM25
from promptgrid.ranking.words import terms
from promptgrid.techniques import select_examples

_RELEVANCE = 0.5  # of maximal marginal relevance: the rest is unlikeness

Cosines = Callable[[str, Sequence[str], str], Sequence[float] | None]
"""Returns for an embedder the cosines of texts with a query; None while the vectors are not there."""


@dataclass(frozen=True, slots=True)
class ShownExamples:
    """The examples that are shown: their indices in the prompt, in the order in which they stand. `leaks` has those
    that were left out because they give the case's answer away, each with the reason."""

    indices: tuple[int, ...]
    leaks: tuple[tuple[int, str], ...] = ()

    def of(self, prompt: Prompt) -> tuple[Example, ...]:
        """Returns the examples themselves."""
        return tuple(prompt.examples[at] for at in self.indices)

    @property
    def text(self) -> str:
        """As a cell keeps it, numbers from 1: `3, 1; left out: 2 (the case itself)`."""
        left_out = ", ".join(f"{at + 1} ({why})" for at, why in self.leaks)
        return "; ".join(filter(None, [_listed(self.indices) or "none", left_out and f"left out: {left_out}"]))


def _listed(indices: Iterable[int]) -> str:
    return ", ".join(str(at + 1) for at in indices)


def shown_indices(text: str) -> list[int]:
    """Returns the indices of the examples that a cell's `ShownExamples.text` names, in the order in which they
    stood."""
    return [int(number) - 1 for number in re.findall(r"\d+", text.partition(";")[0])]


def with_shown(prompt: Prompt, text: str) -> Prompt:
    """Returns the prompt with the examples that a cell's `ShownExamples.text` names; as it is, if that names none."""
    indices = shown_indices(text)
    return replace(prompt, examples=tuple(prompt.examples[at] for at in indices)) if indices else prompt


class Chooser:
    """Chooses among the examples of a prompt that a technique can show. `cosines` are for the selector `embedding`;
    where they are not there, BM25 stands for it."""

    def __init__(self, prompt: Prompt, technique: str, cosines: Cosines | None = None) -> None:
        usable = {id(example) for example in select_examples(prompt, technique)}
        self._prompt, self._cosines = prompt, cosines
        self._indices = [at for at, example in enumerate(prompt.examples) if id(example) in usable]
        self._names = list(dict.fromkeys(name for at in self._indices for name in prompt.examples[at].inputs))

    @property
    def chooses(self) -> bool:
        """Whether the technique shows examples at all."""
        return bool(self._indices)

    def shown(self, parameters: Parameters, values: Mapping[str, Any]) -> ShownExamples | None:
        """Returns the examples that are shown to a case with these values by the parameters; None if these do not say
        which. Raises PlanError for a selector or an order that is none."""
        if not is_set(parameters) or not self.chooses:
            return None
        selector, order = Selector.of(parameters.selector), Order.of(parameters.shot_order)
        text = self.text_of(values)
        leaks = self._guard.leaks(text)
        most = len(self._indices) if parameters.shots is None else parameters.shots
        ranked = [at for at in self._ranked(selector, text, most + len(leaks)) if at not in leaks][:most]
        found = tuple((self._indices[at], why) for at, why in sorted(leaks.items()))
        return ShownExamples(tuple(self._indices[at] for at in self._ordered(ranked, order, text)), found)

    def text_of(self, inputs: Mapping[str, Any]) -> str:
        """Returns the text by which a case with these inputs is compared with examples."""
        return "\n".join(str(inputs[name]) for name in self._names if name in inputs)

    @cached_property
    def texts(self) -> list[str]:
        """The texts of the examples by which they are compared with cases."""
        return [self.text_of(self._prompt.examples[at].inputs) for at in self._indices]

    @cached_property
    def _guard(self) -> LeakGuard:
        return LeakGuard(self.texts, self._prompt.language)

    @cached_property
    def _bm25(self) -> BM25:
        return BM25(self.texts)

    @cached_property
    def _terms(self) -> list[frozenset[str]]:
        return [frozenset(terms(text)) for text in self.texts]

    def _ranked(self, selector: Selector, text: str, most: int) -> list[int]:
        """Returns the places of examples, the first to be shown first: all, or at least `most`."""
        places = list(range(len(self._indices)))
        if selector.kind == "random":
            return sorted(places, key=lambda at: _draw(selector.seed, self.texts[at]))
        if selector.kind == "subset":
            return self._subset(selector.seed, most)
        if selector.kind == "balanced":
            return self._in_turn(places)
        if selector.kind == "first":
            return places
        if selector.kind == "embedding" and self._cosines is not None:
            cosines = self._cosines(selector.embedder, self.texts, text)
            if cosines is not None:
                return _descending(cosines)
        scores = self._bm25.scores(text).tolist()
        return self._diverse(scores, most) if selector.kind == "diverse" else _descending(scores)

    def _subset(self, number: int, size: int) -> list[int]:
        """Returns the places of the subset with this number: examples are dealt from one shuffled round of all after
        another."""
        dealt: list[int] = []
        subset: list[int] = []
        size = min(size, len(self._indices))
        for at in range(number + 1):
            subset = []
            kept: list[int] = []
            while len(subset) < size:
                if not dealt:
                    dealt = sorted(range(len(self._indices)), key=lambda one: _draw(at, f"round\n{self.texts[one]}"))
                place = dealt.pop(0)
                (kept if place in subset else subset).append(place)
            dealt = kept + dealt
        return subset

    def _in_turn(self, places: Sequence[int]) -> list[int]:
        by_answer: defaultdict[str, list[int]] = defaultdict(list)
        for at in places:
            by_answer[self._prompt.examples[self._indices[at]].answer.strip().casefold()].append(at)
        return [at for turn in zip_longest(*by_answer.values()) for at in turn if at is not None]

    def _diverse(self, scores: Sequence[float], count: int) -> list[int]:
        """Returns the first `count` places by maximal marginal relevance: the score of an example as a share of the
        best, less the likeness (Jaccard of terms) to the most alike one that stands before it."""
        most = max(scores, default=0.0) or 1.0
        likeness = [0.0] * len(scores)
        ranked: list[int] = []
        left = list(range(len(scores)))
        while left and len(ranked) < count:
            gain = [_RELEVANCE * scores[at] / most - (1 - _RELEVANCE) * likeness[at] for at in left]
            chosen = left.pop(gain.index(max(gain)))
            ranked.append(chosen)
            for at in left:
                likeness[at] = max(likeness[at], _jaccard(self._terms[at], self._terms[chosen]))
        return ranked

    def _ordered(self, ranked: Sequence[int], order: Order, text: str) -> list[int]:
        if order.kind == "shuffled":
            return sorted(ranked, key=lambda at: _draw(order.seed, f"order\n{self.texts[at]}"))
        if order.kind == "nearest-last":
            scores = self._bm25.scores(text).tolist()
            return sorted(ranked, key=lambda at: (scores[at], -at))
        return sorted(ranked, reverse=order.kind == "reversed")


def _descending(scores: Sequence[float]) -> list[int]:
    return sorted(range(len(scores)), key=lambda at: -scores[at])


def _draw(seed: int, text: str) -> str:
    """Returns a key that sorts texts at random by the seed; a text keeps its own when others come or go."""
    return hashlib.sha256(f"{seed}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0
