"""The explanation of a page, in a closed expander titled "How this works", in English or Chinese.

The texts are Markdown files in explanations/, one for each topic and language: `tokens.en.md`, `tokens.zh.md`. Both
languages have the same content. Links lead to papers and official pages only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import streamlit as st

from promptgrid.store.drafts import draft, keep_draft
from promptgrid.ui.server import database
from promptgrid.ui.widgets.fields import buttons

TEXTS = Path(__file__).parent / "explanations"
LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
_TITLES: Mapping[str, str] = {"en": "How this works", "zh": "How this works · 原理"}
_SETTING = "explain_language"  # in the session state, and as a draft for the next visit


def explain(topic: str) -> None:
    """Draws a closed expander with the file `explanations/TOPIC.LANGUAGE.md`, and a switch of the language. The
    language applies to all topics and is saved."""
    language, key = _language(), f"explain_{topic}"
    with st.expander(_TITLES[language], key=key):
        st.session_state[f"{key}_language"] = language  # another page may have changed it
        hidden, action = {"label_visibility": "collapsed"}, {"on_change": _save_language, "args": (topic,)}
        buttons("Language", LANGUAGES, f"{key}_language", **hidden, **action)
        st.markdown(explanation(topic, language))


@cache
def explanation(topic: str, language: str) -> str:
    return (TEXTS / f"{topic}.{language}.md").read_text("utf-8")


def _language() -> str:
    """Returns the language that the user has chosen (`en` or `zh`), or else the browser's."""
    if _SETTING not in st.session_state:
        default = "zh" if str(st.context.locale or "").startswith("zh") else "en"
        saved = draft(database(), _SETTING)
        st.session_state[_SETTING] = saved if saved in LANGUAGES else default
    return str(st.session_state[_SETTING])


def _save_language(topic: str) -> None:
    language = st.session_state[f"explain_{topic}_language"]
    st.session_state[_SETTING] = language
    keep_draft(database(), _SETTING, language)
