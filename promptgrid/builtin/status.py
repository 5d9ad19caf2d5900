"""The state of the built-in model on this machine; uses no network and does not start the server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from promptgrid.builtin import process, unpacking, weights
from promptgrid.errors import BuiltinError


@dataclass(frozen=True, slots=True)
class BuiltinStatus:
    """The state of the built-in model. `size` is in bytes: that of the weights, or of the download if there are no
    weights.

    `reason` says why the model cannot be used and what to do; it is empty if the model can be used. `unpacked` is the
    file with the weights in 16 bit; None if it is not made. `slow` says why the weights are served as they are, one
    request at a time, as the end of a sentence; it is empty if they are not.
    """

    weights: Path | None
    size: int
    supported: bool
    reason: str
    running: bool
    unpacked: Path | None = None
    slow: str = ""

    @property
    def ready(self) -> bool:
        """Whether a request can be answered without a download."""
        return self.supported and self.weights is not None


def status() -> BuiltinStatus:
    """Returns whether the built-in model can be used, its size and, if it cannot be used, the reason and what to do."""
    path = weights.find()
    return BuiltinStatus(
        weights=path,
        size=path.stat().st_size if path else weights.DOWNLOAD_BYTES,
        supported=process.supported(),
        reason=_reason(),
        running=process.running(),
        unpacked=unpacking.made(path) if path else None,
        slow=unpacking.hindrance(path) if path else "",
    )


def _reason() -> str:
    try:
        process.require_supported()
        weights.require()
    except BuiltinError as error:
        return str(error)
    return ""
