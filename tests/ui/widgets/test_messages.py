"""The list of messages."""

from __future__ import annotations

import pytest

from promptgrid.prompt import Message
from promptgrid.ui.widgets import messages


def test_marks_without_a_message_are_our_mistake() -> None:
    with pytest.raises(ValueError, match="longer"):
        messages.message_list([Message("user", "a")], marks=["question", "one too many"])
