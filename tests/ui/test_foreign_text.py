"""What others wrote (labels, heads, titles, errors, names) is text on every page, never Markdown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from promptgrid import api, chat
from promptgrid.chat import ChatDocuments, ChatVariant, Settings
from promptgrid.documents.adding import Source, add
from promptgrid.library.folder import Library
from promptgrid.store import Database, conversations, drafts
from promptgrid.store.documents import collections
from tests.faults.server import HostileServer
from tests.running import a_run
from tests.ui import pages

EVIL = "![pixel](http://127.0.0.1:9/x.png) <img src=http://127.0.0.1:9/y.png> :red[red] $x$"
RUN = "the run"
MARKS = ("![pixel](", ":red[red]")
NAME = "a [link](x) $x$ ![pixel](y) _b_".replace("/", "")
PROMPT = f"""---
name: '{EVIL}'
description: '{EVIL}'
metadata:
  tags: ['{EVIL}']
  answer: {{kind: label, labels: ['{EVIL}', 'good']}}
  examples:
    - {{text: '{EVIL}', answer: '{EVIL}', reasoning: '{EVIL}'}}
  own: '{EVIL}'
model: {{id: '{EVIL}'}}
'{EVIL}': 1
inputs:
  - {{name: text, kind: string, example: '{EVIL}', description: '{EVIL}'}}
---
user:
{EVIL} {{{{ text }}}}
"""
LITERAL = frozenset(
    {
        *(("Block", "id"), ("Text", "body"), ("Code", "code_text")),
        *((field, part) for field in ("TextInput", "TextArea") for part in ("value", "default")),
        *((field, part) for field in ("Selectbox", "MultiSelect") for part in ("options", "raw_value", "raw_values")),
        *(("Dataframe", "columns"), ("VegaLiteChart", "spec")),  # drawn on a canvas
        ("BidiComponent", "json"),  # our own components, which put text in by textContent
    }
)
"""The fields of elements that a browser shows letter by letter."""


def strings(message: Any) -> Iterator[tuple[str, str, str]]:
    """Yields (element, field, text) for each text in the message."""
    for field, value in message.ListFields():
        is_one = isinstance(value, (str, bytes, int, float)) or hasattr(value, "ListFields")
        for one in [value] if is_one else value.values() if hasattr(value, "values") else value:
            if hasattr(one, "ListFields"):
                yield from strings(one)
            elif isinstance(one, str):
                yield message.DESCRIPTOR.name, field.name, one


def protos(block: Block) -> Iterator[Any]:
    for child in block.children.values():
        yield child.proto
        if isinstance(child, Block):
            yield from protos(child)


def texts(page: AppTest) -> list[tuple[str, str, str]]:
    """The texts of all elements of the page, as (element, field, text)."""
    return [one for proto in protos(page._tree) if hasattr(proto, "ListFields") for one in strings(proto)]


@pytest.fixture
def stranger(endpoint: HostileServer, library: Library, database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    """A prompt, a table, a run, a conversation and models that a stranger has named; the run's id."""
    (library.folder / f"{NAME}.prompty").write_text(PROMPT, "utf-8")
    table = library.folder / "cases" / "stranger ![pixel](y).csv"
    table.write_text(f'text,"{EVIL}",expected\n"{EVIL}","{EVIL}",good\n"{EVIL} 2",b,"{EVIL}"\n', "utf-8")
    endpoint.answer = lambda body: EVIL
    endpoint.script(EVIL, "ok")
    monkeypatch.setattr("promptgrid.endpoint.openai.model_names", lambda listing: ["ok", EVIL])
    models = ["openai/hostile-error", f"openai/{EVIL}"]
    plan = api.plan(NAME, table, models=models, techniques=["zero-shot", "few-shot"], name=EVIL, show=lambda note: None)
    run_id = a_run(database, plan)
    collection_id = collections.create(database, EVIL)
    for _ in add(database, collection_id, [Source("evil.md", data=EVIL.encode())]):
        pass
    documents = ChatDocuments(collection_id, EVIL, instruction=EVIL)
    settings = chat.to_json(Settings((ChatVariant(1, models[1]),), documents=documents))
    talk = conversations.create(database, EVIL, settings)
    conversations.add_turn(database, talk, None, "user", EVIL)
    form = {"run_prompts": [NAME], "run_models": models, "cases_source": "file", "cases_file": table.name}
    drafts.keep_draft(database, "run", {**form, "run_max_tokens": 8})
    return run_id


VISITS = {
    "": {}, "1_Compose.py": {"prompt": NAME}, "2_Run.py": {}, "2_Run.py ": {"run": RUN}, "3_Compare.py": {"run": RUN},
    "4_Library.py": {}, "5_Settings.py": {}, "6_Curves.py": {"run": RUN}, "7_Judge.py": {"run": RUN},
    "8_Tokens.py": {}, "9_Next_word.py": {}, "10_Chat.py": {},
    "11_History.py": {}, "11_History.py ": {"find": "pixel"}, "12_Tune.py": {}, "13_Documents.py": {},
    "13_Documents.py ": {"document": EVIL, "range": "0-20", "text": hashlib.sha256(EVIL.encode()).hexdigest()},
    "14_Cases.py": {}, "16_Improve.py": {},
}  # fmt: skip


def test_no_page_reads_foreign_text_as_markdown(stranger: str) -> None:
    for file, query in VISITS.items():
        page = pages.opened(file.strip(), **{name: stranger if text == RUN else text for name, text in query.items()})
        foreign = {(name, field) for name, field, text in texts(page) if any(mark in text for mark in MARKS)}
        assert foreign <= LITERAL, file
        # The Library's rows are in the bytes of a table, which a browser draws on a canvas.
        assert file == "4_Library.py" or any("pixel" in text for _, _, text in texts(page)), file
