"""The doctor finds what is wrong, says what to do, never raises for it and never shows a key."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from promptgrid import builtin, doctor, paths
from promptgrid.doctor import Finding
from tests.faults.server import HostileServer

FREE_PORT = 0  # the system takes any


def findings(area: str, **options: object) -> list[Finding]:
    return [finding for finding in doctor.checks(**{"port": FREE_PORT, **options}) if finding.area == area]  # type: ignore[arg-type]


def test_every_area_is_looked_at_on_the_first_day() -> None:
    all_findings = doctor.checks(port=FREE_PORT)
    areas = list(dict.fromkeys(one.area for one in all_findings))
    assert areas == ["built-in model", "tokenizers", "endpoints", "database", "disk", "port", "folders"]
    assert {one.area for one in all_findings if one.ok is False} == {"built-in model"}


def test_whatever_is_wrong_has_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setattr("promptgrid.paths.LOW_DISK_BYTES", 10**18)
    monkeypatch.setattr(doctor, "encoding", lambda name: None)
    wrong = [finding for finding in doctor.checks(port=FREE_PORT) if finding.ok is False]
    assert {finding.area for finding in wrong} == {"built-in model", "tokenizers", "endpoints", "disk"}
    assert all(finding.fix for finding in wrong)


def test_missing_weights_say_how_to_fetch_them() -> None:
    (finding,) = findings("built-in model")
    assert finding.ok is False
    assert "`promptgrid run`" in finding.fix


def test_present_weights_are_fine_and_not_started(weights: Path) -> None:
    (finding,) = findings("built-in model")
    assert finding.ok
    assert str(weights) in finding.message
    assert "98 MB" in finding.message
    assert not builtin.running()


def test_the_start_test_starts_it(builtin_home: Path) -> None:
    all_findings = findings("built-in model", start=True)
    assert [one.ok for one in all_findings] == [True, True]
    assert builtin.running()


def test_a_start_that_fails_is_a_finding_with_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF but not really")
    monkeypatch.setenv("PROMPTGRID_BUILTIN_MODEL", str(broken))
    all_findings = findings("built-in model", start=True)
    assert [one.ok for one in all_findings] == [True, False]
    assert "server.log" in all_findings[-1].fix


def test_a_key_is_named_by_its_variable_and_never_shown(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    (finding,) = findings("endpoints")
    assert finding.ok
    assert "key in OPENAI_API_KEY" in finding.message
    assert "sk-very-secret" not in "".join(map(repr, doctor.checks(port=FREE_PORT)))


def test_a_key_that_is_not_set_is_said(home: Path, hostile: HostileServer) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "endpoints.toml").write_text(f'[mine]\nbase_url = "{hostile.url}"\nkey_env = "MINE_KEY"\n')
    (finding,) = findings("endpoints")
    assert finding.ok is False
    assert "MINE_KEY" in finding.message


def test_a_broken_endpoints_file_does_not_end_the_examination(home: Path) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "endpoints.toml").write_text("[mine\n")
    all_findings = doctor.checks(port=FREE_PORT)
    (endpoints,) = [one for one in all_findings if one.area == "endpoints"]
    assert endpoints.ok is False
    assert "endpoints.toml" in endpoints.message
    assert all_findings[-1].area == "folders"


def test_a_file_that_is_no_database_is_named() -> None:
    (paths.data_folder() / "promptgrid.sqlite3").write_bytes(b"not a database" * 100)
    (finding,) = findings("database")
    assert finding.ok is False
    assert finding.fix


def test_a_home_that_is_a_file_is_named_in_each_area_that_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PROMPTGRID_HOME", str(tmp_path / "file"))
    wrong = {one.area: one for one in doctor.checks(port=FREE_PORT) if one.ok is False}
    assert {"database", "disk", "folders"} <= set(wrong)
    assert "PROMPTGRID_HOME" in wrong["database"].fix


def test_a_port_in_use_names_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (finding,) = findings("port", port=port)
    assert finding.ok is None
    assert f"--port {port + 1}" in finding.fix


def test_the_folders_are_where_they_are(home: Path) -> None:
    text = " ".join(finding.message for finding in findings("folders"))
    for folder in (home / "data", home / "cache", home / "config"):
        assert str(folder) in text
