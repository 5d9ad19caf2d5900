"""The text of each kind of file, as the ranges of chunks and gold refer to it."""

from __future__ import annotations

import time

import pytest

from promptgrid.documents import pdf as pdf_reader
from promptgrid.documents.markup import html_text
from promptgrid.documents.reading import extract
from promptgrid.errors import DocumentsError, PromptgridError
from tests.documents.made import pdf


def test_a_text_is_nfkc_with_plain_line_breaks() -> None:
    assert extract("ﬁve ⼀\r\n２\r".encode(), "a.txt").text == "five 一\n2\n"


def test_a_markdown_file_has_its_first_heading_as_title() -> None:
    extracted = extract(b"intro\n\n## The *ferry* ##\ntext", "a.md")
    assert (extracted.title, extracted.text) == ("The *ferry*", "intro\n\n## The *ferry* ##\ntext")


def test_html_becomes_headings_and_paragraphs_without_scripts() -> None:
    page = b"""<html><head><title>Tide &amp; time</title><style>p{}</style></head><body><h2>Hours</h2>
      <p>Open <b>daily</b><br>from 9</p><script>alert("<p>no</p>")</script><ul><li>one<li>two</ul>
      <svg><text>no</text></svg></body>"""
    extracted = extract(page, "a.html")
    assert extracted.title == "Tide & time"
    assert extracted.text == "## Hours\n\nOpen daily\nfrom 9\n\none\n\ntwo"


def test_html_is_read_in_the_encoding_that_it_names() -> None:
    page = '<meta charset="gb2312"><p>渡船</p>'.encode("gb2312")
    assert extract(page, "a.html").text == "渡船"


@pytest.mark.parametrize(
    "piece", ["<", "<!--", "<a ", "<a '", "</", "&", "&#1", "<div>", "<script>", "<![CDATA[", "</p"]
)
def test_hostile_html_takes_no_long_time(piece: str) -> None:
    began = time.process_time()
    html_text(piece * (500_000 // len(piece)))
    assert time.process_time() - began < 8


def test_html_that_is_no_tag_stays_a_text() -> None:
    assert html_text("<p>3 < 4 &lt;b&gt; <!-- <p>no --> a <b title='>'>c</b> <!doctype x>d")[0] == "3 < 4 <b> a c d"


def test_each_row_of_a_table_is_a_paragraph_and_a_page() -> None:
    extracted = extract(b"name,price\nsaw,12\nrake,\n", "a.csv")
    assert extracted.text == "name: saw\nprice: 12\n\nname: rake"
    assert [extracted.text[at:].split("\n")[0] for at in extracted.pages] == ["name: saw", "name: rake"]


def test_the_pages_of_a_pdf_are_known() -> None:
    extracted = extract(pdf(["The ferry leaves at nine.", "", "Dogs travel free."]), "a.pdf")
    assert extracted.text == "The ferry leaves at nine.\n\n\n\nDogs travel free."
    assert [extracted.text[at : at + 4] for at in extracted.pages] == ["The ", "\n\nDo", "Dogs"]
    assert extracted.note == "1 of 3 pages have no text"


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (pdf(["", ""]), "scan.pdf", "2 pages hold pictures"),
        (pdf(["secret"], encrypted=True), "a.pdf", "a.pdf is encrypted"),
        (b"%PDF-1.7 rubbish", "b.pdf", r"b\.pdf cannot be read as a PDF: .*[^.]\. Open it"),
        (b"", "empty.txt", "empty.txt has no text"),
        (b"a\0b", "a.txt", "holds the byte 0"),
        (pdf(["x"]), "a.txt", "a.txt is a PDF"),
        ("Übung".encode("cp1252"), "a.txt", "a.txt is not UTF-8"),
        (bytes(range(1, 256)), "a.txt", "No encoding that is tried makes a text of it"),
        (b"MZ", "a.exe", "none of"),
        (b'a,b\n"open', "a.csv", "never closed"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(data: bytes, name: str, words: str) -> None:
    with pytest.raises(PromptgridError, match=words):
        extract(data, name)


def test_a_pdf_that_ends_its_reader_or_takes_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_reader, "SECONDS", 0.001)
    with pytest.raises(DocumentsError, match=r"slow\.pdf took more than"):
        extract(pdf(["x"]), "slow.pdf")
    monkeypatch.undo()
    monkeypatch.setattr(pdf_reader, "_CHILD", "import os; os.abort()")
    with pytest.raises(DocumentsError, match="ended the reader"):
        extract(pdf(["x"]), "crash.pdf")
