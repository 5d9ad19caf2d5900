"""What the errors of the network say: plain words, without the numbers of the system."""

from __future__ import annotations

import errno
import os
import re
import ssl
from socket import EAI_NONAME, gaierror

import pytest

from promptgrid.endpoint import EndpointSettings
from promptgrid.endpoint.faults import unreachable

SETTINGS = EndpointSettings("local", "http://127.0.0.1:9/v1")


def _connect_failed(number: int, address: str = "127.0.0.1") -> OSError:
    return OSError(number, f"Connect call failed ('{address}', 9)")


REFUSED = _connect_failed(errno.ECONNREFUSED)


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (REFUSED, "no server answers there"),
        (_connect_failed(errno.ENETUNREACH), "there is no network"),
        (_connect_failed(errno.EPROTO), os.strerror(errno.EPROTO).lower()),
        (gaierror(EAI_NONAME, "Name or service not known"), "no computer of this name is known"),
        (
            OSError(f"Multiple exceptions: {REFUSED}, {REFUSED}"),
            "no server answers there",
        ),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1010)"), "wrong version number"),
    ],
)
def test_an_unreachable_endpoint_is_told_in_words(cause: Exception, words: str) -> None:
    try:
        raise RuntimeError("the library's own words") from cause
    except RuntimeError as error:
        message = unreachable(error, SETTINGS).message
    assert message == f"local cannot be reached at http://127.0.0.1:9/v1: {words}."
    assert not re.search(r"errno|_ssl", message, re.IGNORECASE)
