"""The parts of the dashboard that need no browser: escaping, numbers of the bar, the state of the components."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.prompt import Message
from promptgrid.ui.shell.frame import MENU
from promptgrid.ui.widgets import messages, plain
from promptgrid.ui.widgets.component import STATIC
from promptgrid.ui.widgets.token_bar import bar_data

JOINER = "\u2060"


def shown(markdown: str) -> str:
    """What a Markdown reader shows of escaped text: the backslashes gone, the joiners invisible."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown.replace("&#91;", "[").replace("&#93;", "]")).replace(
        JOINER, ""
    )


@pytest.mark.parametrize(
    "text",
    [
        "![](http://a.b/c.png)",
        "$x^2$ costs $3",
        ":material/home: :smile: :red[x]",
        "<b>&amp;</b>",
        "a_b*c*`d`~e~|f|",
        "\\",
        "评论：很好",
    ],
)
def test_plain_shows_the_text_itself(text: str) -> None:
    assert shown(plain.plain(text)) == text


def test_plain_escapes_every_character_that_markdown_knows() -> None:
    assert plain.plain("[x]") == "&#91;x&#93;"
    for character in "!\"#$%&'()*+,-./:;<=>?@\\^_`{|}~":
        assert plain.plain(f"a{character}") == f"a\\{character}"


@pytest.mark.parametrize(
    "text", ["# head", "- item", "1. item", "    code", "a\n\nb", "a\n===", "|a|\n|-|", "\u2028x", "a\r\nb"]
)
def test_plain_is_one_line_without_indent(text: str) -> None:
    escaped = plain.plain(text)
    assert len(escaped.splitlines()) == 1
    assert not escaped.startswith(" ")


@pytest.mark.parametrize(
    "text",
    [
        "http://evil.test/x",
        "https://evil.test",
        "WWW.evil.test",
        "a@evil.test",
        ":fire:",
        ":streamlit:",
        "a -> b",
        "a -- b",
        "a <= b",
    ],
)
def test_what_markdown_looks_for_after_the_escapes_is_broken_up(text: str) -> None:
    late = re.compile(r"https?://|www\.|\w@\w|:\w+:|(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)", re.IGNORECASE)
    assert late.search(text)
    assert not late.search(re.sub(r"\\(\W)", r"\1", plain.plain(text)))


def test_plain_replaces_what_cannot_be_sent_or_would_turn_words_around() -> None:
    assert plain.plain("a\ud800b\u202ec\x00d\x1b") == "a\ufffdb\ufffdc\ufffdd\ufffd"


def test_plain_cuts_after_the_limit_and_keeps_an_escape_whole() -> None:
    assert plain.plain("**" * 50, limit=4) == "\\*\\*\\*…"
    assert plain.plain("abcd", limit=4) == "abcd"


def test_plain_takes_any_object() -> None:
    assert plain.plain(None) == "None"
    assert plain.plain(KeyError("a_b")) == r"\'a\_b\'"


def test_bar_shares_add_up_to_the_limit() -> None:
    data = bar_data([("system", 14), ("examples", 54), ("question", 28)], 512, 256, True, "")
    assert data["headline"] == "96 of 512 tokens"
    assert [segment["share"] for segment in data["segments"]] == [14 / 512, 54 / 512, 28 / 512, 0.5]
    assert (data["alarm"], data["mark"], data["note"]) == ("", None, "")


def test_bar_says_in_words_what_is_over_the_limit() -> None:
    data = bar_data([("question", 9000)], 8192, 256, True, "")
    assert data["alarm"].startswith("1,064 over the limit")
    assert data["mark"] == 8192 / 9256
    assert sum(segment["share"] for segment in data["segments"]) == 1


def test_bar_marks_an_estimate_with_its_reason() -> None:
    data = bar_data([("question", 9)], None, 0, False, "no tokenizer")
    assert data["headline"] == "≈ 9 tokens"
    assert data["note"] == "no tokenizer · limit unknown"


def test_bar_of_nothing_is_empty() -> None:
    assert bar_data([], 0, 0, True, "")["segments"] == []


def test_bar_exactly_at_the_limit_fits() -> None:
    assert bar_data([("question", 7936)], 8192, 256, True, "")["alarm"] == ""


def test_scripts_never_write_markup() -> None:
    for script in STATIC.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script.read_text("utf-8")
        ), script


