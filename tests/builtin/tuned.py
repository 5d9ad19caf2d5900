"""Adapters for tests: random changes of the built-in model, in a file of some megabytes."""

from __future__ import annotations

from pathlib import Path

from promptgrid.builtin import adapters, weights
from promptgrid.builtin.adapters import Adapter

SHAPES = {"attn_q": (576, 576), "ffn_up": (576, 1536)}  # in, out
LAYERS, RANK = 30, 2


def random_adapter(name: str, folder: Path, *, seed: int = 0, base_sha256: str = "") -> Adapter:
    """Saves an adapter that changes what the model answers; it was tuned, it says, from the weights in use or from
    those with `base_sha256`."""
    import numpy as np
    from gguf import GGUFWriter

    numbers = np.random.default_rng(seed)
    path = folder / f"{name}-{seed}.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    for layer in range(LAYERS):
        for part, (inner, outer) in SHAPES.items():
            for letter, shape in (("a", (RANK, inner)), ("b", (outer, RANK))):
                matrix = numbers.normal(0, 0.1, shape).astype(np.float32)
                writer.add_tensor(f"blk.{layer}.{part}.weight.lora_{letter}", matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    base = base_sha256 or weights.identity().removeprefix("sha256:")
    return adapters.save(name, path, base_sha256=base, data_sha256="0" * 64, settings={}, curve=[])
