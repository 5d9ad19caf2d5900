"""Every chunk is a range of its document, and the ranges cover it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.documents import cutting
from promptgrid.documents.chunkers import CHUNKER_KINDS, Chunker, ChunkerKind, chunks, parse_chunker
from promptgrid.errors import DocumentsError
from promptgrid.tokens import count_in
from tests.documents.made import stored

PIECES = [
    "The ferry leaves at nine. ", "Dr. Who? ",
    "渡船九点开。", "“真的!”", "它说:“不。”好;", "\n\n", "\n", "# Hours\n", "第三章 票价\n",
    "word " * 30, "x" * 90, "香" * 20, "👩‍👩‍👧 ", "e\u0301", "   ", "1. one\n", "a;b",
]  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.sampled_from(CHUNKER_KINDS),
    st.integers(4, 60),
    st.integers(0, 30),
)
def test_chunks_cover_the_text_and_overlap_as_declared(text: str, kind: ChunkerKind, size: int, overlap: int) -> None:
    chunker = Chunker(kind, size, min(overlap, size // 2))
    cut = chunks(stored(text), chunker)
    places = cutting.token_places(text, chunker.tokenizer)[:-1] if text else ()

    def begun(start: int, end: int) -> int:
        return sum(start <= place < end for place in places)

    assert (cut[0].start, cut[-1].end) == (0, len(text)) if text else cut == []
    for chunk in cut:
        assert chunk.text == text[chunk.start : chunk.end] != ""
        assert chunk.tokens == begun(chunk.start, chunk.end)
        assert chunk.tokens <= size or chunk.end - chunk.start == 1  # a character of several tokens stays whole
    for one, other in pairwise(cut):
        assert one.start < other.start <= one.end < other.end
        assert begun(other.start, one.end) <= chunker.overlap


def test_chunks_of_tokens_have_exactly_the_size_and_the_overlap() -> None:
    text = "word " * 1000
    cut = chunks(stored(text), Chunker("tokens", 100, 25))
    assert [chunk.tokens for chunk in cut[:-1]] == [100] * (len(cut) - 1)
    assert [count_in("o200k_base", text[b.start : a.end].strip()).tokens for a, b in pairwise(cut)] == [25] * (
        len(cut) - 1
    )


def test_english_sentences_end_where_a_reader_ends_them() -> None:
    text = "Dr. Oak paid 3.50 (e.g. in coins). “Why?” she asked. No. 7 runs. Yes! End"
    at = cutting.sentences(text)
    assert [text[a:b].strip() for a, b in pairwise([*at, len(text)])] == [
        "Dr. Oak paid 3.50 (e.g. in coins).", "“Why?” she asked.", "No. 7 runs.", "Yes!", "End",
    ]  # fmt: skip


def test_chinese_sentences_end_without_blanks() -> None:
    text = "渡船九点开。票价3.5元!“几点?”他问;没人答。。结束"
    at = cutting.sentences(text)
    assert [text[a:b] for a, b in pairwise([*at, len(text)])] == [
        "渡船九点开。", "票价3.5元!", "“几点?”", "他问;", "没人答。。", "结束",
    ]  # fmt: skip


def test_a_section_is_a_chunk_and_a_long_one_is_cut_at_paragraphs() -> None:
    text = "# One\nshort\n\n# Two\n" + "A sentence here. " * 5 + "\n\n" + "Another one. " * 5
    cut = chunks(stored(text, "a.md"), Chunker("headings", 30))
    assert [chunk.text.split()[0] for chunk in cut] == ["#", "#", "Another"]
    assert [chunk.text.split("\n")[0] for chunk in cut[:2]] == ["# One", "# Two"]


def test_chapters_of_a_chinese_text_are_headings() -> None:
    text = "第一章 船\n开往小岛。\n第二章 票\n三元。"
    assert [chunk.text[:5] for chunk in chunks(stored(text), Chunker("headings"))] == ["第一章 船", "第二章 票"]


def test_a_recursive_chunk_does_not_cut_a_paragraph_that_fits() -> None:
    paragraphs = ["One two three. Four five six.", "Seven eight nine.", "Ten eleven twelve."]
    cut = chunks(stored("\n\n".join(paragraphs)), Chunker("recursive", 10))
    assert [chunk.text.strip() for chunk in cut] == [paragraphs[0], "\n\n".join(paragraphs[1:])]


def test_a_chunk_knows_its_page() -> None:
    document = stored("first page\n\nsecond page", "a.pdf", pages=[0, 12])
    cut = chunks(document, Chunker("tokens", 2))
    assert [(chunk.page, chunk.place) for chunk in (cut[0], cut[-1])] == [(1, "a.pdf, page 1"), (2, "a.pdf, page 2")]
    assert chunks(stored("x"), Chunker())[0].place == "a.txt, characters 0–1"


def test_a_chunker_is_written_and_read() -> None:
    for text in ("recursive", "sentences:size=120,overlap=20", "tokens:tokenizer=cl100k_base"):
        assert str(parse_chunker(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sentence", "Did you mean sentences"),
        ("tokens:size=0", "cannot have 0 tokens"),
        ("tokens:size=10,overlap=6", "cannot overlap by 6"),
        ("tokens:size=x", "not 'x'"),
        ("tokens:length=5", "no option 'length'"),
    ],
)
def test_a_chunker_that_cannot_be_is_refused(text: str, words: str) -> None:
    with pytest.raises(DocumentsError, match=words):
        parse_chunker(text)
