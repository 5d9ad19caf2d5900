"""The menu and the foot, on every page."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

from promptgrid.ui.shell.frame import MENU
from promptgrid.ui.widgets.component import STATIC


def app_folder(folder: Path, pages: list[str]) -> Path:
    page = (
        "from promptgrid.ui.shell import frame\n"
        "frame.frame('T', footer=[frame.FootLine('a_b 62 %', 'busy', 'pages/2_Run.py')])\n"
    )
    for name in ["workbench.py", *pages]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(page)
    return folder / "workbench.py"


def links(app: AppTest) -> list[str]:
    assert not app.exception
    return [element.proto.label for element in app.get("page_link")]


def test_the_menu_shows_the_pages_that_are_there(tmp_path: Path) -> None:
    script = app_folder(tmp_path, ["pages/1_Compose.py", "pages/2_Run.py"])
    assert links(AppTest.from_file(script, default_timeout=60).run()) == [
        "Home",
        "Compose",
        "Run",
        r":blue[●] a\_b 62 \%",
    ]


def test_every_page_has_the_whole_frame_when_its_address_is_opened_first(tmp_path: Path) -> None:
    files = [file for group in MENU.values() for file, _, _ in group if file != "workbench.py"]
    app = AppTest.from_file(app_folder(tmp_path, files), default_timeout=60).switch_page("pages/5_Settings.py").run()
    menu = [label for group in MENU.values() for _, label, _ in group]
    assert links(app)[: len(menu)] == menu


def test_the_wordmark_is_a_drawing_that_no_font_of_the_reader_changes() -> None:
    drawing = (STATIC / "logo.svg").read_text("utf-8")
    assert "<path" in drawing
    assert "<text" not in drawing
    assert "font" not in drawing
