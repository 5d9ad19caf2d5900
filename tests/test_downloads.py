"""A file that is made when its button is pressed: what happened is told, whichever of two threads comes first."""

from __future__ import annotations

from typing import BinaryIO

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.errors import StoreError
from promptgrid.ui.downloads import _Making


def fails(out: BinaryIO) -> None:
    raise StoreError("The run is gone.", hint="Choose another.")


def test_a_file_may_be_made_before_its_press_is_heard() -> None:
    making = _Making()
    assert making.content(lambda out: out.write(b"all of it")) == b"all of it"
    making.press()
    assert not making.at_work
    making.press()
    assert making.at_work
    making.content(lambda out: None)
    assert not making.at_work


def test_an_error_stands_until_a_file_is_made() -> None:
    making = _Making()
    making.press()
    with pytest.raises(StoreError):
        making.content(fails)
    assert not making.at_work
    assert isinstance(making.error, StoreError)
    making.press()
    making.content(lambda out: None)
    assert making.error is None


def test_the_page_says_what_happened_and_what_to_do() -> None:
    def page() -> None:
        from promptgrid.ui.downloads import download

        download("CSV", lambda out: None, "out.csv", "text/csv", key="out")

    at = AppTest.from_function(page, default_timeout=30)
    at.run()
    assert not at.error
    with pytest.raises(StoreError):
        at.session_state["out_making"].content(fails)
    at.run()
    assert [str(error.value) for error in at.error] == ["The run is gone\\.  \nChoose another\\."]
