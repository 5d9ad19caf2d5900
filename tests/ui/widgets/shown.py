"""What a reader sees of Markdown."""

from __future__ import annotations

import re

JOINER = "\u2060"


def shown(markdown: str) -> str:
    """What a Markdown reader shows of escaped text: backslashes and marks of code gone, the joiners invisible."""
    markdown = re.sub(r"(?<!\\)`([^`]*)`", r"\1", markdown)
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown.replace("&#91;", "[").replace("&#93;", "]")).replace(
        JOINER, ""
    )
