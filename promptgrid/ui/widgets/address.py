"""The query parameters in the page's address."""

from __future__ import annotations

import streamlit as st


def parse_number(text: str) -> int:
    """The non-negative number that `text` spells, of eight digits at most; 0 if it spells none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def set_query(query: dict[str, str | list[str]]) -> None:
    """Replaces the query of the address, unless it is this one already."""
    current = {name: st.query_params.get_all(name) for name in st.query_params}
    if current != {name: [value] if isinstance(value, str) else value for name, value in query.items()}:
        st.query_params.from_dict(query)
