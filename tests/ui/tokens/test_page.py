"""The Tokens page: counts, pieces, lines, two languages, and what cannot be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid import builtin, tokens
from promptgrid.tokens import Piece
from promptgrid.ui.tokens import pieces as tokens_pieces
from promptgrid.ui.tokens import state as tokens_state
from promptgrid.ui.tokens.languages import LETTERS
from promptgrid.ui.tokens.views import facts
from promptgrid.ui.widgets.live_text import token_note
from tests.ui import pages
from tests.ui.pages import ran, shown

HOSTILE = "![x](http://127.0.0.1:9/i.png) <b>b</b> :red[r] $x$"


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Piece]]:
    """The pieces that the page draws, by the label of their box."""
    pieces_by_label: dict[str, list[Piece]] = {}

    def view(pieces: Any, text: str, *, label: str, **options: Any) -> None:
        pieces_by_label[label.removeprefix("Tokens of ")] = list(pieces)

    monkeypatch.setattr("promptgrid.ui.tokens.views.pieces_view", view)
    return pieces_by_label


def opened(text: str | None = None, *refs: str) -> AppTest:
    at = pages.page("8_Tokens.py")
    at.session_state[tokens_state.BY], at.session_state[tokens_state.BESIDE] = (
        (*refs, "")[:2]
        if refs
        else (
            "o200k_base",
            "cl100k_base",
        )
    )
    if text is not None:
        at.session_state["tokens_saved"] = text
    return ran(at)


def test_the_first_example_is_cut_by_two_tokenizers(boxes: dict[str, list[Piece]]) -> None:
    at = opened()
    assert at.text_area(key=tokens_state.TEXT).value == "我喜欢香蕉"
    assert {ref: len(pieces) for ref, pieces in boxes.items()} == {"o200k_base": 3, "cl100k_base": 10}
    assert "**3 tokens**" in shown(at)
    assert "They first differ at character 2" in shown(at)
    assert "5 characters · 5 words · 1 line · 15 bytes" in shown(at)


def test_a_text_survives_a_refresh_and_another_view(boxes: dict[str, list[Piece]]) -> None:
    at = opened()
    at.text_area(key=tokens_state.TEXT).set_value(HOSTILE).run()
    assert not at.exception
    at.button_group(key=tokens_state.VIEW).set_value("Two languages").run()
    at.button_group(key=tokens_state.VIEW).set_value("Pieces").run()
    assert at.text_area(key=tokens_state.TEXT).value == HOSTILE
    again = pages.page("8_Tokens.py").run()
    assert again.text_area(key=tokens_state.TEXT).value == HOSTILE


def test_the_costliest_lines_come_first() -> None:
    at = opened("a\n我喜欢香蕉\nb b\n\n")
    at.button_group(key=tokens_state.VIEW).set_value("Lines").run()
    assert not at.exception
    table = at.dataframe[0].value
    assert list(table["line"])[:3] == [2, 3, 1]
    assert list(table["tokens (cl100k_base)"])[:3] == [11, 3, 2]
    assert "The 3 costliest of 5 lines" in shown(at)


def test_the_same_letter_costs_more_in_chinese_and_the_table_says_by_whom() -> None:
    at = opened("x", "cl100k_base")
    at.button_group(key=tokens_state.VIEW).set_value("Two languages").run()
    assert not at.exception
    table = at.dataframe[0].value
    row = table[table["tokenizer"].str.startswith("cl100k_base")].iloc[0]
    wanted = [tokens.count_in("cl100k_base", LETTERS[name]).tokens for name in ("English", "Chinese")]
    assert [row["English"], row["Chinese"]] == wanted
    assert f"The Chinese text takes **{wanted[1] / wanted[0]:.2f} ×** the tokens" in shown(at)
    at.selectbox(key="tokens_other_language").set_value("German").run()
    assert at.text_area(key="tokens_other").value == LETTERS["German"]


def test_the_context_of_a_prompt_is_shown_and_what_is_cut_in_a_smaller_one() -> None:
    at = opened("x", "o200k_base")
    at.button_group(key=tokens_state.VIEW).set_value("Context").run()
    at.selectbox(key="tokens_context_prompt").set_value("sentiment").run()
    assert not at.exception
    assert at.selectbox(key="tokens_context_technique_sentiment").value == "few-shot"
    assert "more examples of this length fit" in shown(at)
    at.select_slider(key="tokens_context_limit").set_value(256).run()
    assert not at.exception
    (cut,) = [frame.value for frame in at.dataframe]
    assert all("example" in words for words in cut["is cut"])


def test_examples_and_prompts_are_loaded(boxes: dict[str, list[Piece]]) -> None:
    at = opened()
    at.button(key="tokens_example_Emoji").click().run()
    assert "🍌" in str(at.text_area(key=tokens_state.TEXT).value)
    at.selectbox(key="tokens_prompt").set_value("sentiment").run()
    assert not at.exception
    assert "{{ text }}" in str(at.text_area(key=tokens_state.TEXT).value)


def test_a_typed_text_that_another_replaces_comes_back() -> None:
    at = opened("typed by me")
    at.button(key="tokens_example_Emoji").click().run()
    at.button(key="tokens_undo").click().run()
    assert at.text_area(key=tokens_state.TEXT).value == "typed by me"
    at.button_group(key=tokens_state.VIEW).set_value("Two languages").run()
    at.text_area(key="tokens_one").set_value("My letter").run()
    at.selectbox(key="tokens_one_language").set_value("German").run()
    at.button(key="tokens_undo").click().run()
    assert at.text_area(key="tokens_one").value == "My letter"
    assert not at.exception


def test_a_file_that_is_not_utf8_is_told_with_its_place_and_changes_nothing() -> None:
    at = opened("before")
    at.file_uploader(key="tokens_file").upload("bad.txt", b"ab\n\xff", "text/plain").run()
    assert not at.exception
    assert "byte 4" in at.error[0].value.replace("\\", "")
    assert at.text_area(key=tokens_state.TEXT).value == "before"
    at.file_uploader(key="tokens_file").upload("good.txt", "äö\n".encode(), "text/plain").run()
    assert at.text_area(key=tokens_state.TEXT).value == "äö\n"


def test_a_tokenizer_that_is_not_here_says_so(boxes: dict[str, list[Piece]]) -> None:
    at = opened("some text", "builtin/smollm2-135m-instruct", "o200k_base")
    assert set(boxes) == {"o200k_base"}
    assert "≈" in shown(at)
    assert "not on this machine" in shown(at)
    assert "nobody" in opened("some text", "nobody/x").error[0].value


def test_a_model_whose_name_is_text_like_any_other(boxes: dict[str, list[Piece]]) -> None:
    assert not opened("some text", f"builtin/{HOSTILE}").exception


def test_of_a_long_text_a_window_is_drawn(boxes: dict[str, list[Piece]]) -> None:
    at = opened("word\n" * 5000, "o200k_base")
    assert [len(boxes["o200k_base"]), boxes["o200k_base"][0].number] == [2000, 0]
    assert "Tokens 1 to 2,000 of 10,000; the counts" in shown(at)
    at.session_state["tokens_page"] = 5
    at.run()
    assert [len(boxes["o200k_base"]), boxes["o200k_base"][0].number] == [2000, 8000]


def test_a_long_text_is_sent_to_a_server_only_on_demand(
    builtin_home: Path, monkeypatch: pytest.MonkeyPatch, boxes: dict[str, list[Piece]]
) -> None:
    monkeypatch.delenv("PROMPTGRID_BUILTIN_MODEL")
    ref = f"builtin/{builtin.MODEL}"
    at = opened("我喜欢香蕉\n" * 9000, ref)
    assert boxes == {}
    assert "≈ 36,000 tokens" in shown(at)
    at.button(key=f"tokens_ask_{ref}").click().run()
    assert not at.exception
    assert len(boxes[ref]) == 2000
    assert "**135,000 tokens**" in shown(at)


def test_what_cannot_be_seen_has_a_sign() -> None:
    assert tokens_pieces.visible(" a\n") == ["", "·", "a", "↵\n"]
    assert tokens_pieces.visible("\u200d\u3000") == ["", "U+200DU+3000"]
    assert "".join(tokens_pieces.visible("\u0301")) == "◌\u0301"
    assert tokens_pieces.visible("plain") == ["plain"]


@pytest.mark.parametrize(
    ("data", "halves"),
    [
        ("我".encode()[:2], (b"", "", b"\xe6\x88")),
        ("我".encode()[2:], (b"\x91", "", b"")),
        (" 我".encode()[:3], (b"", " ", b"\xe6\x88")),
        ("我我我".encode()[1:-1], (b"\x88\x91", "我", b"\xe6\x88")),
    ],
)
def test_a_token_across_characters_shows_what_is_whole(data: bytes, halves: tuple[bytes, str, bytes]) -> None:
    assert tokens_pieces._halves(data) == halves
    parts = tokens_pieces._around("a", tokens_pieces.visible(halves[1]), "b")
    assert (parts[0], parts[-1], len(parts) % 2) == ("a", "b", 1)


def test_the_note_of_a_field_says_how_sure_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert token_note("o200k_base")("hello world") == "2 tokens"
    assert token_note("openai/gpt-4o")("hello") == "1 token"
    assert token_note(f"builtin/{builtin.MODEL}")("hello world") == "≈ 3 tokens"
    assert token_note("nobody/x")("hello") == ""


def test_facts_of_odd_texts() -> None:
    assert "lone surrogates" in facts("a\ud800")
    assert facts("") == "0 characters · 0 words · 0 lines · 0 bytes"
