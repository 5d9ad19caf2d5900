"""The tasks that `benchmarks.tune` asks four ways, and what each way is given: the same labelled reviews, or the same
documents."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.tuning_reviews import reviews
from promptgrid import api
from promptgrid.documents import adding, samples
from promptgrid.documents.chunkers import chunks as cut
from promptgrid.documents.chunkers import parse_chunker
from promptgrid.prompt import Prompt, render
from promptgrid.store import Database
from promptgrid.store.documents import collections

HELD_OUT = 48
_RATE = 5e-4  # held out, after 2 epochs: 92 % right; with the default of 2e-4 83 %
TOWN = "brackwater-en"
DATA = Path(__file__).with_name("data")
Example = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """A task to be done four ways: by the `prompt` alone, with its examples, with what a search `finds`, which the
    prompt `retrieving` shows, and by a model tuned on the examples `learn`. `collect` makes the collection that is
    searched."""

    prompt: Prompt
    retrieving: Prompt
    finds: str
    cases: Sequence[Mapping[str, str]]
    learn: Sequence[Example]
    held_out: Sequence[Example]
    epochs: int
    rate: float
    collect: Callable[[Database], None]


def sentiment(count: int = 240) -> Task:
    """Labels reviews. A search finds labelled reviews; the tuning learns from all of them."""
    prompt = api.load("sentiment")
    labelled = reviews(count + HELD_OUT)
    examples = [_example(prompt, {"text": text}, label) for text, label in labelled]

    def collect(database: Database) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for number, (text, label) in enumerate(labelled[:count], start=1):
                (Path(folder) / f"review-{number:03}.txt").write_text(f"{text}\nAnswer: {label}\n")
            new = collections.create(database, "labelled-reviews")
            for _ in adding.add(database, new, adding.sources_of(Path(folder)).sources):
                pass

    return Task(
        prompt,
        api.load(DATA / "sentiment-retrieval.prompty"),
        "6 labelled reviews",
        _rows(DATA / "reviews.csv"),
        examples[:count],
        examples[count:],
        2,
        _RATE,
        collect,
    )


def facts() -> Task:
    """Answers questions about the documents of a small town, of which no model can know. A search finds passages; the
    tuning learns to say every passage by its title and place, and is judged by other words for the same."""
    passages = _passages()
    cases = [row for row in _rows(samples.sample_cases(TOWN)) if row["gold"]]
    return Task(
        api.load(DATA / "facts.prompty"),
        api.load("ask-brackwater"),
        "3 passages",
        cases,
        [_told(f"What does the document about {title} say in part {part}?", text) for title, part, text in passages],
        [_told(f"Tell me part {part} of what is known about {title}.", text) for title, part, text in passages[::6]],
        6,
        _RATE,
        _collect_town,
    )


def _passages() -> list[tuple[str, int, str]]:
    """The title of each document of the town, the number of a passage and its text."""
    database = Database()
    _collect_town(database)
    texts = collections.texts(database, collections.find(database, TOWN).id)
    chunker = parse_chunker("sentences:size=60")
    return [
        (document.title or document.name, part, chunk.text.strip())
        for document in texts
        for part, chunk in enumerate(cut(document, chunker), start=1)
    ]


def _collect_town(database: Database) -> None:
    if TOWN not in [info.name for info in collections.listed(database)]:
        for _ in samples.add_sample(database, TOWN):
            pass


def _told(question: str, text: str) -> Example:
    system = {"role": "system", "content": "You answer questions about Brackwater."}
    return {"messages": [system, {"role": "user", "content": question}], "reply": text}


def _example(prompt: Prompt, values: Mapping[str, str], reply: str) -> Example:
    messages = render(prompt.messages, values, prompt.inputs)
    return {"messages": [{"role": one.role, "content": one.text} for one in messages], "reply": reply}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


TASKS: Mapping[str, Callable[[], Task]] = {"sentiment": sentiment, "facts": facts}
