"""How well each column retrieves, why its answers are wrong, and how its replies use the passages."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid.compare import Facts, View
from promptgrid.compare.retrieval import (
    USES_NOTE,
    causes_note,
    faithful_note,
    faithful_summary,
    faithful_words,
    retrieval_summary,
    retrieval_words,
    use_summary,
    use_words,
)
from promptgrid.store import Database
from promptgrid.ui.compare.retrieval.faithfulness import judge_replies
from promptgrid.ui.widgets.plain import plain


def retrieval_table(database: Database, facts: Facts, view: View) -> None:
    """Shows in an expander how well each column retrieves, why its wrong answers are wrong, and how its replies use the
    passages. Draws nothing if the run retrieves nothing."""
    uses = use_summary(database, facts, view)
    if not uses:
        return
    with st.expander("What was retrieved, and why answers are wrong", expanded=True, key="compare_retrieval"):
        if summaries := retrieval_summary(database, facts, view):
            headings, rows = retrieval_words(summaries)
            at = headings.index("Wrong")  # one table of all would hide the causes beyond its right edge
            _words_table(headings[:at], [row[:at] for row in rows], key="compare_retrieval_figures")
            causes = [[row[0], *row[at:]] for row in rows]
            _words_table([headings[0], *headings[at:]], causes, key="compare_retrieval_causes")
            for one in summaries:
                if one.sentence:
                    st.caption(plain(one.sentence))
            st.caption(causes_note(summaries))
        _words_table(*use_words(uses), key="compare_retrieval_uses")
        st.caption(USES_NOTE)
        judge_replies(database, facts.run_id)
        if judged := faithful_summary(database, facts, view):
            _words_table(*faithful_words(judged), key="compare_faithfulness")
            st.caption(plain(faithful_note(database, facts.run_id, judged), limit=600))


def _words_table(headings: Sequence[str], rows: Sequence[Sequence[str]], key: str) -> None:
    """Draws a table of words whose first column is a name, and the others are figures."""
    import pandas as pd

    figures = {name: st.column_config.Column(alignment="right") for name in headings[1:]}
    st.dataframe(pd.DataFrame(rows, columns=pd.Index(headings)), hide_index=True, column_config=figures, key=key)
