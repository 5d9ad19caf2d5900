"""What the scripts of all components have in common."""

from __future__ import annotations

import re

from promptgrid.ui.widgets.component import STATIC


def test_scripts_never_write_markup() -> None:
    for script in STATIC.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script.read_text("utf-8")
        ), script
