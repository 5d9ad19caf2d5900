"""The wheel carries the dashboard, its theme and the prompts, and finds them where it is unpacked."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_finds_its_pages_and_prompts(unpacked: Path, home: Path) -> None:
    code = """if True:
        from promptgrid.library.folder import Library, library_folder
        from promptgrid.paths import shipped_folder
        print(shipped_folder(), len(Library(library_folder()).entries()))"""
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    folder, prompts = done.stdout.rsplit(" ", 1)
    assert Path(folder) == unpacked / "promptgrid" / "shipped"
    assert int(prompts) >= 14
    for name in ("workbench.py", "pages/1_Compose.py", ".streamlit/config.toml", "prompts/cases/sentiment.csv"):
        assert (Path(folder) / name).is_file(), name


def test_the_wheel_says_that_it_is_typed(unpacked: Path) -> None:
    assert (unpacked / "promptgrid" / "py.typed").is_file()


def test_static_files_travel_too(unpacked: Path) -> None:
    ours = {
        p.relative_to(ROOT)
        for p in (ROOT / "promptgrid").rglob("*")
        if p.suffix in (".js", ".css", ".svg", ".toml", ".j2", ".md")
    }
    assert ours
    assert [str(path) for path in ours if not (unpacked / path).is_file()] == []


def test_nothing_is_used_that_only_another_dependency_brings() -> None:
    declared, optional = " ".join(PROJECT["dependencies"]), PROJECT["optional-dependencies"]
    extras = {"tuning": " ".join(optional["tune"]), "dialects": " ".join(optional["postgres"])}
    names = {
        "dotenv": "python-dotenv",
        "psycopg": "psycopg[binary]",
        "ruamel": "ruamel.yaml",
        "genai_prices": "genai-prices",
        "vl_convert": "vl-convert-python",
    }
    undeclared: set[str] = set()
    for path in [*(ROOT / "promptgrid").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "workbench.py"]:
        used: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                used |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                used.add(node.module.split(".")[0])
        foreign = used - set(sys.stdlib_module_names) - {"promptgrid"}
        allowed = f"{declared} {extras.get(path.parent.name, '')}"
        undeclared |= {name for name in foreign if f"{names.get(name, name)}>=" not in allowed}
    assert sorted(undeclared) == []


def test_every_dependency_is_bounded_and_used() -> None:
    modules = {
        "bpe-openai": "bpe_openai",
        "python-dotenv": "dotenv",
        "ruamel.yaml": "ruamel",
        "genai-prices": "genai_prices",
        "vl-convert-python": "vl_convert",
    }
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "promptgrid").rglob("*.py"))
    for requirement in PROJECT["dependencies"]:
        name = requirement.split(">=")[0]
        assert ">=" in requirement, requirement
        assert "<" in requirement, requirement
        assert modules.get(name, name) in sources, f"{name} is not used"
