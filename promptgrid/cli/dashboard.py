"""`promptgrid` alone: the dashboard, the same as `streamlit run workbench.py`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import subprocess

_STARTS_S = 60.0


@click.command()
@click.option("--port", type=int, default=8501, show_default=True, help="The next free one is taken if it is in use.")
@click.option("--browser/--no-browser", default=True, help="Open it in the browser.")
def dashboard(port: int, browser: bool) -> None:
    """Open the dashboard (what `promptgrid` alone does)."""
    import subprocess

    from promptgrid import paths

    free = _free_port(port)
    if free != port:
        click.echo(f"Port {port} is taken; using {free}.", err=True)
    script = str(paths.shipped_folder() / "workbench.py")
    # Headless: Streamlit would ask for an e-mail address and advertise; the browser is opened from here instead.
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        script,
        "--server.port",
        str(free),
        "--server.headless",
        "true",
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
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

    click.echo(f"Promptgrid is at {url} (Ctrl+C ends it; a run in progress goes on)")
    has_screen = sys.platform in ("darwin", "win32") or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    if browser and has_screen:
        webbrowser.open(url)


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    """Waits until the server takes connections; False when it ended before."""
    import socket

    deadline = time.monotonic() + _STARTS_S
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def _free_port(wanted: int) -> int:
    """The wanted port, or the next free one of the twenty after it."""
    import socket

    for port in range(wanted, wanted + 20):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise click.ClickException(f"The ports {wanted} to {wanted + 19} are all taken. Choose another with --port.")
