"""The Tokens page beneath its first row: the text, and ways to look at its tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import regex
import streamlit as st

from promptgrid import tokens
from promptgrid.errors import PromptgridError
from promptgrid.humanize import many
from promptgrid.tokens import Tokenization
from promptgrid.ui.tokens import state
from promptgrid.ui.tokens.context import context
from promptgrid.ui.tokens.languages import languages_view
from promptgrid.ui.tokens.pieces import hexadecimal, pieces_view, place
from promptgrid.ui.tokens.pieces import shown as seen
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.live_text import watch_text
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.token_note import token_note

WINDOW = 2000  # tokens drawn at a time
LINES = 1000  # lines listed
TOP = 3  # lines that are summed up
_NEAR = 12  # characters quoted where two tokenizers part
TEXT_HEIGHT, PIECES_HEIGHT, TABLE_HEIGHT = 150, 190, 320  # px
# Chinese and Japanese write no blanks between words: there each character counts as one
_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]|[\p{L}\p{M}\p{N}_'’-]+")


@st.fragment
def body() -> None:
    """Text and views; reruns alone while somebody types."""
    name = st.segmented_control("View", list(VIEWS), key=state.VIEW, required=True, label_visibility="collapsed")
    try:
        state.prepare()
        VIEWS[str(name)](state.chosen())
    except PromptgridError as error:
        show_error(error)


def text_field(ref: str) -> str:
    """The text as far as it is typed."""
    state.restore()
    with st.container(gap=None):
        st.text_area("Text", key=state.TEXT, height=TEXT_HEIGHT, placeholder="Write or paste a text")
        text = watch_text([state.TEXT], state.WATCH, note=token_note(ref))[state.TEXT]
        st.caption(facts(text), help="In Chinese and Japanese each character counts as a word.")
    state.keep()
    return text


def facts(text: str) -> str:
    """Characters, words, lines and bytes, as Markdown."""
    sent = tokens.clean(text)
    counts = {
        "character": len(text),
        "word": _words(text),
        "line": text.count("\n") + bool(text),
        "byte": len(sent.encode()),
    }
    replaced = "" if sent == text else " · lone surrogates are counted as U+FFFD, as they are sent"
    return plain(" · ".join(many(count, noun) for noun, count in counts.items()) + replaced)


@lru_cache(maxsize=4)
def _words(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text))


def headline(found: Tokenization) -> str:
    """Tokens, and how many a word is, as Markdown."""
    about = "" if found.count.exact else "≈ "
    words = _words(found.text)
    rate = f" · {found.count.tokens / words:.1f} a word" if words else ""
    return f"**{about}{many(found.count.tokens, 'token')}**{rate} :gray[{plain(state.named(found.ref))}]"


def pieces(refs: Sequence[str]) -> None:
    """The tokens as pieces, side by side, and as a table."""
    text = text_field(refs[0])
    found = [state.tokenize(text, ref) for ref in refs]
    apart = _apart(found)
    first = _window(found)
    for column, one in zip(st.columns(len(found), gap="medium"), found, strict=False):
        number = None if apart is None else (apart.first if one is found[0] else apart.second)
        with column:
            _column(one, first, number)


def _column(found: Tokenization, first: int, apart: int | None) -> None:
    st.markdown(headline(found))
    if found.text and not len(found.ids):
        state.unknown_note(found)
        return
    if found.count.reason:
        st.caption(f"≈ {plain(found.count.reason)}")
    shown = found.pieces(first, WINDOW)
    key = f"tokens_pieces_{found.ref}"
    pieces_view(shown, found.text, apart=apart, label=f"Tokens of {found.ref}", height=PIECES_HEIGHT, key=key)
    signs = len(found.signs)
    if signs:
        what = "a control sign" if signs == 1 else f"control signs in {signs:,} places"
        st.caption(f":orange[●] This server reads {what} in the text, as if it were a turn's end or the like.")
    if not found.located:
        st.caption(f":orange[●] {plain('This tokenizer changes the text, so not every token has a place in it.')}")
    with st.expander("As a table", on_change="rerun", key=f"{key}_table") as table:
        if table.open:
            rows = {
                "token": [piece.number + 1 for piece in shown],
                "id": [piece.id for piece in shown],
                "text": ["" if piece.text is None else repr(piece.text)[1:-1] for piece in shown],
                "bytes": [hexadecimal(piece.data) for piece in shown],
                "place": [place(piece) for piece in shown],
            }
            st.dataframe(rows, hide_index=True, height=TABLE_HEIGHT, key=f"{key}_rows")


def _apart(found: Sequence[Tokenization]) -> tokens.Difference | None:
    """Says where two tokenizations part."""
    if len(found) < 2 or not all(len(one.ids) and one.located for one in found):
        return None
    apart = tokens.first_difference(*found)
    if apart is None:
        st.caption("Both cut the text alike." if found[0].text else "")
        return None
    near = found[0].text[apart.character : apart.character + _NEAR]
    more = "…" if apart.character + _NEAR < len(found[0].text) else ""
    where = f"They part at character {apart.character + 1:,}, before “{''.join(seen(near))}{more}”"
    at = zip((apart.first, apart.second), found, strict=False)
    which = " and ".join(f"token {number + 1:,} of {one.ref}" for number, one in at)
    st.caption(plain(f"{where}: {which} have an edge."))
    return apart


def _window(found: Sequence[Tokenization]) -> int:
    """The number of the first token drawn, where there are more than can be drawn at once."""
    longest = max((len(one.ids) for one in found), default=0)
    if longest <= WINDOW:
        return 0
    pages = -(-longest // WINDOW)
    if st.session_state.get("tokens_page", 1) > pages:
        st.session_state.tokens_page = pages
    with st.container(horizontal=True, vertical_alignment="center"):
        page = st.pagination(pages, key="tokens_page")
        first = (page - 1) * WINDOW
        last = min(first + WINDOW, longest)
        st.caption(f"Tokens {first + 1:,} to {last:,} of {longest:,} are drawn; the counts are of the whole text.")
    return first


def lines(refs: Sequence[str]) -> None:
    """The lines that cost most."""
    text = text_field(refs[0])
    found = [state.tokenize(text, ref) for ref in refs]
    if not text:
        st.caption("No lines yet.")
        return
    counts = [one.by_line() for one in found]
    texts = found[0].text.split("\n")
    most = sorted(range(len(texts)), key=lambda at: (-counts[0][at], at))[:LINES]
    total = max(sum(counts[0]), 1)
    columns = [f"{'' if one.count.exact else '≈ '}tokens ({one.ref.rpartition('/')[2]})" for one in found]
    rows: dict[str, list[object]] = {"line": [at + 1 for at in most]}
    for name, count in zip(columns, counts, strict=True):
        rows[name] = [count[at] for at in most]
    rows["share"] = [counts[0][at] / total for at in most]
    rows["text"] = [texts[at][:500] for at in most]
    if len(texts) > TOP:
        share = sum(counts[0][at] for at in most[:TOP]) / total
        st.caption(f"The {TOP} costliest of {len(texts):,} lines take {share:.0%} of the tokens.")
    if len(texts) > LINES:
        st.caption(f"The {LINES:,} costliest are listed; all of them with `promptgrid tokens FILE --by-line --json`.")
    largest = max(1e-9, counts[0][most[0]] / total)
    share_bar = st.column_config.ProgressColumn(format="percent", min_value=0, max_value=largest, width=120)
    st.dataframe(
        rows,
        hide_index=True,
        height=min(TABLE_HEIGHT, 38 + 35 * len(most)),
        key="tokens_lines",
        column_config={
            "line": st.column_config.NumberColumn(width=60),
            **{name: st.column_config.NumberColumn(width=220) for name in columns},
            "share": share_bar,
            "text": st.column_config.TextColumn(width="large"),
        },
    )


VIEWS: Mapping[str, Callable[[Sequence[str]], None]] = {
    "Pieces": pieces,
    "Lines": lines,
    "Two languages": languages_view,
    "Context": context,
}
