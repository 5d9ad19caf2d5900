"""Endpoints from the environment and from endpoints.toml, and what a wrong line there is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptgrid.endpoint import EndpointSettings, read_settings
from promptgrid.errors import PromptgridError
from promptgrid.models.addresses import normalised

GOOD = """
# mine
[deepseek]
base_url = "https://API.DeepSeek.com:443/v1/"
key_env = "DEEPSEEK_API_KEY"
models = ["deepseek-chat"]
concurrency = 3
max_n = 4
timeout_s = 30.5

[gateway]
base_url = "http://10.0.0.5:8000/v1"
token_parameter = "max_completion_tokens"
free = true
headers = {X-Team = "prompts", X-Secret = "$TEAM_SECRET"}
"""


def refused(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> PromptgridError:
    path = tmp_path / "endpoints.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PromptgridError) as caught:
        read_settings(env or {}, path)
    assert str(path) in caught.value.message
    return caught.value


def test_without_anything_there_are_no_endpoints() -> None:
    assert read_settings({}) == {}


@pytest.mark.parametrize(
    ("env", "base_url", "key_env"),
    [
        ({"OPENAI_API_KEY": " sk-1\n"}, "https://api.openai.com/v1", "OPENAI_API_KEY"),
        ({"OPENAI_BASE_URL": "http://localhost:11434/v1/"}, "http://localhost:11434/v1", ""),
        ({"OPENAI_BASE_URL": "https://api.openai.com/v1"}, "https://api.openai.com/v1", "OPENAI_API_KEY"),
        ({"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://h:1/v1"}, "http://h:1/v1", "OPENAI_API_KEY"),
    ],
)
def test_either_variable_makes_the_openai_endpoint(env: dict[str, str], base_url: str, key_env: str) -> None:
    settings = read_settings(env)["openai"]
    assert (settings.base_url, settings.key_env) == (base_url, key_env)
    assert settings.api_key == env.get("OPENAI_API_KEY", "").strip()


def test_empty_variables_make_no_endpoint() -> None:
    assert read_settings({"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}) == {}


def test_the_process_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    (home / "config").mkdir(parents=True)
    (home / "config" / "endpoints.toml").write_text('[local]\nbase_url = "http://localhost:1/v1"\n', encoding="utf-8")
    assert list(read_settings()) == ["openai", "local"]


def test_the_file_names_endpoints_and_the_environment_holds_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.toml"
    path.write_text(GOOD, encoding="utf-8")
    settings = read_settings({"DEEPSEEK_API_KEY": "sk-deep", "TEAM_SECRET": "shh"}, path)
    assert settings["deepseek"] == EndpointSettings(
        "deepseek",
        "https://api.deepseek.com/v1",
        api_key="sk-deep",
        key_env="DEEPSEEK_API_KEY",
        concurrency=3,
        max_n=4,
        timeout_s=30.5,
        models=("deepseek-chat",),
    )
    gateway = settings["gateway"]
    assert (gateway.concurrency, gateway.max_n) == (None, None)
    assert (gateway.free, gateway.key_env, gateway.token_parameter) == (True, "", "max_completion_tokens")
    assert gateway.headers == {"X-Team": "prompts", "X-Secret": "shh"}
    assert "sk-deep" not in repr(settings)
    assert "shh" not in repr(settings)


def test_a_key_that_is_not_set_is_empty_and_still_named(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.toml"
    path.write_text(GOOD.split("[gateway]")[0], encoding="utf-8")
    settings = read_settings({}, path)["deepseek"]
    assert (settings.api_key, settings.key_env) == ("", "DEEPSEEK_API_KEY")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[a]\nbase_url = \n", "line 2", "TOML"),
        ('[a]\nbase_url = "localhost:11434"\n', "line 2", "no base URL"),
        ('[a]\nbase_url = "ftp://h/v1"\n', "line 2", "no base URL"),
        ('[a]\n\nbase_url = "https://me:pw@h/v1"\n', "line 3", "password"),
        ('[a]\nbase_url = "https://h/v1?key=1"\n', "line 2", "query"),
        ('[a]\nbase_url = "http://h:99999/v1"\n', "line 2", "Port out of range"),
        ("[a]\nconcurrency = 2\n", "line 1", "no base URL"),
        ('[b]\nbase_url = "http://h/v1"\n[a]\nbase_url = "http://h/v1"\nconcurrency = 0\n', "line 5", "above 0"),
        ('[a]\nbase_url = "http://h/v1"\nconcurrency = true\n', "line 3", "above 0"),
        ('[a]\nbase_url = "http://h/v1"\nconcurrency = 0.5\n', "line 3", "wrong kind: float"),
        ('[a]\nbase_url = "http://h/v1"\nmax_n = 0\n', "line 3", "above 0"),
        ('[a]\nbase_url = "http://h/v1"\ntimeout_s = "60"\n', "line 3", "wrong kind: str"),
        ('[a]\nbase_url = "http://h/v1"\ntimeout_s = nan\n', "line 3", "above 0"),
        ('[a]\nbase_url = "http://h/v1"\ntoken_parameter = "tokens"\n', "line 3", "max_tokens"),
        ('[a]\nbase_url = "http://h/v1"\nmodels = [1]\n', "line 3", "list of names"),
        ('[a]\nbase_url = "http://h/v1"\nbase_ur = 1\n', "line 3", "Did you mean base_url?"),
        ('[a]\nbase_url = "http://h/v1"\nheaders = {X-A = "$NOPE"}\n', "line 3", "NOPE"),
        ('[a]\nbase_url = "http://h/v1"\n[a.headers]\nX-A = 1\n', "line 3", "X-A"),
        ('["a/b"]\nbase_url = "http://h/v1"\n', "line 1", "cannot be an endpoint's name"),
        ('[builtin]\nbase_url = "http://h/v1"\n', "line 1", "cannot be an endpoint's name"),
        ('base_url = "http://h/v1"\n', "line 1", "outside of a table"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, line: str, says: str) -> None:
    error = refused(tmp_path, text)
    assert line in error.message
    assert says in str(error)


@pytest.mark.parametrize(
    "line",
    [
        'api_key = "sk-verbatim"',
        'API_KEY = "sk-verbatim"',
        'key = "sk-verbatim"',
        'key_env = "sk-verbatim"',
        'key_env = "gsk_verbatim"',
        'headers = {Authorization = "Bearer sk-verbatim"}',
        'headers = {api-key = "sk-verbatim"}',
    ],
)
def test_a_literal_key_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    error = refused(tmp_path, f'[a]\nbase_url = "http://h/v1"\n{line}\n')
    assert "line 3" in error.message
    assert "verbatim" not in str(error)
    assert error.hint


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.toml"
    path.write_bytes(b"[a]\nbase_url = '\xff'\n")
    with pytest.raises(PromptgridError, match=r"endpoints\.toml cannot be read"):
        read_settings({}, path)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (" HTTP://Localhost:80/v1// ", "http://localhost/v1"),
        ("https://Host:443", "https://host"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("https://h/Path/V1", "https://h/Path/V1"),
    ],
)
def test_one_address_has_one_spelling(url: str, expected: str) -> None:
    assert normalised(url) == expected


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost:1/v1", True),
        ("http://127.8.0.1/v1", True),
        ("http://[::1]:9/v1", True),
        ("http://api.localhost/v1", True),
        ("http://0.0.0.0:8080/v1", True),
        ("http://127.0.0.1.evil.example/v1", False),
        ("http://localhost.evil.example/v1", False),
        ("http://10.0.0.1/v1", False),
    ],
)
def test_loopback_is_this_machine_only(url: str, loopback: bool) -> None:
    assert EndpointSettings("x", url).is_loopback is loopback


def test_a_placeholder_is_no_secret_to_cut_out_of_texts() -> None:
    settings = EndpointSettings("x", "http://h/v1", api_key="ollama", headers={"X-Team": "team", "X-Key": "0123456789"})
    assert settings.secrets == ("0123456789",)
