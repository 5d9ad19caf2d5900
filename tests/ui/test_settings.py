"""The Settings page: endpoints and keys, the built-in model, the data."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid import api, builtin, paths
from promptgrid.builtin import unpacking
from promptgrid.models import learned
from promptgrid.runner import client
from promptgrid.store import Database, conversations, runs
from tests.faults.server import HostileServer
from tests.ui import pages
from tests.ui.pages import press, shown

KEY = "sk-a-secret-that-must-not-be-shown"


@pytest.fixture
def settings(endpoint: HostileServer, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page before its first run; the key is in the environment."""
    endpoint.api_key = KEY
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return pages.page("5_Settings.py")


def test_the_exact_line_and_file_of_a_key_are_shown_but_never_the_key(settings: AppTest, tmp_path: Path) -> None:
    page = settings.run()
    assert not page.exception
    text = shown(page)
    assert "OPENAI_API_KEY=…" in text
    assert str(tmp_path / "work" / ".env") in text
    assert "key in OPENAI_API_KEY" in text
    assert KEY not in text
    assert [field.label for field in page.text_input if "key" in field.label.lower()] == [
        "Name of the variable that holds the key"
    ]


def test_check_again_finds_an_endpoint_that_was_added(settings: AppTest, hostile: HostileServer, home: Path) -> None:
    page = settings.run()
    assert "**other**" not in shown(page)
    (home / "config").mkdir(parents=True)
    (home / "config" / "endpoints.toml").write_text(f'[other]\nbase_url = "{hostile.url}"\n', encoding="utf-8")
    page.button(key="endpoints_check").click().run()
    assert "**other** Ready." in shown(page)


def fill(page: AppTest, endpoint: str = "", **values: str) -> AppTest:
    """The page after the form of that endpoint ("": a new one) is filled in and sent."""
    urls = (str(field.key) for field in page.text_input if str(field.key).startswith("endpoint_base_url__"))
    number = next(urls).rpartition("_")[2]
    for field, value in values.items():
        page.text_input(key=f"endpoint_{field}_{endpoint}_{number}").set_value(value)
    label = "Save" if endpoint else "Add"
    return press(page, f"FormSubmitter:endpoint_form_{endpoint}_{number}-{label}")


def test_an_endpoint_is_added_changed_and_removed_with_undo(
    settings: AppTest, hostile: HostileServer, home: Path
) -> None:
    file = home / "config" / "endpoints.toml"
    file.parent.mkdir(parents=True)
    file.write_text("# Ours.\n", "utf-8")
    page = fill(settings.run(), name="lab", base_url=hostile.url, key_env="LAB_KEY")
    assert "There is no key for lab: LAB_KEY is not set." in shown(page)
    assert "LAB_KEY=…" in shown(page)
    page = fill(page, "lab", key_env="", models="one, two")
    assert "**lab** Ready." in shown(page)
    assert file.read_text("utf-8").startswith("# Ours.\n")
    assert 'models = ["one", "two"]' in file.read_text("utf-8")
    press(page, "endpoint_remove_lab")
    assert "**lab**" not in shown(page)
    for left in ('models = ["one", "two"]', 'key_env = "LAB_KEY"'):
        press(page, "endpoints_undo")
        assert left in file.read_text("utf-8")
    press(page, "endpoints_undo")
    assert file.read_text("utf-8") == "# Ours.\n"


@pytest.mark.parametrize("key", ["sk-proj-abcdefgh12345678", "SKABCDEFGHIJ1234567890"])
def test_a_key_in_the_field_for_its_name_is_refused_and_kept_nowhere(settings: AppTest, home: Path, key: str) -> None:
    page = fill(settings.run(), name="lab", base_url="https://a.b/v1", key_env=key)
    assert "looks like a key" in shown(page)
    assert page.text_input(key="endpoint_name__0").value == "lab"  # the rest of the form stays
    assert not page.text_input(key="endpoint_key_env__0").value
    assert key not in shown(page)
    assert not (home / "config" / "endpoints.toml").exists()


