"""Endpoints at one address share replies only if their keys and headers are declared alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptgrid import connections
from promptgrid.endpoint import EndpointSettings
from promptgrid.identities import identity
from promptgrid.models import learned
from promptgrid.paths import data_folder
from promptgrid.runner import client
from promptgrid.store import Database
from tests.running import a_plan, carried_out

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

URL = "https://gateway.example/v1"
WORK = EndpointSettings("work", URL, key_env="WORK_KEY")


@pytest.fixture(autouse=True)
def _home(home: Path) -> None:
    """A data folder of its own."""


def test_the_first_settings_keep_the_address_and_their_stored_replies() -> None:
    assert identity(WORK) == URL
    assert identity(replace(WORK, name="renamed", api_key="sk-renewed-0123456789", timeout_s=5)) == URL


def test_other_keys_and_headers_have_identities_of_their_own_which_stay() -> None:
    others = [
        replace(WORK, key_env="PRIVATE_KEY"),
        replace(WORK, headers={"X-Tenant": "a"}),
        replace(WORK, headers={"X-Tenant": "b"}),
        replace(WORK, headers={"X-Team": "b"}),
    ]
    identity(WORK)
    identities = [identity(one) for one in others]
    assert len({URL, *identities}) == 5
    assert identities[1].startswith(f"{URL}#x-tenant:")
    assert [identity(one) for one in others] == identities
    assert identity(WORK) == URL


def test_no_value_of_a_header_can_be_read_or_guessed_from_it() -> None:
    identity(WORK)
    secret = replace(WORK, headers={"X-Tenant": "a"})
    text = identity(secret) + (data_folder() / "identities.json").read_text()
    assert "WORK_KEY" not in text
    salt = json.loads((data_folder() / "identities.json").read_text())["salt"]
    assert len(salt) == 32
    (data_folder() / "identities.json").unlink()
    identity(WORK)
    assert identity(secret) not in text  # another salt


def test_a_key_that_is_named_after_a_refusal_resumes_the_same_replies() -> None:
    bare = replace(WORK, key_env="")
    assert identity(bare) == URL
    assert identity(WORK) == URL
    assert identity(bare) != URL


def test_a_header_from_the_environment_is_told_by_its_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config").mkdir(parents=True, exist_ok=True)
    table = '[{0}]\nbase_url = "{1}"\nheaders = {{api-key = "${2}"}}\n'
    (home / "config" / "endpoints.toml").write_text(table.format("a", URL, "KEY_A") + table.format("b", URL, "KEY_B"))
    monkeypatch.setenv("KEY_A", "wrong-0123456789")
    monkeypatch.setenv("KEY_B", "right-0123456789")
    before = {name: connections.connect(name).identity for name in "ab"}
    assert before["a"] == URL != before["b"]
    monkeypatch.setenv("KEY_A", "right-0123456789")
    assert connections.connect("a").identity == before["a"]


def test_a_damaged_file_is_set_aside() -> None:
    identity(WORK)
    (data_folder() / "identities.json").write_text("[1")
    assert identity(WORK) == URL
    assert (data_folder() / "identities.damaged").read_text() == "[1"


def test_what_a_model_refuses_is_known_under_the_address() -> None:
    learned.remember(f"{URL}#x-tenant:0123", "m", "temperature", 0.5, "Only the default (1) is supported.")
    assert learned.refusals(URL, "m")


def test_two_endpoints_at_one_address_do_not_share_replies(
    database: Database, endpoint: HostileServer, home: Path
) -> None:
    (home / "config").mkdir(parents=True, exist_ok=True)
    table = '[{0}]\nbase_url = "{1}"\nheaders = {{X-Tenant = "{0}"}}\n'
    (home / "config" / "endpoints.toml").write_text(table.format("a", endpoint.url) + table.format("b", endpoint.url))
    for name, calls in (("a", 3), ("b", 6), ("a", 6), ("b", 6)):
        run_id = client.submit(database, replace(a_plan(), models=(f"{name}/ok",)))
        assert carried_out(database, run_id) == "finished"
        assert endpoint.calls("ok") == calls
