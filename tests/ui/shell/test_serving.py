"""The addresses at which the pages are served."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from promptgrid.ui.shell.serving import Spelling


def _served(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(request.url).removeprefix("http://testserver"))


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("/compose?prompt=a%26b", "/Compose?prompt=a%26b"),
        ("/RUN/", "/Run"),
        ("/next-word", "/Next_word"),
        ("/Next_word", "/Next_word"),
        ("/home", "/"),
        ("/", "/"),
        ("/compose.html", "/compose.html"),
        ("/static/chat", "/static/chat"),
    ],
)
def test_other_spellings_of_a_page_lead_to_it_and_all_else_passes(asked: str, served: str) -> None:
    app = Starlette(routes=[Route("/{path:path}", _served)], middleware=[Middleware(Spelling)])
    assert TestClient(app).get(asked).text == served
