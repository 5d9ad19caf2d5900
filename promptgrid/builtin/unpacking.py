"""The weights unpacked to 32 bit, for beam search: with quantised weights, probabilities depend on how many texts the
model works on at a time. In 16 bit they no longer do, but differ from the exact ones by a hundredth in a sum."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock

from promptgrid import files, paths
from promptgrid.builtin import weights
from promptgrid.errors import BuiltinError

MOST_BYTES = 700_000_000
"""The largest file that is unpacked: it takes up to eight times its size on disk and in memory."""
_PLAIN = frozenset({"F32", "F16", "BF16"})


def problem(path: Path) -> str:
    """Returns why the weights at `path` are not unpacked, as the end of a sentence; "" if they can be."""
    size = path.stat().st_size
    if size <= MOST_BYTES:
        return ""
    return f"its weights would have to be unpacked, and {path.name} has {size / 1e9:.1f} GB (at most 0.7)"


def unpacked(path: Path) -> Path:
    """Returns the path of the weights at `path` as 32 bit numbers: `path` itself if they are not quantised, else a file
    in the cache folder, made at the first call in about two seconds. Raises BuiltinError."""
    if reason := problem(path):
        raise BuiltinError(f"No beam search: {reason}.", hint="Set PROMPTGRID_BUILTIN_MODEL to a smaller file.")
    folder = paths.cache_folder()
    target = folder / f"f32-{weights.stamp(path)}.gguf"
    with FileLock(folder / "unpack.lock", thread_local=False):
        if target.is_file():
            return target
        try:
            return _unpack(path, target)
        except (OSError, ValueError, KeyError, NotImplementedError) as error:
            message = f"The weights in {path.name} cannot be unpacked for a beam search: {error}."
            raise BuiltinError(message, hint="Use a GGUF file in F16, or free some disk space.") from error


def _unpack(path: Path, target: Path) -> Path:
    import numpy as np
    from gguf import GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
    from gguf.quants import dequantize

    reader = GGUFReader(path)
    if all(tensor.tensor_type.name in _PLAIN for tensor in reader.tensors):
        return path
    files.remove_stale(target.parent, "unpack-*")
    half = target.with_name(f"unpack-{os.getpid()}.gguf")
    architecture = reader.fields["general.architecture"].contents()
    writer = GGUFWriter(half, architecture)
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in ("general.architecture", "general.file_type"):
            inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], inner)
    writer.add_file_type(LlamaFileType.ALL_F32)
    for tensor in reader.tensors:
        data = dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, data.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    half.replace(target)
    return target
