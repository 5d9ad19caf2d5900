"""The state of the built-in model on this machine. No network, no start of the server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from promptgrid.builtin import process, weights
from promptgrid.errors import BuiltinError


@dataclass(frozen=True, slots=True)
class BuiltinStatus:
    """`size` in bytes: of the present weights, else of the download. `reason` is empty if the model can be used."""

    weights: Path | None
    size: int
    supported: bool
    reason: str
    running: bool

    @property
    def ready(self) -> bool:
        """Whether a request can be answered without a download."""
        return self.supported and self.weights is not None


def status() -> BuiltinStatus:
    """Whether the built-in model can be used, and if not, why and what to do."""
    path = weights.find()
    return BuiltinStatus(
        weights=path,
        size=path.stat().st_size if path else weights.DOWNLOAD_BYTES,
        supported=process.supported(),
        reason=_reason(),
        running=process.running(),
    )


def _reason() -> str:
    try:
        process.require_supported()
        weights.require()
    except BuiltinError as error:
        return str(error)
    return ""
