"""One word for one thing, held by a test. docs/glossary.md says which word for which."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import promptgrid

ENGINE = Path(promptgrid.__file__).parent
GLOSSARY = ENGINE.parent / "docs" / "glossary.md"


def public_types(module: ast.Module) -> set[str]:
    """Classes and type aliases of a module, but for those that begin with an underscore."""
    names = set()
    for node in module.body:
        match node:
            case ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return {name for name in names if re.fullmatch(r"[A-Z]\w*[a-z]\w*", name)}


def test_no_two_public_types_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in ENGINE.rglob("*.py"):
        for name in public_types(ast.parse(path.read_text("utf-8"))):
            places[name].append(str(path.relative_to(ENGINE)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


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
