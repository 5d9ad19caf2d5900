"""Draws the fields of the answer rule on the Compose page, and says why a rule cannot work."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid.errors import PromptError
from promptgrid.grading.rule_problems import rule_problems
from promptgrid.grid.doubts import unread_expected
from promptgrid.prompt import Prompt
from promptgrid.text import one_line
from promptgrid.ui.compose.fields import KINDS, Fields, rule_of
from promptgrid.ui.compose.values import open_table
from promptgrid.ui.widgets.plain import plain

KIND_LABELS = {
    "text": "the whole reply",
    "label": "one of several labels",
    "number": "a number",
    "json": "JSON",
    "regex": "the match of a pattern",
}
FIELDS_OF = {"label": ("labels", "synonyms", "options"), "json": ("schema",), "regex": ("pattern",)}
CASES_CHECKED = 1000  # expected cells that are read while the user types; Run reads them all


def rule_title(content: Fields) -> str:
    """Returns the title of the expander of the answer rule. If the rule cannot work, the title says so, because a
    closed expander hides the notes."""
    title = f"Answer rule: {KIND_LABELS[content.kind]}"
    return f"{title} · :orange[cannot work]" if _problems(content) else title


def rule_fields() -> DeltaGenerator:
    """Draws the fields that the kind of the rule uses; returns the place for `rule_notes`."""
    kind = st.selectbox("The answer is", list(KINDS), key="compose_kind", format_func=lambda kind: KIND_LABELS[kind])
    for name in (name for names in FIELDS_OF.values() for name in names):
        if name not in FIELDS_OF.get(kind, ()):  # Streamlit drops the values of fields that are not drawn
            st.session_state[f"compose_{name}"] = st.session_state.get(f"compose_{name}")
    if kind == "label":
        _label_fields()
    elif kind == "json":
        st.text_area("JSON schema", key="compose_schema", height=120)
    elif kind == "regex":
        st.text_input("Pattern; its first group is the answer", key="compose_pattern", live=True)
    st.text_input(
        "Separator of several right answers",
        key="compose_separator",
        placeholder="none",
        help="With ; the expected answer `4; four` accepts both. A JSON list of answers needs no separator.",
        live=True,
    )
    return st.empty()


def _label_fields() -> None:
    left, right = st.columns(2)
    left.text_area("Labels, one per line", key="compose_labels", height=100, placeholder="positive\nnegative")
    right.text_area(
        "Other words for a label",
        key="compose_synonyms",
        height=100,
        placeholder="positive: good, 积极\nnegative: bad",
        help="One label per line. A reply or an expected answer may use these words for the label.",
    )
    table = open_table()
    current = st.session_state.get("compose_options") or ""
    st.selectbox(
        "Column with the options of each case",
        list(dict.fromkeys(["", *(table.columns if table else ()), current])),
        key="compose_options",
        format_func=lambda name: one_line(name) or "none",
        accept_new_options=True,
        help="For multiple choice with the labels A, B …: the text of an option then counts as its letter.",
    )


def rule_notes(place: DeltaGenerator, content: Fields) -> list[str]:
    """Shows in `place` the reasons why the answer rule cannot work, or if it can, which expected answers it cannot
    read. Returns the reasons why it cannot work; [] if it can."""
    problems = _problems(content)
    sentences = problems or _unread(content)
    place.caption("  \n".join(f":orange[●] {plain(sentence)}" for sentence in sentences))
    return problems


def _problems(content: Fields) -> list[str]:
    table = open_table()
    try:
        return rule_problems(rule_of(content), table.columns if table else ())
    except PromptError as error:
        return [str(error)]


def _unread(content: Fields) -> list[str]:
    table = open_table()
    prompt = Prompt("", (), answer=rule_of(content), language=content.language)
    return list(unread_expected(prompt, table.cases)) if table and len(table.cases) <= CASES_CHECKED else []
