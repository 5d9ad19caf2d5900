"""Reads the text of an HTML page: headings as `#` lines, blocks as paragraphs, without tags, scripts and styles.

Not by `html.parser`: in Python 3.11 it takes time by the square of the length for some broken pages.
"""

from __future__ import annotations

import re
from html import unescape

_RAW = frozenset({"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "textarea", "select"})
_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "caption", "dd", "div", "dl", "dt", "fieldset"),
        *("figcaption", "figure", "footer", "form", "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre"),
        *("section", "table", "tbody", "tfoot", "thead", "ul"),
    }
)
_BREAKS = {"br": "\n", "tr": "\n", "td": " ", "th": " ", **dict.fromkeys(_BLOCKS, "\n\n")}
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]{0,40})(?:[^>\"']|\"[^\"]*\"|'[^']*')*+>")
_BEGINS_TAG = re.compile(r"</?[a-zA-Z]")
_HEADING = re.compile(r"h([1-6])")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.-]{2,20})", re.IGNORECASE)
_HEAD_BYTES = 2000


def html_text(markup: str) -> tuple[str, str]:
    """Returns (the text, the title) of an HTML page; "" for a page without a title. Any text is accepted; as in a
    browser, a comment, a tag or a script that never ends takes the rest of the page."""
    pieces: list[str] = []
    title: list[str] = []
    at, into = 0, pieces
    while at < len(markup):
        begin = markup.find("<", at)
        begin = len(markup) if begin < 0 else begin
        into.append(unescape(markup[at:begin]).replace("\n", " "))
        if begin == len(markup):
            break
        tag = _TAG.match(markup, begin)
        if tag is None:
            at = _behind(markup, begin, into)
            continue
        at, name, closes = tag.end(), tag[2].lower(), bool(tag[1])
        if name == "title":
            into = pieces if closes else title
        elif name in _RAW and not closes:
            at = _end_of_raw(markup, at, name)
        else:
            pieces.append(_break(name, closes))
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip(), " ".join("".join(title).split())


def declared_charset(data: bytes) -> str:
    """Returns the encoding that the page names in a `meta` element near its beginning; "" if it names none."""
    match = _CHARSET.search(data[:_HEAD_BYTES])
    return match[1].decode("ascii", "ignore") if match else ""


def _break(name: str, closes: bool) -> str:
    """Returns what stands in the text in place of a tag: the sign of a heading, line breaks, or nothing."""
    if heading := _HEADING.fullmatch(name):
        return "\n\n" if closes else f"\n\n{'#' * int(heading[1])} "
    return "" if closes and name not in _BLOCKS else _BREAKS.get(name, "")


def _behind(markup: str, begin: int, into: list[str]) -> int:
    """Returns the index behind the `<` at `begin` that begins no whole tag: a comment, a declaration, a tag that never
    ends, or a plain sign, which is added to the text."""
    if markup.startswith("<!--", begin):
        end = markup.find("-->", begin + 4)
        return len(markup) if end < 0 else end + 3
    if markup.startswith(("<!", "<?"), begin):
        end = markup.find(">", begin)
        return len(markup) if end < 0 else end + 1
    if _BEGINS_TAG.match(markup, begin):
        return len(markup)
    into.append("<")
    return begin + 1


def _end_of_raw(markup: str, at: int, name: str) -> int:
    """Returns the index behind the closing tag of the element `name`, whose content is no text of the page."""
    closing = re.compile(f"</{name}[^>]*>", re.IGNORECASE).search(markup, at)
    return closing.end() if closing else len(markup)