def test_an_endpoint_of_the_environment_is_not_changed_here(settings: AppTest) -> None:
    page = settings.run()
    assert not [button for button in page.button if str(button.key).startswith("endpoint_remove_")]


def test_a_broken_endpoints_file_is_said_with_its_path(settings: AppTest, home: Path) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "endpoints.toml").write_text("[broken", encoding="utf-8")
    page = settings.run()
    assert not page.exception
    assert "endpoints.toml is not valid TOML" in shown(page)


def test_the_connection_is_tested_with_one_request(settings: AppTest, hostile: HostileServer) -> None:
    page = settings.run()
    page.selectbox(key="test_model_openai").set_value("ok").run()
    page.button(key="test_openai").click().run()
    assert "ok answered after" in shown(page)
    assert hostile.calls("ok") == 1


def test_a_refused_connection_says_what_to_do(settings: AppTest) -> None:
    page = settings.run()
    page.selectbox(key="test_model_openai").set_value("html").run()
    page.button(key="test_openai").click().run()
    assert page.error
    assert not page.exception


def test_what_was_deleted_is_removed_for_good_only_on_request(settings: AppTest) -> None:
    database = Database()
    conversations.delete(database, conversations.create(database, "talk", {}))
    plan = api.plan("sentiment", [{"text": "Fine.", "expected": "positive"}], models="openai/ok")
    runs.delete(database, client.submit(database, plan))
    page = settings.run()
    assert len(runs.list_runs(database, deleted=True)) == 1
    assert len(conversations.listed(database, deleted=True)) == 1
    page.button(key="purge").click().run()
    assert not page.exception
    assert runs.list_runs(database, deleted=True) == []
    assert conversations.listed(database, deleted=True) == []


def test_the_doctor_looks_at_everything_on_request(settings: AppTest) -> None:
    page = settings.run()
    page.button(key="doctor").click().run()
    assert not page.exception
    assert "**database**" in shown(page)
    assert KEY not in shown(page)


def test_what_models_refused_is_shown_as_text_and_forgotten_on_request(settings: AppTest) -> None:
    page = settings.run()
    assert "When a model refuses a parameter" in shown(page)
    learned.remember("http://a.b/v1", "m", "temperature", 0.7, "Unsupported ![x](http://127.0.0.1:9/x.png)")
    learned.remember("http://a.b/v1", "m", "seed", 1, "No seed here.")
    learned.remember("http://a.b/v1", "other", "seed", 1, "No seed here.")
    page.run()
    assert "m refused temperature 0.7 on 20" in shown(page)
    assert "![x](" not in "".join(str(caption.value) for caption in page.caption)
    page.button(key="forget_0").click().run()
    assert not page.exception
    assert [(r.model, r.parameter) for r in learned.all_refusals()] == [("other", "seed")]
    assert "m refused temperature" not in shown(page)
    page.button(key="refusals_undo").click().run()
    assert "m refused temperature 0.7 on 20" in shown(page)


def test_the_unpacked_weights_are_removed_and_made_again(
    settings: AppTest, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMPTGRID_BUILTIN_MODEL")
    file = builtin.status().unpacked
    assert file is not None
    settings.run()
    assert "Unpacked to 16 bit (271 MB)" in shown(settings)
    press(settings, "builtin_pack")
    assert not file.exists()
    assert "It answers one request at a time and has no beam search" in shown(settings)
    unpacking.restore(weights)
    assert "Unpacked to 16 bit" in shown(settings.run())


def test_weights_that_a_full_disk_keeps_packed_are_said_to_be(
    settings: AppTest, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMPTGRID_BUILTIN_MODEL")
    unpacking.remove(weights)
    monkeypatch.setattr(paths, "free_bytes", lambda folder: 10)
    press(settings.run(), "builtin_unpack")
    assert "0 MB free" in shown(settings)
