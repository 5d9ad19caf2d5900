"""Names become endpoints, and synchronous callers get asynchronous answers, errors and cancellation."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from promptgrid import builtin, connections, loop
from promptgrid.builtin import weights as builtin_weights
from promptgrid.cli import main
from promptgrid.endpoint import embeddings
from promptgrid.errors import PlanError
from promptgrid.paths import config_folder
from tests.faults.server import HostileServer


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """The endpoints `openai` and `deepseek`."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    config = home / "config"
    config.mkdir(parents=True)
    (config / "endpoints.toml").write_text('[deepseek]\nbase_url = "http://127.0.0.1:9/v1"\n')


def test_the_state_of_an_endpoint_leaves_its_name_to_the_line_that_shows_it(two: None) -> None:
    state = connections.check("deepseek")
    assert not state.ok
    assert state.message.startswith("Cannot be reached at http://127.0.0.1:9/v1")


def test_the_built_in_endpoint_is_always_there() -> None:
    assert connections.endpoint_names() == ["builtin"]
    assert connections.settings() == {}


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        (connections.DEFAULT_MODEL, ("builtin", builtin.MODEL)),
        ("openai/gpt-4o", ("openai", "gpt-4o")),
        ("deepseek/org/model/v2", ("deepseek", "org/model/v2")),
        (" openai/gpt-4o\n", ("openai", "gpt-4o")),
    ],
)
def test_a_reference_splits_at_its_first_slash(ref: str, expected: tuple[str, str], two: None) -> None:
    assert connections.split_model(ref) == expected


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("deepsek/chat", "Did you mean deepseek?"),
        ("nowhere/chat", "builtin, openai, deepseek"),
        ("smollm2-135m-instruct", "ENDPOINT/MODEL"),
        ("openai/", "ENDPOINT/MODEL"),
        ("/gpt-4o", "ENDPOINT/MODEL"),
        ("", "ENDPOINT/MODEL"),
    ],
)
def test_what_names_no_endpoint_is_an_error_that_helps(ref: str, message: str, two: None) -> None:
    with pytest.raises(PlanError, match=message):
        connections.split_model(ref)


def test_an_unset_openai_names_its_variables() -> None:
    with pytest.raises(PlanError, match="OPENAI_API_KEY"):
        connections.split_model("openai/gpt-4o")


