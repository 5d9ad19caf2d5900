"""`promptgrid` without a command: opens the dashboard, as `streamlit run workbench.py` does."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from promptgrid.cli.output import echo

if TYPE_CHECKING:
    import subprocess

_STARTS_S = 60.0


@click.command()
@click.option("--port", type=int, default=8501, show_default=True, help="If it is in use, the next free port is used.")
@click.option("--browser/--no-browser", default=True, help="Open the dashboard in a browser.")
def dashboard(port: int, browser: bool) -> None:
    """Open the dashboard (the default command)."""
    import subprocess

    from promptgrid import paths

    free = _free_port(port)
    if free != port:
        echo(f"Port {port} is in use; using {free}.", err=True)
    script = str(paths.shipped_folder() / "workbench.py")
    # Headless: otherwise Streamlit asks for an e-mail address. The browser is opened below.
    options = ("--server.port", str(free), "--server.headless", "true")
    server = subprocess.Popen([sys.executable, "-m", "streamlit", "run", script, *options], stdout=subprocess.DEVNULL)
    try:
        if _answers(free, server):
            _welcome(f"http://127.0.0.1:{free}", browser)
        raise SystemExit(server.wait())
    except KeyboardInterrupt:
        server.terminate()
        server.wait()
        raise SystemExit(0) from None


def _welcome(url: str, browser: bool) -> None:
    import os
    import webbrowser

    echo(f"Promptgrid is at {url} (Ctrl+C stops it; runs in progress continue)")
    has_screen = sys.platform in ("darwin", "win32") or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    if browser and has_screen:
        webbrowser.open(url)


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    """Waits until the server accepts connections; returns False if the server ends first."""
    import socket

    deadline = time.monotonic() + _STARTS_S
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def _free_port(first: int) -> int:
    """Returns the first free port among the twenty from `first` on. Raises ClickException if all are in use."""
    import socket

    for port in range(first, first + 20):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise click.ClickException(f"The ports {first} to {first + 19} are all in use. Choose another with --port.")
