"""The dashboard's own Streamlit components, which need no build step and no iframe. Each has a script in static/, and
most have a style sheet."""

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
    """Returns the function that draws the component of this name, which consists of base.js, `static/NAME.js`, base.css
    and, if it exists, `static/NAME.css`.

    The scripts are trusted, but their data is untrusted text: they put it on the page by `textContent` only.
    """
    style = STATIC / f"{name}.css"
    sheets = [STATIC / "base.css", style] if style.is_file() else []
    return st.components.v2.component(
        f"promptgrid_{name}",
        css="\n".join(sheet.read_text("utf-8") for sheet in sheets) or None,
        js="\n".join(script.read_text("utf-8") for script in (STATIC / "base.js", STATIC / f"{name}.js")),
    )
