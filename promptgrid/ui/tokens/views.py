"""Draws the Tokens page below its first row: the text, and views of its tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import regex
import streamlit as st

from promptgrid import tokens
from promptgrid.errors import PromptgridError
from promptgrid.humanize import many
from promptgrid.text import clean
from promptgrid.tokens import Tokenization
from promptgrid.ui.tokens import state
from promptgrid.ui.tokens.context import context
from promptgrid.ui.tokens.languages import languages_view
from promptgrid.ui.tokens.meaning import meaning_view
from promptgrid.ui.tokens.pieces import hexadecimal, pieces_view, place, visible
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.live_text import token_note, watch_text
from promptgrid.ui.widgets.plain import plain

WINDOW = 2000  # tokens drawn at a time
LINES = 1000  # lines listed
TOP = 3  # lines in the sentence on the costliest ones
_NEAR = 12  # characters quoted where two tokenizers differ
TEXT_HEIGHT, PIECES_HEIGHT, TABLE_HEIGHT = 150, 190, 320  # px
# Chinese and Japanese write no spaces between words: each character counts as one word.
_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]|[\p{L}\p{M}\p{N}_'’-]+")


@st.fragment
def body() -> None:
    """Draws the view that the user selects: Pieces, Lines, Two languages, Context or Meaning. Typing in the text reruns
    only this part of the page."""
    name = st.segmented_control("View", list(VIEWS), key=state.VIEW, required=True, label_visibility="collapsed")
    try:
        state.prepare()
        VIEWS[str(name)](state.selected_tokenizers())
    except PromptgridError as error:
        show_error(error)


def text_field(ref: str) -> str:
    """Draws the field of the text, with its count by the tokenizer `ref`; returns the text, updated while the user
    types."""
    # Streamlit drops the text of the field while a view without the field is shown.
    st.session_state.setdefault(state.TEXT, st.session_state.tokens_saved)
    with st.container(gap=None):
        st.text_area("Text", key=state.TEXT, height=TEXT_HEIGHT, placeholder="Write or paste a text")
        text = watch_text([state.TEXT], state.WATCH, note=token_note(ref))[state.TEXT]
        st.caption(facts(text), help="In Chinese and Japanese each character counts as a word.")
    state.save()
    return text


def facts(text: str) -> str:
    """Returns the text's numbers of characters, words, lines and bytes, as Markdown."""
    cleaned = clean(text)
    counts = {
        "character": len(text),
        "word": _words(text),
        "line": text.count("\n") + bool(text),
        "byte": len(cleaned.encode()),
    }
    replaced = "" if cleaned == text else " · lone surrogates are counted as U+FFFD, which is what is sent"
    return plain(" · ".join(many(count, noun) for noun, count in counts.items()) + replaced)


@lru_cache(maxsize=4)
def _words(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text))


def headline(tokenization: Tokenization) -> str:
    """Returns the number of tokens, and the mean number of tokens per word, as Markdown."""
    mark = "" if tokenization.count.exact else "≈ "
    words = _words(tokenization.text)
    rate = f" · {tokenization.count.tokens / words:.1f} per word" if words else ""
    return f"**{mark}{many(tokenization.count.tokens, 'token')}**{rate} :gray[{plain(state.title(tokenization.ref))}]"


def pieces(refs: Sequence[str]) -> None:
    """Draws the view Pieces: the tokens of the text by each tokenizer in `refs`, as coloured pieces and as a table."""
    text = text_field(refs[0])
    tokenizations = [state.tokenize(text, ref) for ref in refs]
    difference = _first_difference(tokenizations)
    differing = [difference.first, difference.second] if difference else [None, None]
    first = _window(tokenizations)
    for column, tokenization in zip(st.columns(len(tokenizations), gap="medium"), tokenizations, strict=False):
        with column:
            _column(tokenization, first, differing.pop(0))


