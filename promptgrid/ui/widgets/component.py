"""Our own components: one script and one style sheet each in static/ after base.js and base.css; no build step, no
frame."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

STATIC = Path(__file__).parent / "static"


@cache
def component(name: str) -> ComponentRenderer:
    """The mounting command of `static/NAME.js`, with `static/NAME.css` where there is one.

    Scripts put data on the page by `textContent` only: it is foreign text, and a component is trusted code.
    """
    style = STATIC / f"{name}.css"
    sheets = [STATIC / "base.css", style] if style.is_file() else []
    return st.components.v2.component(
        f"promptgrid_{name}",
        css="\n".join(sheet.read_text("utf-8") for sheet in sheets) or None,
        js="\n".join(script.read_text("utf-8") for script in (STATIC / "base.js", STATIC / f"{name}.js")),
    )
