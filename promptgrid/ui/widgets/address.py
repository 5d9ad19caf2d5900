"""The query of the page's address."""

from __future__ import annotations

import streamlit as st


def number(text: str) -> int:
    """0 where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def go_to(wanted: dict[str, str | list[str]]) -> None:
    """Makes these the query of the address, if they are not already."""
    now = {name: st.query_params.get_all(name) for name in st.query_params}
    if now != {name: [value] if isinstance(value, str) else value for name, value in wanted.items()}:
        st.query_params.from_dict(wanted)
