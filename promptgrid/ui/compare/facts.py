"""The component that shows names and values in two columns, as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from promptgrid.ui.widgets.component import component


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: a name, a value and a note. `tone` colours the value as good, bad or a warning ("mind"); "" leaves it
    without colour. The value must say the same in words."""

    name: str
    value: str
    note: str = ""
    tone: Literal["", "good", "bad", "mind"] = ""


def facts(lines: Sequence[Fact], *, key: str) -> None:
    """Draws the lines in two columns, names and values. Leaves out a line that has neither a value nor a note. The text
    is shown literally."""
    component("facts")(key=key, data={"facts": [asdict(line) for line in lines if line.value or line.note]})
