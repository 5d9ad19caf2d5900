"""What the frame does by itself while a page is open."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.serving import Serve

PAGE = """
from pathlib import Path
from types import SimpleNamespace

import streamlit as st

from promptgrid import builtin
from promptgrid.ui.shell import page

has_come = Path("weights").exists()
state = {"supported": True, "running": False, "reason": "", "slow": ""}
builtin.status = lambda: SimpleNamespace(ready=Path("weights").exists(), **state)
page.weights_download = lambda: SimpleNamespace(running=not Path("weights").exists())
page.open_page("Page")
st.text("drawn with the model" if has_come else "drawn without the model")
"""


def test_when_the_weights_have_come_sidebar_and_page_say_so_by_themselves(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "page.py").write_text(PAGE)
    with serve(tmp_path / "page.py") as running:
        page.goto(running.url)
        sidebar = page.get_by_test_id("stSidebar")
        expect(sidebar.get_by_text("downloading the built-in model")).to_be_visible()
        expect(page.get_by_text("drawn without the model")).to_be_visible()
        (running.home / "weights").touch()
        expect(sidebar.get_by_text("ready")).to_be_visible()
        expect(page.get_by_text("drawn with the model")).to_be_visible()
