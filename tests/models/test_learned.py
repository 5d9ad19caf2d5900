"""What endpoints refused is remembered, on disk, for a while."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from promptgrid import connections, loop
from promptgrid.endpoint import Request
from promptgrid.endpoint.refusals import response_error
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.errors import EndpointError, StoreError
from promptgrid.models import learned
from promptgrid.models.learned import Refusal
from promptgrid.models.parameters import Sent, sent
from promptgrid.prompt import Message, Parameters
from tests.faults.server import HostileServer

HERE, THERE = "https://one.example/v1", "https://two.example/v1"
ONLY_DEFAULT = (
    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported."
)


@pytest.fixture
def file(home: Path) -> Path:
    (home / "data").mkdir(parents=True)
    return home / "data" / "learned.json"


def row(days_ago: float = 0, **changes: Any) -> dict[str, Any]:
    at = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
    fields = {"identity": HERE, "model": "m", "parameter": "seed", "value": 1, "said": "no", "at": at, "effort": ""}
    return {**fields, **changes}


def write(file: Path, *rows: dict[str, Any]) -> None:
    file.write_text(json.dumps({"refusals": rows}))


def test_a_refusal_is_remembered_with_value_words_and_date() -> None:
    learned.remember(HERE, "m", "temperature", 0.7, ONLY_DEFAULT, effort="low")
    (refusal,) = learned.refusals(HERE, "m")
    assert (refusal.identity, refusal.model, refusal.parameter, refusal.value) == (HERE, "m", "temperature", 0.7)
    assert (refusal.reason, refusal.effort) == (ONLY_DEFAULT, "low")
    assert abs(datetime.now(UTC) - refusal.at) < timedelta(minutes=1)
    assert refusal.sentence == f"m refused temperature 0.7 on {refusal.at:%Y-%m-%d}: {ONLY_DEFAULT}"


def test_it_belongs_to_one_model_at_one_endpoint() -> None:
    learned.remember(HERE, "m", "seed", 1, "no")
    assert learned.refusals(THERE, "m") == learned.refusals(HERE, "other") == ()
    learned.remember(THERE, "m", "seed", 1, "no")
    assert [refusal.identity for refusal in learned.all_refusals()] == [HERE, THERE]


def test_another_process_remembers_it_too() -> None:
    learned.remember(HERE, "m", "seed", 1, "no")
    code = f"from promptgrid.models import learned; print(len(learned.refusals({HERE!r}, 'm')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


def test_a_row_of_the_file_has_the_fields_that_earlier_versions_wrote(file: Path) -> None:
    learned.remember(HERE, "m", "seed", 1, "no")
    (stored,) = json.loads(file.read_bytes())["refusals"]
    assert stored == row(at=stored["at"])


def test_the_file_is_for_its_owner_only(file: Path) -> None:
    learned.remember(HERE, "m", "seed", 1, "no")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in file.parent.iterdir()) == ["learned.json", "learned.lock"]
    assert stat.S_IMODE((file.parent / "learned.lock").stat().st_mode) == 0o600


def test_what_was_said_is_one_line_and_cut() -> None:
    learned.remember(HERE, "m", "seed", 1, "a\nb\x1b[31m\u202e" + "c" * 1000)
    (refusal,) = learned.refusals(HERE, "m")
    assert refusal.reason.startswith("a b [31m c")
    assert len(refusal.reason) <= learned.SENTENCE_LIMIT + 1
    assert refusal.reason.isprintable()


def test_an_endpoint_errors_message_leaves_the_servers_sentence() -> None:
    body = {"message": ONLY_DEFAULT, "param": "temperature", "code": "unsupported_value"}
    error = response_error(400, body, {}, EndpointSettings("one", HERE), "m")
    assert error.message != ONLY_DEFAULT
    learned.remember(HERE, "m", error.param, 0.7, error.message)
    assert learned.refusals(HERE, "m")[0].reason == ONLY_DEFAULT


@pytest.mark.parametrize(
    ("value", "stored_value"),
    [(None, None), ("none", "none"), (3, 3), ({"type": "json_object"}, '{"type": "json_object"}'), (("a",), '["a"]')],
)
def test_any_value_can_be_refused(value: object, stored_value: object, file: Path) -> None:
    learned.remember(HERE, "m", "x", value, "no")
    assert learned.refusals(HERE, "m")[0].value == stored_value


@pytest.mark.parametrize(
    ("model", "planned"),
    [
        ("refuses-temperature", Parameters(temperature=0.7, reasoning_effort="none")),
        ("refuses-top-p", Parameters(temperature=0.7, top_p=0.5)),
        ("refuses-temperature-with-top-p", Parameters(temperature=0.7, top_p=0.5)),
        ("refuses-seed", Parameters(seed=3)),
    ],
)
def test_after_one_refusal_the_next_request_is_answered(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch, model: str, planned: Parameters
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    first = parameters_sent(model, planned)
    assert first.notes == ()
    with pytest.raises(EndpointError) as refused:
        ask(model, first)
    error = refused.value
    value = getattr(first.parameters, error.param)
    learned.remember(hostile.url, model, error.param, value, error.message, effort=first.parameters.reasoning_effort)
    second = parameters_sent(model, planned)
    assert len(second.notes) == 1
    assert f"{model} refused {error.param} {value}" in second.note or "together" in second.note
    assert ask(model, second)


def parameters_sent(model: str, planned: Parameters) -> Sent:
    return sent(connections.model_facts(f"openai/{model}"), planned)


def ask(model: str, parameters: Sent) -> str:
    request = Request(model, (Message("user", "hello"),), parameters=parameters.parameters)
    return loop.run_sync(connections.connect("openai").complete(request))[0].text


def test_the_same_refusal_is_not_written_again(file: Path) -> None:
    learned.remember(HERE, "m", "temperature", 0.7, ONLY_DEFAULT)
    before = file.stat()
    learned.remember(HERE, "m", "temperature", 0.7, ONLY_DEFAULT)
    learned.remember(HERE, "m", "temperature", 0.2, ONLY_DEFAULT.replace("0.7", "0.2"))  # it refuses any
    after = file.stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_the_same_refusal_on_another_day_takes_the_place_of_the_old_one(file: Path) -> None:
    write(file, row(days_ago=20))
    learned.remember(HERE, "m", "seed", 1, "no")
    (refusal,) = learned.refusals(HERE, "m")
    assert refusal.at > datetime.now(UTC) - timedelta(minutes=1)


def test_of_many_values_the_latest_are_kept() -> None:
    for seed in range(learned.VALUES_STORED + 3):
        learned.remember(HERE, "m", "seed", seed, "no")
    learned.remember(HERE, "m", "stop", "x", "no")
    refusals = learned.refusals(HERE, "m")
    assert [refusal.value for refusal in refusals] == [*range(3, learned.VALUES_STORED + 3), "x"]


def test_a_refusal_is_forgotten_after_30_days(file: Path) -> None:
    write(file, row(days_ago=31, model="old"), row(days_ago=29, model="young"), row(days_ago=-40, model="future"))
    assert [refusal.model for refusal in learned.all_refusals()] == ["young"]
    learned.remember(HERE, "m", "seed", 1, "no")
    assert [entry["model"] for entry in json.loads(file.read_text())["refusals"]] == ["young", "m"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[1, 2]",
        b'{"refusals": 3}',
        b'{"refusals": [{"identity": "x"}]}',
        json.dumps({"refusals": [row(at="yesterday")]}).encode(),
        json.dumps({"refusals": [row(at="2026-11-22T01:00:00")]}).encode(),
        json.dumps({"refusals": [row(said=3)]}).encode(),
        json.dumps({"refusals": [row(more=3)]}).encode(),
        b"[" * 100_000,
    ],
)
def test_a_broken_or_foreign_file_is_taken_for_an_empty_one_and_replaced(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert learned.all_refusals() == ()
    learned.remember(HERE, "m", "seed", 1, "no")
    assert len(learned.all_refusals()) == 1


def test_a_change_by_somebody_else_is_seen_at_once(file: Path) -> None:
    assert learned.all_refusals() == ()
    write(file, row())
    assert len(learned.all_refusals()) == 1
    write(file, row(), row(model="n"))
    assert len(learned.all_refusals()) == 2
    file.unlink()
    assert learned.all_refusals() == ()


def test_an_unchanged_file_is_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned.remember(HERE, "m", "seed", 1, "no")
    first = learned.refusals(HERE, "m")
    monkeypatch.setattr(learned, "_read_now", None)
    assert learned.refusals(HERE, "m") == first


@pytest.mark.parametrize(
    ("identity", "model", "left"),
    [("", "", 0), (HERE, "", 1), ("", "m", 1), (HERE, "m", 2), ("https://three.example", "", 3)],
)
def test_forgetting_is_by_endpoint_and_model(identity: str, model: str, left: int) -> None:
    for where, name in ((HERE, "m"), (HERE, "n"), (THERE, "m")):
        learned.remember(where, name, "seed", 1, "no")
    assert learned.forget(identity, model) == 3 - left
    assert len(learned.all_refusals()) == left


def test_a_file_that_cannot_be_written_stops_nobody_but_who_asked_to_forget(file: Path) -> None:
    file.mkdir()
    learned.remember(HERE, "m", "seed", 1, "no")
    assert learned.all_refusals() == ()
    with pytest.raises(StoreError, match=r"learned\.json cannot be written"):
        learned.forget()
    assert sorted(path.name for path in file.parent.iterdir()) == ["learned.json", "learned.lock"]


def test_two_processes_lose_nothing_of_each_other() -> None:
    code = (
        "import sys; from promptgrid.models import learned\n"
        f"for i in range(15): learned.remember({HERE!r}, sys.argv[1] + str(i), 'seed', i, 'no')"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("a", "b")]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(learned.all_refusals()) == 30


def test_a_word_that_the_server_quotes_is_a_value() -> None:
    sentence = "Unsupported value: 'reasoning_effort' does not support 'none' with this model."
    assert not Refusal(HERE, "m", "reasoning_effort", "none", sentence, datetime.now(UTC)).whole
    sentence = "Unsupported parameter: 'reasoning_effort' is not supported with this model."
    assert Refusal(HERE, "m", "reasoning_effort", "none", sentence, datetime.now(UTC)).whole


@pytest.mark.parametrize(
    ("sentence", "whole"),
    [
        (ONLY_DEFAULT, True),
        ("Unsupported parameter: 'temperature' is not supported with this model.", True),
        ("Unrecognized request argument supplied: seed", True),
        ("`temperature` is deprecated for this model.", True),
        ("`temperature` may only be set to 1 when thinking is enabled.", True),
        ("invalid temperature: only 1 is allowed for this model", True),
        ("Models of this kind don't support temperature=0.7. Only temperature=1 is supported.", True),
        ("property 'logprobs' is unsupported", True),
        ("Extra inputs are not permitted", True),
        ('Invalid JSON payload: Unknown name "seed": Cannot find field.', True),
        ("temperature: range: 0..1", False),
        ("Input should be less than or equal to 2", False),
        ("This model does not support temperatures above 1", False),
        ("temperature must be 1 or less", False),
        ("temperature must be 1.5", False),
        ("only 0 to 1 is supported", False),
        ("'reasoning_effort' does not support 'none'. Supported values are: 'low', 'medium', and 'high'.", False),
        ("Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.", False),
        ("max_tokens is too large: 100000. This model supports at most 16384 completion tokens", False),
        ("`temperature` and `top_p` cannot both be specified for this model. Please use only one.", False),
        ("This model does not support both temperature and top_p.", False),
        ("no", False),
        ("", False),
    ],
)
def test_the_servers_words_tell_a_refused_parameter_from_a_refused_value(sentence: str, whole: bool) -> None:
    assert Refusal(HERE, "m", "temperature", 0.7, sentence, datetime.now(UTC)).whole is whole