def test_an_endpoint_is_one_object_until_its_settings_change(two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    first = connections.connect("openai")
    assert connections.connect("openai") is first
    assert connections.connect("deepseek") is not first
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    assert connections.connect("openai") is not first
    assert connections.connect("builtin") is connections.connect("builtin")


def test_closing_frees_the_replaced_ones_too(two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[object] = []

    async def aclose(self: object) -> None:
        closed.append(self)

    first = connections.connect("openai")
    monkeypatch.setattr(type(first), "aclose", aclose)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    second = connections.connect("openai")
    assert closed == []
    connections.close()
    assert set(map(id, closed)) == {id(first), id(second)}
    assert connections.connect("openai") is not second


def test_another_event_loop_gets_an_object_of_its_own(two: None) -> None:
    async def inside() -> bool:
        return connections.connect("openai") is connections.connect("openai") is not outside

    outside = connections.connect("openai")
    assert asyncio.run(inside())


def test_the_facts_of_the_built_in_model_are_known_and_free() -> None:
    facts = connections.model_facts(connections.DEFAULT_MODEL)
    assert (facts.free, facts.known, facts.context) == (True, True, 8192)


def test_check_lists_the_models(hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    state = connections.check("openai")
    assert state.ok
    assert state.models


def test_check_says_when_a_list_of_models_is_shortened(hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    assert not connections.check("openai").note
    monkeypatch.setattr(embeddings, "MOST_MODELS", 3)
    monkeypatch.setattr(connections, "MOST_MODELS", 3)
    state = connections.check("openai")
    assert len(state.models) == 3
    assert "first 3 models are listed" in state.note


def test_check_says_what_is_wrong_with_an_endpoint_that_is_down(two: None) -> None:
    state = connections.check("deepseek")
    assert (state.ok, state.models) == (False, ())
    assert "127.0.0.1:9" in state.message


def test_check_gives_up_on_a_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(connections, "CHECK_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
        state = connections.check("openai")
    assert not state.ok
    assert "No answer" in state.message


def test_check_of_an_endpoint_that_is_not_there_is_no_exception() -> None:
    assert not connections.check("nowhere").ok


def test_check_of_the_built_in_endpoint_starts_nothing(weights: Path) -> None:
    state = connections.check("builtin")
    assert (state.ok, state.models) == (True, (builtin.MODEL,))
    assert not builtin.running()


def test_check_names_a_built_in_model_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(builtin_weights.OVERRIDE, "/nowhere/x.gguf")
    state = connections.check("builtin")
    assert not state.ok
    assert "/nowhere/x.gguf" in state.message


def test_run_sync_returns_and_raises() -> None:
    async def answer(error: bool) -> int:
        if error:
            raise PlanError("wrong")
        return 42

    assert loop.run_sync(answer(False)) == 42
    with pytest.raises(PlanError, match="wrong"):
        loop.run_sync(answer(True))


def test_run_sync_from_its_own_loop_is_refused_instead_of_waiting_for_ever() -> None:
    async def inner() -> int:
        return 1

    async def outer() -> int:
        return loop.run_sync(inner())

    with pytest.raises(RuntimeError, match="await"):
        loop.run_sync(outer())


def test_many_threads_share_one_loop() -> None:
    async def loop_id() -> int:
        await asyncio.sleep(0)
        return id(asyncio.get_running_loop())

    loops: list[int] = []
    threads = [threading.Thread(target=lambda: loops.append(loop.run_sync(loop_id()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loops) == 8
    assert len(set(loops)) == 1


def test_a_caller_that_is_cancelled_while_it_cancels_tasks_does_not_go_on() -> None:
    events = []

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            events.append("the task has ended")

    async def caller() -> None:
        task = asyncio.create_task(slow())
        await asyncio.sleep(0)
        await loop.cancel(task)
        events.append("the caller went on")

    async def run() -> bool:
        task = asyncio.create_task(caller())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    assert asyncio.run(run())
    assert events == ["the task has ended"]


def test_a_key_of_the_environment_goes_to_no_address_that_the_start_folder_names(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    Path(".env").write_text(f"OPENAI_BASE_URL={hostile.url}\n", "utf-8")
    with pytest.raises(PlanError, match=r"is in the environment, and .*\.env wants it sent to http"):
        connections.connect("openai")
    assert connections.settings() == {}
    assert not connections.check("openai").ok
    assert hostile.requests == []


def test_a_key_goes_to_the_address_beside_it(hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile.api_key = "sk-of-the-folder"
    Path(".env").write_text(f"OPENAI_BASE_URL={hostile.url}\nOPENAI_API_KEY=sk-of-the-folder\n", "utf-8")
    assert connections.check("openai").ok
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-folder")
    assert connections.check("openai").ok


BROKEN_TABLE = '[bad]\nbase_url = "http://x/v1"\nconcurency = 3\n'


def endpoints_file(text: str) -> Path:
    path = config_folder() / "endpoints.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_a_bad_table_stops_its_own_endpoint_only(home: Path, hostile: HostileServer) -> None:
    endpoints_file(f'{BROKEN_TABLE}[good]\nbase_url = "{hostile.url}"\n')
    assert connections.endpoint_names() == ["builtin", "good", "bad"]
    assert connections.check("good").ok
    assert connections.split_model(connections.DEFAULT_MODEL)[0] == "builtin"
    with pytest.raises(PlanError, match=r"endpoints\.toml, line 3: \[bad\] concurency .* Did you mean concurrency"):
        connections.split_model("bad/x")
    assert "concurency is not a setting" in connections.check("bad").message
    with pytest.raises(PlanError, match=r"There are: builtin, good\."):
        connections.split_model("other/x")


def test_a_file_that_is_not_toml_stops_the_endpoints_that_may_stand_in_it(home: Path) -> None:
    endpoints_file("[bad\n")
    assert connections.split_model(connections.DEFAULT_MODEL)[0] == "builtin"
    with pytest.raises(PlanError, match=r"endpoints\.toml is not valid TOML"):
        connections.split_model("any/x")


def test_a_command_names_a_bad_table_and_goes_on(home: Path, hostile: HostileServer) -> None:
    endpoints_file(f'{BROKEN_TABLE}[good]\nbase_url = "{hostile.url}"\n')
    Path("say.prompty").write_text("user:\nSay {{ a }}.\n", "utf-8")
    Path("cases.csv").write_text("a\nx\n", "utf-8")
    arguments = ["run", "say.prompty", "--cases", "cases.csv", "--model", "good/ok", "--temperature", "0"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert result.stderr.count("Left out: bad. ") == 1
    assert "line 3: [bad] concurency is not a setting of an endpoint. Did you mean concurrency?" in result.stderr
    assert "1/1" in result.stdout
