"""Names and values in two columns, as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from promptgrid.ui.widgets.component import component


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: `value` stands out, `note` explains it; the `tone` colours the value, which says it in words too."""

    name: str
    value: str
    note: str = ""
    tone: Literal["", "good", "bad", "mind"] = ""


def facts(lines: Sequence[Fact], *, key: str) -> None:
    """Draws those that say something. The text is shown as it is, never interpreted."""
    component("facts")(key=key, data={"facts": [asdict(line) for line in lines if line.value or line.note]})
