"""`promptgrid` alone: the dashboard, the same as `streamlit run workbench.py`."""

from __future__ import annotations

import sys

import click


@click.command()
@click.option("--port", type=int, default=8501, show_default=True, help="The next free one is taken if it is in use.")
@click.option("--browser/--no-browser", default=True, help="Open it in the browser.")
def dashboard(port: int, browser: bool) -> None:
    """Open the dashboard (what `promptgrid` alone does)."""
    import os
    import subprocess

    from promptgrid import paths

    folder = paths.shipped_folder()
    free = _free_port(port)
    if free != port:
        click.echo(f"Port {port} is taken; using {free}.", err=True)
    # Streamlit takes its config.toml from the folder of the script, the library from ours: so the folder stays.
    command = [sys.executable, "-m", "streamlit", "run", str(folder / "workbench.py"), "--server.port", str(free)]
    command += ["--server.headless", str(not browser).lower()]
    try:
        raise SystemExit(subprocess.run(command, env=dict(os.environ)).returncode)
    except KeyboardInterrupt:
        raise SystemExit(0) from None


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
