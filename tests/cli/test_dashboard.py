"""`promptgrid` alone, as a process: it says where it is and lets in who has the key of this start.

Nothing in the folder where it is started changes that."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.places import CHECKOUT, HOME_PAGE

PROMPTGRID = [
    "-P",
    "-m",
    "promptgrid",
    "dashboard",
    "--no-browser",
]  # -P: as the installed command, not from the folder
STREAMLIT = ["-P", "-m", "streamlit", "run", str(HOME_PAGE), "--server.headless", "true"]
HOSTILE_CONFIG = """
[server]
address = "0.0.0.0"
enableCORS = false
enableXsrfProtection = false
allowedHosts = ["*"]
corsAllowedOrigins = ["http://evil.example"]
enableStaticServing = true
[browser]
gatherUsageStats = true
"""
HOSTILE_MODULE = "import pathlib; pathlib.Path('imported').touch(); raise ImportError('the start folder was imported')"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    page: str


@dataclass(frozen=True)
class Started:
    """A dashboard in a process of its own: its port, the key in the address it printed, and its start folder."""

    process: subprocess.Popen[str]
    port: int
    key: str
    folder: Path

    def ask(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET", *, key: bool = True
    ) -> Answer:
        """The answer to one request; with `key`, its cookie goes along."""
        cookie = {"Cookie": f"promptgrid-{self.port}={self.key}"} if key else {}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, headers={**cookie, **(headers or {})})
            with connection.getresponse() as response:
                return Answer(response.status, response.headers, response.read().decode())


@contextmanager
def started(command: list[str], home: Path, **environment: str) -> Iterator[Started]:
    """Starts `command` in a folder that would take over what reads it."""
    folder = home / "start"
    (folder / ".streamlit").mkdir(parents=True)
    (folder / ".streamlit" / "config.toml").write_text(HOSTILE_CONFIG, "utf-8")
    for name in ("streamlit", "workbench", "regex"):
        (folder / f"{name}.py").write_text(HOSTILE_MODULE, "utf-8")
    variables = {"PROMPTGRID_HOME": str(home), "PROMPTGRID_BUILTIN_MODEL": "none.gguf", "PYTHONPATH": str(CHECKOUT)}
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, **variables, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.fullmatch(r"Promptgrid is at http://127\.0\.0\.1:(\d+)/\?key=([\w-]{43}) \(.*\)\n", line)
        assert address, line
        yield Started(process, int(address[1]), address[2], folder)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module", params=["promptgrid", "streamlit run"])
def dashboard(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Both ways to start it. The environment asks for an address, too, where the command line decides about it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    home = tmp_path_factory.mktemp("home")
    hostile = {"STREAMLIT_SERVER_ENABLE_CORS": "false", "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION": "false"}
    if request.param == "promptgrid":
        hostile["STREAMLIT_SERVER_ADDRESS"] = "0.0.0.0"
        command = [*PROMPTGRID, "--port", port]
    else:
        command = [*STREAMLIT, "--server.port", port]
    with started(command, home, **hostile) as running:
        yield running


@pytest.mark.parametrize("path", ["/", "/Run?prompts=a", "/media/a.png", "/static/js/index.js"])
def test_without_the_key_nothing_is_shown_but_what_to_do(dashboard: Started, path: str) -> None:
    answer = dashboard.ask(path, key=False)
    assert answer.status == 401
    assert "Open the address that" in answer.page
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/_stcore/health", "/_stcore/host-config", "/_stcore/metrics"])
def test_a_tab_of_an_earlier_start_is_told_in_a_form_that_it_shows(dashboard: Started, path: str) -> None:
    answer = dashboard.ask(path, key=False)
    assert answer.status == 401  # for 403 Streamlit has words of its own
    assert json.loads(answer.page).endswith("open the address that it printed in its terminal.")


def test_with_the_key_pages_come_and_cannot_be_framed(dashboard: Started) -> None:
    answer = dashboard.ask("/")
    assert answer.status == 200
    rules = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in rules
    assert "http://evil.example" not in rules


def test_the_printed_address_sets_the_key_as_a_cookie_that_scripts_and_other_sites_do_not_get(
    dashboard: Started,
) -> None:
    answer = dashboard.ask(f"/Compare?run=a%26b&key={dashboard.key}", key=False)
    assert 'content="0;url=/Compare?run=a%26b"' in answer.page
    assert (
        answer.headers["Set-Cookie"]
        == f"promptgrid-{dashboard.port}={dashboard.key}; HttpOnly; Path=/; SameSite=strict"
    )


def test_the_printed_address_leads_to_no_other_host(dashboard: Started) -> None:
    answer = dashboard.ask(f"//evil.example/x?key={dashboard.key}", key=False)
    assert 'content="0;url=/evil.example/x"' in answer.page


def test_a_wrong_key_is_none(dashboard: Started) -> None:
    assert dashboard.ask(f"/?key={dashboard.key[:-1]}", key=False).status == 401
    assert dashboard.ask("/", {"Cookie": f"promptgrid-{dashboard.port}=x"}, key=False).status == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_upload_needs_the_key_and_the_own_origin(dashboard: Started, method: str) -> None:
    path = "/_stcore/upload_file/session/file"
    own = {"Origin": f"http://127.0.0.1:{dashboard.port}"}
    assert dashboard.ask(path, own, method, key=False).status == 401
    refused = dashboard.ask(path, {"Origin": "http://evil.example"}, method)
    assert (refused.status, "Another web page led here" in refused.page) == (403, True)


def test_the_websocket_opens_with_the_key_from_a_page_of_this_server_only(dashboard: Started) -> None:
    own = {**UPGRADE, "Origin": f"http://127.0.0.1:{dashboard.port}"}
    assert dashboard.ask("/_stcore/stream", own).status == 101
    assert dashboard.ask("/_stcore/stream", own, key=False).status == 403
    for origin in ("http://evil.example", "http://127.0.0.1:1", f"https://127.0.0.1:{dashboard.port}", "null"):
        assert dashboard.ask("/_stcore/stream", {**UPGRADE, "Origin": origin}).status == 403


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_a_request_that_another_page_causes_is_refused_although_the_cookie_came(dashboard: Started, site: str) -> None:
    refused = dashboard.ask("/Run?prompts=a", {"Sec-Fetch-Site": site})
    assert refused.status == 403
    assert '<a href="">open it</a>' in refused.page


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "localhost@evil.example", "[::1", ""])
def test_other_names_of_this_machine_are_not_answered(dashboard: Started, host: str) -> None:
    refused = dashboard.ask("/", {"Host": host})
    assert refused.status in (400, 403)
    assert refused.status == 400 or "answers as <code>127.0.0.1</code>" in refused.page


def test_it_listens_on_loopback_only(dashboard: Started) -> None:
    with socket.socket() as probe:
        probe.settimeout(2)
        assert probe.connect_ex(("127.0.0.2", dashboard.port)) != 0  # which Linux serves to what listens everywhere


def test_no_module_of_the_start_folder_is_imported(dashboard: Started) -> None:
    assert not (dashboard.folder / "imported").exists()


def test_streamlit_run_ends_where_it_would_listen_everywhere(tmp_path: Path) -> None:
    environment = {**os.environ, "STREAMLIT_SERVER_ADDRESS": "0.0.0.0", "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, *STREAMLIT, "--server.port", "0"]
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "Promptgrid listens on 127.0.0.1 only, and server.address is 0.0.0.0." in ended.stderr


@pytest.mark.skipif(os.name == "nt", reason="sends signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_port_in_use_is_passed_over_and_a_signal_ends_the_server_in_peace(home: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with started([*PROMPTGRID, "--port", str(port)], home) as running:
            assert running.port != port
            assert running.ask("/_stcore/health").page == "ok"
            running.process.send_signal(getattr(signal, name))
            _, errors = running.process.communicate(timeout=60)
        with started([*PROMPTGRID, "--port", str(running.port)], home / "again") as restarted:
            assert restarted.port == running.port  # where bookmarks lead, although its connections linger
    assert running.process.returncode == 0
    assert f"Port {port} is in use" in errors
    assert "Traceback" not in errors
