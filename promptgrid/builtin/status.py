"""What there is of the built-in model on this machine. No network, no start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from promptgrid.builtin import process, weights
from promptgrid.errors import BuiltinError


@dataclass(frozen=True, slots=True)
class BuiltinStatus:
    """`size` in bytes: of the weights that are here, else of the download. `reason` is empty where it can be used."""

    weights: Path | None
    size: int
    supported: bool
    reason: str
    running: bool

    @property
    def ready(self) -> bool:
        """A request can be answered without fetching anything."""
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
