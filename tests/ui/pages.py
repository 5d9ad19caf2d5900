"""Pages drawn in this process, without a browser."""

from __future__ import annotations

import re

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import TextArea

from tests.places import HOME_PAGE


def page(file: str = "", **query: str) -> AppTest:
    """The page of that file in `pages/` (else the home page) at that address, before its first run."""
    page = AppTest.from_file(str(HOME_PAGE), default_timeout=60)
    if file:
        page.switch_page(f"pages/{file}")
    for name, value in query.items():
        page.query_params[name] = value
    return page


def ran(page: AppTest) -> AppTest:
    """The page after one more run, which raised nothing."""
    page.run()
    assert not page.exception
    return page


def opened(file: str = "", **query: str) -> AppTest:
    """The page of that file at that address, after its first run."""
    return ran(page(file, **query))


def press(page: AppTest, key: str) -> AppTest:
    """The page after a press of that button."""
    page.button(key=key).click()
    return ran(page)


def shown(page: AppTest) -> str:
    """All texts of the page, without the escapes and the marks of code."""
    messages = (page.error, page.warning, page.info, page.success)
    kinds = (page.markdown, page.caption, page.subheader, page.text, page.code, *messages)
    return "\n".join(re.sub(r"[\\`\u2060]", "", str(element.value)) for kind in kinds for element in kind)


def address(page: AppTest) -> dict[str, str]:
    """What the page's address says."""
    return {name: "".join(value) for name, value in page.query_params.items()}


def value_field(page: AppTest, name: str) -> TextArea:
    """The field of a variable on the page Compose."""
    return page.text_area(key=f"compose_value_{page.session_state['compose_numbers'][name]}")
