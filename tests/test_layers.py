"""The house's walls: who may import whom, held by a test."""

import ast
import re
import subprocess
import sys
from collections import Counter, defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import promptgrid
from tests.places import ORDER

ROOT = Path(promptgrid.__file__).parents[1]
ENGINE = sorted((ROOT / "promptgrid").rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def topic(path: Path) -> str:
    part = path.relative_to(ROOT / "promptgrid").parts[0]
    return part.removesuffix(".py")


def users_of(package: str) -> set[str]:
    return {topic(p) for p in ENGINE if any(name.split(".")[0] == package for name in imported(p))}


def test_only_the_ui_imports_streamlit() -> None:
    assert users_of("streamlit") == {"ui"}


def test_only_the_endpoint_imports_openai() -> None:
    assert users_of("openai") <= {"endpoint", "builtin"}


def test_only_tokens_imports_tiktoken() -> None:
    assert users_of("tiktoken") == {"tokens"}


def test_only_the_store_speaks_sql() -> None:
    assert users_of("sqlalchemy") == {"store"}


def test_nobody_imports_a_page_or_the_command_line() -> None:
    for path in ENGINE:
        names = imported(path)
        assert not any(name.split(".")[0] in ("pages", "workbench") for name in names), path
        assert topic(path) in ("cli", "__main__") or not any(name.startswith("promptgrid.cli") for name in names), path


def test_imports_go_down_the_house() -> None:
    wrong = []
    for path in ENGINE:
        here = topic(path)
        if here.startswith("__") or here not in ORDER:
            continue
        for name in imported(path):
            parts = name.split(".")
            known = parts[0] == "promptgrid" and len(parts) > 1 and parts[1] in ORDER
            if known and ORDER.index(parts[1]) > ORDER.index(here):
                wrong.append(f"{here} imports {parts[1]}")
    assert wrong == []


def test_no_page_imports_another_and_the_shared_rooms_import_no_page() -> None:
    base = {"links", "server"}
    reachable: dict[str, set[str]] = {"links": set(), "server": set(), "widgets": base}
    wrong = []
    for path in (ROOT / "promptgrid" / "ui").rglob("*.py"):
        here = path.relative_to(ROOT / "promptgrid" / "ui").parts[0].removesuffix(".py")
        rooms = {name.split(".")[2] for name in imported(path) if name.startswith("promptgrid.ui.")}
        wrong += [f"{here} imports {room}" for room in rooms - reachable.get(here, {"widgets", *base}) - {here}]
    assert wrong == []


def test_the_addresses_of_pages_stand_in_links_alone() -> None:
    addresses = re.compile(r"[\"']pages/\d+_")
    ui = [*(ROOT / "promptgrid" / "ui").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "workbench.py"]
    assert [path.name for path in ui if addresses.search(path.read_text("utf-8"))] == ["links.py"]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports inside functions count too. A name that is no module stands for the package that has it."""
    modules = {module_name(path): path for path in ENGINE}
    imports = {}
    for name, path in modules.items():
        names = imported(path)
        leaves = {one for one in names if not any(other.startswith(f"{one}.") for other in names)}
        imports[name] = {one if one in modules else one.rpartition(".")[0] for one in leaves} & modules.keys() - {name}
    TopologicalSorter(imports).prepare()  # raises CycleError with the circle


def test_every_topic_has_its_place() -> None:
    topics = {topic(path) for path in ENGINE} - {"__init__", "__main__"}
    assert topics == set(ORDER)


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    code = "import sys, promptgrid, promptgrid.cli; print(*sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"streamlit", "openai", "pandas", "tiktoken", "sqlalchemy", "jinja2", "rich", "asyncio", "numpy", "scipy"}
    assert heavy.isdisjoint(loaded)


def test_public_names_are_listed_and_there() -> None:
    assert sorted(promptgrid.__all__) == sorted(promptgrid._HOME)
    for name in promptgrid.__all__:
        assert getattr(promptgrid, name) is not None


def test_modules_and_pages_stay_short() -> None:
    pages = [*(ROOT / "pages").glob("*.py"), ROOT / "workbench.py"]
    assert [p.name for p in ENGINE if len(p.read_text("utf-8").splitlines()) > 300] == []
    modules = Counter(p.parent for p in ENGINE if p.name != "__init__.py")
    assert [folder for folder, count in modules.items() if count > 20] == []
    assert [p.name for p in pages if len(p.read_text("utf-8").splitlines()) > 120] == []


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
    for path in ENGINE:
        for name in public_types(ast.parse(path.read_text("utf-8"))):
            places[name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_tests_import_nothing_from_other_tests() -> None:
    shared = {path: [name for name in imported(path) if re.search(r"^tests\..*\b(test_|conftest)", name)]
              for path in (ROOT / "tests").rglob("*.py")}  # fmt: skip
    assert {path.name: names for path, names in shared.items() if names} == {}


PUZZLES = re.compile(
    r"\bwho(ever)? (looks?|asks?|judges?)\b|\b(some|no)body\b|is nothing to it|as they are drawn|what there is to say"
    r"|\bso many of\b|\bone( (?!as|of|with|without)[a-z]+)? an? (line|row|column|case|variant|vote|server|cell|check)\b"
    r"|\bwithout complaints\b",
    re.IGNORECASE,
)


def test_docstrings_name_who_acts() -> None:
    """A caller, a page, another process or the user, not somebody."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = [
        (path.name, " ".join((ast.get_docstring(node) or "").split()))
        for path in ENGINE
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, kinds)
    ]
    assert [(name, match[0]) for name, doc in docs if (match := PUZZLES.search(doc))] == []