def matrix_page() -> None:
    import streamlit as st

    from promptgrid.ui.compare import matrix

    cells = [
        matrix.MatrixCell("yes", "yes", "2 of 2", "right"),
        matrix.MatrixCell("no", "No, since", "1 of 2", "wrong", True),
    ]
    columns = [matrix.MatrixColumn("a", ["zero-shot"]), matrix.MatrixColumn("b", ["few-shot"], "50 %")]
    picked = matrix.matrix("m", columns=columns, rows=[matrix.MatrixRow("1", "case", "", cells)], selected=("1", "a"))
    st.text(f"picked {picked}")


def picked(app: AppTest) -> str:
    assert not app.exception
    return app.text[0].value


def test_matrix_starts_where_the_page_says() -> None:
    assert picked(AppTest.from_function(matrix_page, default_timeout=60).run()) == "picked ('1', 'a')"


@pytest.mark.parametrize(
    ("state", "expected"), [(["1", "b"], "('1', 'b')"), ([], "None"), (["gone", "b"], "None"), (["1", "gone"], "None")]
)
def test_matrix_returns_what_was_chosen_if_it_is_shown(state: list[str], expected: str) -> None:
    app = AppTest.from_function(matrix_page, default_timeout=60)
    app.session_state["m"] = {"selected": state}
    assert picked(app.run()) == f"picked {expected}"


def watch_page() -> None:
    import streamlit as st

    from promptgrid.ui.widgets import live_text

    st.text_area("System", key="system")
    st.text_area("User", key="user")
    st.button("Forget", on_click=live_text.forget_typed, args=("w",))
    st.text(str(live_text.watch_text(["system", "user"], "w")))


def watched(typed: dict[str, Any] | None, committed: str = "old") -> AppTest:
    app = AppTest.from_function(watch_page, default_timeout=60)
    app.session_state["system"], app.session_state["user"] = "sys", committed
    if typed:
        app.session_state["w"] = {"typed": typed}
    return app.run()


def test_watched_text_is_what_is_being_typed() -> None:
    app = watched({"key": "user", "text": "old and new", "base": "old"})
    assert app.text[0].value == "{'system': 'sys', 'user': 'old and new'}"


def test_a_committed_text_is_newer_than_what_was_typed_before_it() -> None:
    app = watched({"key": "user", "text": "half", "base": "older"})
    assert app.text[0].value == "{'system': 'sys', 'user': 'old'}"


def test_watched_text_without_typing_is_the_widgets_own() -> None:
    assert watched(None).text[0].value == "{'system': 'sys', 'user': 'old'}"


def test_a_text_put_back_by_code_counts_after_forgetting() -> None:
    app = watched({"key": "user", "text": "typed", "base": "old"})
    app.button[0].click().run()
    assert app.text[0].value == "{'system': 'sys', 'user': 'old'}"


def errors_page() -> None:
    from promptgrid.errors import EndpointError, PromptError
    from promptgrid.ui.widgets import feedback

    feedback.show_error(PromptError("No **value** for `text`.", hint="Fill it in."))
    feedback.show_error(EndpointError("server", "500 ![](http://127.0.0.1:9/a.png)", raw="<html>"))
    feedback.show_error(KeyError("![](x)"))


def test_errors_say_what_happened_and_what_to_do_as_plain_text(caplog: pytest.LogCaptureFixture) -> None:
    app = AppTest.from_function(errors_page, default_timeout=60).run()
    ours, theirs, bug = (error.value for error in app.error)
    assert shown(ours) == "No **value** for `text`.  \nFill it in."
    assert r"\!&#91;&#93;\(" in theirs
    assert app.code[0].value == "<html>"
    assert "KeyError" in bug
    assert r"\!&#91;&#93;\(" in bug
    assert caplog.records[-1].exc_info


def empty_page() -> None:
    import streamlit as st

    from promptgrid.ui.widgets import feedback

    st.text(str(feedback.empty_state("No run yet", "Compose a prompt", "go")))


def test_empty_state_reports_its_press() -> None:
    app = AppTest.from_function(empty_page, default_timeout=60).run()
    assert app.text[0].value == "False"
    assert app.button(key="go").click().run().text[0].value == "True"


def test_marks_without_a_message_are_our_mistake() -> None:
    with pytest.raises(ValueError, match="longer"):
        messages.message_list([Message("user", "a")], marks=["question", "one too many"])


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
