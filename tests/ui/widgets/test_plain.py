"""Foreign text is shown, never interpreted."""

from __future__ import annotations

import html
import re

import pytest
from markdown_it import MarkdownIt

from promptgrid.ui.widgets import plain
from tests.ui.widgets.shown import shown


@pytest.mark.parametrize(
    "text",
    [
        "![](http://a.b/c.png)",
        "$x^2$ costs $3",
        ":material/home: :smile: :red[x]",
        "<b>&amp;</b>",
        "a_b*c*`d`~e~|f|",
        "\\",
        "评论：很好",
    ],
)
def test_plain_shows_the_text_itself(text: str) -> None:
    assert shown(plain.plain(text)) == text


def test_plain_escapes_every_character_that_markdown_knows() -> None:
    assert plain.plain("[x]") == "&#91;x&#93;"
    for character in "!\"#$%&'()*+,-./:;<=>?@\\^_`{|}~":
        assert plain.plain(f"a{character}") == f"a\\{character}"


@pytest.mark.parametrize(
    "text", ["# head", "- item", "1. item", "    code", "a\n\nb", "a\n===", "|a|\n|-|", "\u2028x", "a\r\nb"]
)
def test_plain_is_one_line_without_indent(text: str) -> None:
    escaped = plain.plain(text)
    assert len(escaped.splitlines()) == 1
    assert not escaped.startswith(" ")


@pytest.mark.parametrize(
    "text",
    [
        "http://evil.test/x",
        "https://evil.test",
        "WWW.evil.test",
        "a@evil.test",
        ":fire:",
        ":streamlit:",
        "a -> b",
        "a -- b",
        "a <= b",
    ],
)
def test_what_markdown_looks_for_after_the_escapes_is_broken_up(text: str) -> None:
    late = re.compile(r"https?://|www\.|\w@\w|:\w+:|(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)", re.IGNORECASE)
    assert late.search(text)
    assert not late.search(re.sub(r"\\(\W)", r"\1", re.sub("`[^`]*`", "", plain.plain(text))))


@pytest.mark.parametrize(
    ("text", "copied"),
    [
        ("Is http://localhost:11434/v1, the server, running?", "http://localhost:11434/v1"),
        ("Add --expected COLUMN.", "--expected"),
        ("(https://a.b/c_d?e=f)", "https://a.b/c_d?e=f"),
    ],
)
def test_what_is_copied_from_a_page_has_no_invisible_character(text: str, copied: str) -> None:
    assert f"`{copied}`" in plain.plain(text)


@pytest.mark.parametrize("text", [r"C:\\work\\-->a:b", "a `tick` b", "`", "http://[::1]:80/v1", "a  b"])
def test_a_path_is_a_code_span_that_holds_each_character(text: str) -> None:
    rendered = MarkdownIt("commonmark").renderInline(plain.copied(text))
    assert html.unescape(rendered) == f"<code>{' '.join(text.split())}</code>"


def test_plain_replaces_what_cannot_be_sent_or_would_turn_words_around() -> None:
    assert plain.plain("a\ud800b\u202ec\x00d\x1b") == "a\ufffdb\ufffdc\ufffdd\ufffd"


def test_plain_cuts_after_the_limit_and_keeps_an_escape_whole() -> None:
    assert plain.plain("**" * 50, limit=4) == "\\*\\*\\*…"
    assert plain.plain("abcd", limit=4) == "abcd"


def test_plain_takes_any_object() -> None:
    assert plain.plain(None) == "None"
    assert plain.plain(KeyError("a_b")) == r"\'a\_b\'"
