"""The query parameters in the page's address."""

from __future__ import annotations

import streamlit as st


def parse_number(text: str) -> int:
    """Returns the number that `text` from an address holds, at most eight digits; 0 if it is anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def set_query(query: dict[str, str | list[str]]) -> None:
    """Replaces the query parameters in the address, unless they are equal to `query` already."""
    current = {name: st.query_params.get_all(name) for name in st.query_params}
    if current != {name: [value] if isinstance(value, str) else value for name, value in query.items()}:
        st.query_params.from_dict(query)
