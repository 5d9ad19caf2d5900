"""The explanations: each topic in both languages, and the language that was chosen stays."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.ui.widgets.explain import LANGUAGES, TEXTS, explanation

TOPICS = sorted({path.name.split(".")[0] for path in TEXTS.glob("*.md")})


def page() -> AppTest:
    return AppTest.from_string(
        "from promptgrid.ui.widgets.explain import explain\nexplain('tokens')", default_timeout=30
    )


@pytest.mark.parametrize("topic", TOPICS)
def test_each_topic_says_the_same_in_both_languages(topic: str) -> None:
    texts = [explanation(topic, language) for language in LANGUAGES]
    first, second = ([len(text.split("\n\n")), re.findall(r"\]\((.*?)\)", text)] for text in texts)
    assert first == second
    assert any("一" <= character <= "鿿" for character in texts[1])
    assert not any("<" in re.sub(r"`[^`]*`", "", text) for text in texts)


def test_the_chosen_language_is_there_on_the_next_visit() -> None:
    at = page().run()
    assert "What a token is" in at.markdown[0].value
    at.button_group(key="explain_tokens_language").set_value("zh").run()
    assert "什么是 token" in at.markdown[0].value
    assert "什么是 token" in page().run().markdown[0].value
