"""The weights unpacked to 16 bit, which the server loads instead of quantised ones.

With quantised weights a reply depends on how many texts the model works on at a time; with 16 bit ones it does not,
neither at temperature 0 nor in a beam search. The sums still differ in their last digits, so that a text drawn with a
seed repeats only while the model works on nothing else.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

from promptgrid import files, paths
from promptgrid.builtin import gguf_files, weights
from promptgrid.errors import BuiltinError, StoreError

MOST_BYTES = 700_000_000
"""The largest file that is unpacked: it takes up to four times its size on disk and in memory."""
_PLAIN = frozenset({"F32", "F16", "BF16"})
_GROWTH = 3  # of a file in 4 bit


@dataclass(frozen=True, slots=True)
class ServedWeights:
    """The weights in use and how they are served: the server loads `file`. With `repeatable`, replies do not depend on
    other requests in flight; else `reason` says why they do, as the end of a sentence."""

    path: Path
    file: Path
    repeatable: bool
    reason: str = ""

    @property
    def identity(self) -> str:
        """What replies depend on: `sha256:…` of the weights, and `+f16` if they are unpacked. Raises BuiltinError."""
        return weights.identity() + "+f16" * (self.file != self.path)


def problem(path: Path) -> str:
    """Returns why the weights at `path` are too large to be unpacked, as the end of a sentence; "" if they are not."""
    size = path.stat().st_size
    if size <= MOST_BYTES:
        return ""
    return f"its weights would have to be unpacked, and {path.name} has {size / 1e9:.1f} GB (at most 0.7)"


def _unwanted(path: Path) -> str:
    """Returns why the weights at `path` are not to be unpacked, as the end of a sentence; "" if they are."""
    removed = "its unpacked weights were removed (Settings makes them again)"
    return problem(path) or removed * _switch(path).exists()


def served(path: Path) -> ServedWeights:
    """Returns how the weights at `path` are served. Unpacks quantised ones at the first call, in two seconds; where
    that fails (a full disk, a read-only folder), they are served as they are."""
    try:
        if reason := _unwanted(path):
            return ServedWeights(path, path, False, reason)
        return ServedWeights(path, unpacked(path), True)
    except (BuiltinError, StoreError) as error:
        return ServedWeights(path, path, False, f"its weights are not unpacked: {error.message.rstrip('.')}")


def hindrance(path: Path) -> str:
    """Returns why the weights at `path` cannot be unpacked now, as the end of a sentence, without trying; "" if nothing
    is known to stand against it."""
    if (reason := _unwanted(path)) or made(path):
        return reason
    folder = paths.cache_folder()
    if paths.free_bytes(folder) < _GROWTH * path.stat().st_size:
        return f"its weights are not unpacked: {folder} has {paths.free_bytes(folder) // 1_000_000} MB free"
    return "" if os.access(folder, os.W_OK) else f"its weights are not unpacked: {folder} cannot be written"


def made(path: Path) -> Path | None:
    """Returns the path of the unpacked weights of `path`; None if they are not made."""
    return target if (target := _target(path)).is_file() else None


def served_state() -> tuple[str, bool, bool] | None:
    """Returns what decides how the weights in use are served, without unpacking: it changes when the weights do, and
    when the unpacked file is made or removed. None if there are no weights."""
    path = weights.find()
    return (weights.stamp(path), _switch(path).exists(), made(path) is not None) if path else None


def remove(path: Path) -> None:
    """Removes the unpacked weights of `path`, and has the quantised ones served until `restore` is called. Raises
    StoreError."""
    switch, target = _switch(path), _target(path)
    with paths.writing(switch):
        switch.touch()
        target.unlink(missing_ok=True)


def restore(path: Path) -> Path:
    """Unpacks the weights of `path` again after a removal, and returns the path of the file. Raises BuiltinError if
    that fails, StoreError if the cache folder cannot be written."""
    with paths.writing(_switch(path)):
        _switch(path).unlink(missing_ok=True)
    return unpacked(path)


def unpacked(path: Path) -> Path:
    """Returns the path of the weights at `path` as 16 bit numbers: `path` itself if they are not quantised, else a file
    in the cache folder, made at the first call. Raises BuiltinError, and StoreError without a cache folder."""
    if reason := _unwanted(path):
        raise BuiltinError(f"The weights are not unpacked: {reason}.", hint="Take a smaller file, or see Settings.")
    if target := made(path):
        return target
    try:
        return path if _is_plain(path, weights.stamp(path)) else _made(path)
    except (OSError, ValueError, KeyError, IndexError, NotImplementedError) as error:
        why = "the disk is full" if isinstance(error, OSError) and error.errno == errno.ENOSPC else str(error)
        message = f"The weights in {path.name} cannot be unpacked: {why}."
        raise BuiltinError(message, hint="Free some disk space, or use a GGUF file in F16.") from error


def _target(path: Path) -> Path:
    return paths.cache_folder() / f"f16-{weights.stamp(path)}.gguf"


def _switch(path: Path) -> Path:
    return paths.cache_folder() / f"f16-{weights.stamp(path)}.removed"


@lru_cache(maxsize=4)
def _is_plain(path: Path, stamp: str) -> bool:
    """Whether no weight of the file is quantised; `stamp` changes when the file does."""
    from gguf import GGUFReader

    return all(tensor.tensor_type.name in _PLAIN for tensor in GGUFReader(path).tensors)


def _made(path: Path) -> Path:
    target = _target(path)
    with FileLock(target.parent / "unpack.lock", thread_local=False):
        if target.is_file():
            return target
        files.remove_stale(target.parent, "unpack-*")
        if reason := hindrance(path):
            raise BuiltinError(f"{reason[:1].upper()}{reason[1:]}.", hint="Free some disk space.")
        half = target.with_name(f"unpack-{os.getpid()}.gguf")
        try:
            _unpack(path, half)
            half.replace(target)
        except BaseException:
            with suppress(OSError):
                half.unlink(missing_ok=True)
            raise
    files.remove_stale(target.parent, "f32-*.gguf")  # of versions that searched beams in 32 bit
    return target


def _unpack(path: Path, target: Path) -> None:
    import numpy as np
    from gguf import GGUFReader, LlamaFileType
    from gguf.quants import dequantize

    reader = GGUFReader(path)
    writer = gguf_files.copied_header(reader, target, LlamaFileType.MOSTLY_F16)
    for tensor in reader.tensors:
        data = dequantize(tensor.data, tensor.tensor_type)
        # llama.cpp wants its norms, which are vectors, in 32 bit
        writer.add_tensor(tensor.name, data.astype(np.float16 if len(tensor.shape) > 1 else np.float32))
    gguf_files.write(writer)
