"""What the tests of the built-in model share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from promptgrid import builtin, loop


@pytest.fixture
def builtin_endpoint(builtin_home: Path) -> Iterator[builtin.BuiltinEndpoint]:
    """The built-in model, the real one; its server is shared by all tests."""
    endpoint = builtin.BuiltinEndpoint()
    yield endpoint
    loop.run_sync(endpoint.aclose())
