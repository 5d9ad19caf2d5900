"""`promptgrid` without a command: opens the dashboard, as `streamlit run workbench.py` does."""

from __future__ import annotations

import click

from promptgrid.cli.output import echo

# On the command line, because there they win over the environment and over .streamlit/config.toml in the start folder.
_PINNED = {
    "server.address": "127.0.0.1",
    "server.enableCORS": "true",
    "server.enableXsrfProtection": "true",
    "server.enableStaticServing": "false",
    "server.enableAgentApi": "false",
    "server.fileWatcherType": "none",
    "server.showEmailPrompt": "false",
    "browser.gatherUsageStats": "false",
    "global.developmentMode": "false",
    "global.minCachedMessageSize": "1e12",  # bytes, so none: see .streamlit/config.toml
    "logger.hideWelcomeMessage": "true",  # it would print the address without the key
}


@click.command()
@click.option("--port", type=int, default=8501, show_default=True, help="If it is in use, the next free port is used.")
@click.option("--browser/--no-browser", default=True, help="Open the dashboard in a browser.")
def dashboard(port: int, browser: bool) -> None:
    """Open the dashboard (the default command)."""
    import runpy
    import signal
    import sys

    from promptgrid import paths

    free = _free_port(port)
    if free != port:
        echo(f"Port {port} is in use; using {free}.", err=True)
    settings = {**_PINNED, "server.port": str(free), **({} if browser else {"server.headless": "true"})}
    options = [text for name, value in settings.items() for text in (f"--{name}", value)]
    for name in (signal.SIGINT, signal.SIGTERM):  # the server ends itself first, then sends itself the signal again
        signal.signal(name, lambda *_: sys.exit(0))
    sys.argv = ["streamlit", "run", str(paths.shipped_folder() / "workbench.py"), *options]
    runpy.run_module("streamlit", run_name="__main__")


def _free_port(first: int) -> int:
    """Returns the first free port among the twenty from `first` on. Raises ClickException if all are in use."""
    import os
    import socket

    for port in range(first, first + 20):
        with socket.socket() as probe:
            if os.name == "posix":  # else a port stays in use for a minute after its server has ended
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise click.ClickException(f"The ports {first} to {first + 19} are all in use. Choose another with --port.")