def _column(tokenization: Tokenization, first: int, differing: int | None) -> None:
    st.markdown(headline(tokenization))
    if tokenization.text and not len(tokenization.ids):
        state.unknown_note(tokenization)
        return
    if tokenization.count.reason:
        st.caption(f"≈ {plain(tokenization.count.reason)}")
    page = tokenization.pieces(first, WINDOW)
    key = f"tokens_pieces_{tokenization.ref}"
    label = f"Tokens of {tokenization.ref}"
    pieces_view(page, tokenization.text, differing=differing, label=label, height=PIECES_HEIGHT, key=key)
    signs = len(tokenization.signs)
    if signs:
        what = "a control token" if signs == 1 else f"control tokens in {signs:,} places"
        st.caption(f":orange[●] This server reads {what} in the text, such as the end of a turn.")
    if not tokenization.located:
        st.caption(":orange[●] This tokenizer changes the text, so some tokens have no position in it.")
    with st.expander("As a table", on_change="rerun", key=f"{key}_table") as table:
        if table.open:
            rows = {
                "token": [piece.number + 1 for piece in page],
                "id": [piece.id for piece in page],
                "text": ["" if piece.text is None else repr(piece.text)[1:-1] for piece in page],
                "bytes": [hexadecimal(piece.data) for piece in page],
                "place": [place(piece) for piece in page],
            }
            st.dataframe(rows, hide_index=True, height=TABLE_HEIGHT, key=f"{key}_rows")


def _first_difference(tokenizations: Sequence[Tokenization]) -> tokens.Difference | None:
    """Returns the place from which the two tokenizations differ, and shows it as a caption; None if there is only one,
    they agree, or they cannot be compared."""
    if len(tokenizations) < 2 or not all(
        len(tokenization.ids) and tokenization.located for tokenization in tokenizations
    ):
        return None
    difference = tokens.first_difference(*tokenizations)
    if difference is None:
        st.caption("Both split the text alike." if tokenizations[0].text else "")
        return None
    text = tokenizations[0].text[difference.character : difference.character + _NEAR]
    ellipsis = "…" if difference.character + _NEAR < len(tokenizations[0].text) else ""
    where = f"They first differ at character {difference.character + 1:,}, before “{''.join(visible(text))}{ellipsis}”"
    pairs = zip((difference.first, difference.second), tokenizations, strict=False)
    edges = " and ".join(f"token {number + 1:,} of {tokenization.ref}" for number, tokenization in pairs)
    st.caption(plain(f"{where}: {edges} are outlined."))
    return difference


def _window(tokenizations: Sequence[Tokenization]) -> int:
    """Draws the page selector if a tokenization has more than `WINDOW` tokens. Returns the number of the first token on
    the page, from 0."""
    longest = max((len(tokenization.ids) for tokenization in tokenizations), default=0)
    if longest <= WINDOW:
        return 0
    pages = -(-longest // WINDOW)
    if st.session_state.get("tokens_page", 1) > pages:
        st.session_state.tokens_page = pages
    with st.container(horizontal=True, vertical_alignment="center"):
        page = st.pagination(pages, key="tokens_page")
        first = (page - 1) * WINDOW
        last = min(first + WINDOW, longest)
        st.caption(f"Tokens {first + 1:,} to {last:,} of {longest:,}; the counts are for the whole text.")
    return first


def lines(refs: Sequence[str]) -> None:
    """Draws the view Lines: the lines of the text with their token counts by each tokenizer in `refs`, most tokens
    first."""
    text = text_field(refs[0])
    tokenizations = [state.tokenize(text, ref) for ref in refs]
    if not text:
        st.caption("No lines yet.")
        return
    counts = [tokenization.by_line() for tokenization in tokenizations]
    texts = tokenizations[0].text.split("\n")
    costliest = sorted(range(len(texts)), key=lambda at: (-counts[0][at], at))[:LINES]
    total = max(sum(counts[0]), 1)
    columns = [f"{'' if each.count.exact else '≈ '}tokens ({each.ref.rpartition('/')[2]})" for each in tokenizations]
    rows: dict[str, list[object]] = {"line": [at + 1 for at in costliest]}
    for name, count in zip(columns, counts, strict=True):
        rows[name] = [count[at] for at in costliest]
    rows["share"] = [counts[0][at] / total for at in costliest]
    rows["text"] = [texts[at][:500] for at in costliest]
    if len(texts) > TOP:
        share = sum(counts[0][at] for at in costliest[:TOP]) / total
        st.caption(f"The {TOP} costliest of {len(texts):,} lines take {share:.0%} of the tokens.")
    if len(texts) > LINES:
        st.caption(f"The table has the {LINES:,} costliest; for all, use `promptgrid tokens FILE --by-line --json`.")
    largest = max(1e-9, counts[0][costliest[0]] / total)
    share_bar = st.column_config.ProgressColumn(format="percent", min_value=0, max_value=largest, width=120)
    st.dataframe(
        rows,
        hide_index=True,
        height=min(TABLE_HEIGHT, 38 + 35 * len(costliest)),
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
    "Meaning": meaning_view,
}
