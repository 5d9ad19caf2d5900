"""`promptgrid serve`: a model of your own as an endpoint."""

from __future__ import annotations

import importlib.util
import os
import socket
from pathlib import Path

import click

from promptgrid.cli.output import echo
from promptgrid.errors import TuningError
from promptgrid.paths import install_command

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True)
_NEEDED = ("torch", "transformers")


@click.command()
@click.argument("folder", type=_FOLDER)
@click.option("--name", help="The model's name.  [default: that of the folder]")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8901, show_default=True, help="Of 127.0.0.1; 0: a free one."
)
def serve(folder: Path, name: str | None, port: int) -> None:
    """Serve the model in FOLDER to this machine until Ctrl+C, by the OpenAI protocol.

    FOLDER holds a causal model and its tokenizer as transformers' save_pretrained writes them: GPT-2, or one that you
    have trained. It becomes an endpoint by the lines that are printed. Needs the extra `tune`.
    """
    missing = [package for package in _NEEDED if importlib.util.find_spec(package) is None]
    if missing:
        hint = install_command("tune")
        raise TuningError(f"A folder is served by {' and '.join(_NEEDED)}; missing: {', '.join(missing)}.", hint=hint)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads; spinning threads slow others down
    import uvicorn

    from promptgrid.tuning.folder_model import FolderModel
    from promptgrid.tuning.folder_server import FolderServer

    name = name or folder.name
    with _listening(port) as listening:
        server = FolderServer(FolderModel(folder), name)
        echo(f"Serving {name} as the model own/{name}, until Ctrl+C, with these lines in endpoints.toml:\n\n[own]")
        echo(f'base_url = "http://127.0.0.1:{listening.getsockname()[1]}/v1"\nconcurrency = 1\nmax_n = 8')
        uvicorn.Server(uvicorn.Config(server.app, log_level="warning")).run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    """Returns a socket that takes connections at the port of 127.0.0.1. Raises TuningError if another has it."""
    listening = socket.socket()
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise TuningError(f"Port {port} cannot be used: {error.strerror}.", hint="Name another by --port.") from error
    listening.listen()
    return listening
