"""How this works: a page's own explanation, folded away, in English or Chinese.

The texts are ours, one Markdown file a topic and language in explanations/: `tokens.en.md`, `tokens.zh.md`. Links name
a paper or an official page. Every topic says the same in both languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import streamlit as st

from promptgrid.store.drafts import draft, keep_draft
from promptgrid.ui.server import database

TEXTS = Path(__file__).parent / "explanations"
LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
_TITLES: Mapping[str, str] = {"en": "How this works", "zh": "How this works · 原理"}
_KEPT = "explain_language"  # what was chosen last, on whatever page, for the next visit too


def explain(topic: str) -> None:
    """Draws the expander for `explanations/TOPIC.*.md`. The language that is chosen holds for all topics, and stays."""
    language, key = _language(), f"explain_{topic}"
    with st.expander(_TITLES[language], key=key):
        st.session_state[f"{key}_language"] = language  # another expander may have changed it
        st.segmented_control(
            "Language",
            list(LANGUAGES),
            key=f"{key}_language",
            format_func=LANGUAGES.__getitem__,
            required=True,
            on_change=_choose,
            args=(topic,),
            label_visibility="collapsed",
        )
        st.markdown(explanation(topic, language))


@cache
def explanation(topic: str, language: str) -> str:
    """The text of a topic, as Markdown."""
    return (TEXTS / f"{topic}.{language}.md").read_text("utf-8")


def _language() -> str:
    """As chosen; before that as the browser speaks."""
    if _KEPT not in st.session_state:
        usual = "zh" if str(st.context.locale or "").startswith("zh") else "en"
        kept = draft(database(), _KEPT)
        st.session_state[_KEPT] = kept if kept in LANGUAGES else usual
    return str(st.session_state[_KEPT])


def _choose(topic: str) -> None:
    language = st.session_state[f"explain_{topic}_language"]
    st.session_state[_KEPT] = language
    keep_draft(database(), _KEPT, language)
