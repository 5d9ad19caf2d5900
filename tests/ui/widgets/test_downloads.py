"""A file that is made when its button is pressed: what happened is told, once the browser says that no file came."""

from __future__ import annotations

from typing import BinaryIO

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.errors import StoreError


def page() -> None:
    from promptgrid.ui.widgets.downloads import Download, downloads

    downloads("out", [Download("CSV", lambda out: None, "out.csv", "text/csv", key="csv")])


def fails(out: BinaryIO) -> None:
    raise StoreError("The run is gone.", hint="Choose another.")


def shown(at: AppTest) -> list[str]:
    at.run()
    assert not at.exception
    return [str(error.value).replace("\\", "") for error in at.error]


def test_an_error_is_shown_until_the_next_press() -> None:
    at = AppTest.from_function(page, default_timeout=30)
    assert shown(at) == []
    press = at.session_state["out_press"]
    with pytest.raises(StoreError):
        press.content(fails)
    assert shown(at) == []
    press.failed()
    assert shown(at) == ["The run is gone.  \nChoose another."]
    press.pressed_again()
    assert shown(at) == []
    assert press.content(lambda out: out.write(b"all of it")) == b"all of it"
    press.failed()  # says nothing where no error is known
    assert shown(at) == []
