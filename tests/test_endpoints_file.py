"""Endpoints are added, changed and removed in a file that a person writes too."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptgrid import connections, endpoints_file
from promptgrid.errors import PromptgridError

WRITTEN = """\
# Our endpoints. Ask Ada before you change the lab's.

[lab]  # in the cellar
base_url = "http://127.0.0.1:8000/v1"   # moved in May
concurrency = 32

# The cheap one.
["deep.seek"]
key_env = "DEEPSEEK_API_KEY"
base_url = 'https://api.deepseek.com/v1'
headers = {X-Title = "grid"}
"""


@pytest.fixture
def file(home: Path) -> Path:
    path = home / "config" / "endpoints.toml"
    path.parent.mkdir(parents=True)
    path.write_text(WRITTEN, "utf-8")
    return path


def test_the_first_endpoint_makes_the_file_and_undo_removes_it(home: Path) -> None:
    change = endpoints_file.put_endpoint("own", "http://localhost:11434/v1/", is_new=True)
    assert connections.settings()["own"].base_url == "http://localhost:11434/v1"
    endpoints_file.revert(change)
    assert not (home / "config" / "endpoints.toml").exists()


def test_an_added_endpoint_leaves_every_byte_of_the_others(file: Path) -> None:
    endpoints_file.put_endpoint("new", "https://a.b/v1", "NEW_KEY", ["m", " n ", ""], is_new=True)
    assert file.read_text("utf-8").startswith(WRITTEN)
    new = connections.settings()["new"]
    assert (new.base_url, new.key_env, new.models) == ("https://a.b/v1", "NEW_KEY", ("m", "n"))


def test_a_change_keeps_comments_and_the_settings_that_the_form_does_not_have(file: Path) -> None:
    endpoints_file.put_endpoint("lab", "http://127.0.0.1:9000/v1", "LAB_KEY")
    assert file.read_text("utf-8") == WRITTEN.replace(":8000", ":9000").replace(
        "concurrency = 32\n", 'concurrency = 32\nkey_env = "LAB_KEY"\n'
    )
    endpoints_file.put_endpoint("lab", "http://127.0.0.1:8000/v1")
    assert file.read_text("utf-8") == WRITTEN


def test_a_removed_endpoint_comes_back_by_undo_with_every_byte(file: Path) -> None:
    change = endpoints_file.remove_endpoint("deep.seek")
    assert "lab" in connections.settings()
    assert "deep.seek" not in connections.settings()
    assert "# moved in May" in file.read_text("utf-8")
    endpoints_file.revert(change)
    assert file.read_text("utf-8") == WRITTEN


@pytest.mark.parametrize(
    "more", ["", '[lab.headers]  # by the proxy\nX-Lab = "1"\n', 'headers = {X-Lab = "1"}\n# max_n = 1\n']
)
def test_a_comment_above_the_next_endpoint_stays_above_it(file: Path, more: str) -> None:
    above = "\n# The cheap one.\n"
    file.write_text(WRITTEN.replace(above, more + above), "utf-8")
    endpoints_file.put_endpoint("lab", "http://127.0.0.1:8000/v1", "LAB_KEY")
    assert f'{above}["deep.seek"]' in file.read_text("utf-8")
    assert connections.settings()["lab"].key_env == "LAB_KEY"
    endpoints_file.remove_endpoint("lab")
    assert file.read_text("utf-8").endswith(WRITTEN[WRITTEN.index(above) :])
    assert list(connections.settings()) == ["deep.seek"]


def test_undo_overwrites_no_later_change(file: Path) -> None:
    change = endpoints_file.remove_endpoint("lab")
    file.write_text("# empty now\n", "utf-8")
    with pytest.raises(PromptgridError, match="was changed since"):
        endpoints_file.revert(change)
    assert file.read_text("utf-8") == "# empty now\n"


@pytest.mark.parametrize(
    ("name", "base_url", "key_env", "message"),
    [
        ("lab", "http://a/v1", "", "There is an endpoint 'lab' already"),
        ("builtin", "http://a/v1", "", "cannot be an endpoint's name"),
        ("a/b", "http://a/v1", "", "cannot be an endpoint's name"),
        ("", "http://a/v1", "", "cannot be an endpoint's name"),
        ("new", "a.b", "", "'a.b' is no base URL"),
        ("new", "https://user:secret@a.b/v1", "", "carries a password"),
        ("new", "http://a/v1", "sk-proj-1234567890abcdef", "looks like a key"),
        ("new", "http://a/v1", "AKIA2E7XHQ9PLM3TZR5W", "looks like a key"),
        ("new", "http://a/v1", "my key", "Write the name, not the key"),
    ],
)
def test_what_cannot_work_and_a_key_are_refused_and_the_file_stays(
    name: str, base_url: str, key_env: str, message: str, file: Path
) -> None:
    with pytest.raises(PromptgridError, match=message) as raised:
        endpoints_file.put_endpoint(name, base_url, key_env, is_new=True)
    assert not key_env or key_env not in str(raised.value)
    assert file.read_text("utf-8") == WRITTEN


def test_a_broken_file_is_never_overwritten(file: Path) -> None:
    file.write_text("[broken", "utf-8")
    with pytest.raises(PromptgridError, match="is not valid TOML"):
        endpoints_file.put_endpoint("new", "http://a/v1")
    with pytest.raises(PromptgridError, match="is not valid TOML"):
        endpoints_file.remove_endpoint("lab")
    assert file.read_text("utf-8") == "[broken"
