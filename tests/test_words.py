"""The glossary says each word once, and names what is there."""

from __future__ import annotations

import re
from pathlib import Path

import promptgrid

ENGINE = Path(promptgrid.__file__).parent
GLOSSARY = ENGINE.parent / "docs" / "glossary.md"


def test_the_glossary_says_each_word_once() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\*", GLOSSARY.read_text("utf-8"), re.M)
    assert len(words) > 30
    assert len(words) == len(set(words))


def test_what_the_glossary_names_in_the_code_is_there() -> None:
    sources = {path: path.read_text("utf-8") for path in ENGINE.rglob("*.py")}
    for name in re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)`", GLOSSARY.read_text("utf-8")):
        room, *_, leaf = name.split(".")
        mine = [text for path, text in sources.items() if path.relative_to(ENGINE).parts[0].removesuffix(".py") == room]
        assert re.search(rf"^(class|def|async def) {leaf}\b|^{leaf}\b", "\n".join(mine), re.M) or any(
            path.stem == leaf and room in path.parts for path in sources
        ), name
