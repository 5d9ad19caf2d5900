"""Writes an adapter as the GGUF file that llama.cpp reads, and the base with the adapter merged into it.

Arrays of LoRA: `a` is rank × in, `b` is out × rank; the change of a weight is alpha / rank · b @ a.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from promptgrid.builtin import gguf_files

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

    LoraArrays = Mapping[str, tuple[NDArray[float32], NDArray[float32]]]
    """a and b by the name in GGUF of the weight that they change, such as blk.0.attn_q."""

WEIGHTS = {
    "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
    "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
}  # fmt: skip
"""The names of a llama layer's weights in transformers, and those in GGUF."""


def permuted(b: NDArray[float32], heads: int) -> NDArray[float32]:
    """Returns the rows of `b` (out × any) in llama.cpp's order, which pairs the two halves of each head's rotary
    dimensions. Only the weights of queries and keys have it, those of keys with the number of their own heads."""
    out = b.shape[0]
    return b.reshape(heads, 2, out // heads // 2, -1).swapaxes(1, 2).reshape(b.shape)


def in_gguf_order(arrays: LoraArrays, heads: int, key_heads: int) -> LoraArrays:
    """Returns the arrays with the `b` of queries and keys permuted."""
    by_weight = {"attn_q": heads, "attn_k": key_heads}
    return {
        name: (a, permuted(b, by_weight[weight]) if (weight := name.rpartition(".")[2]) in by_weight else b)
        for name, (a, b) in arrays.items()
    }


def write_adapter(path: Path, arrays: LoraArrays, alpha: float) -> None:
    """Writes the adapter with these arrays, in GGUF's order, to `path`. Raises OSError."""
    import numpy as np
    from gguf import GGUFWriter

    writer = GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, (a, b) in arrays.items():
        writer.add_tensor(f"{name}.weight.lora_a", np.ascontiguousarray(a, np.float32))
        writer.add_tensor(f"{name}.weight.lora_b", np.ascontiguousarray(b, np.float32))
    gguf_files.write(writer)


def read_adapter(path: Path) -> tuple[LoraArrays, float]:
    """Returns the arrays of the adapter at `path`, in GGUF's order, and its alpha."""
    import numpy as np
    from gguf import GGUFReader

    reader = GGUFReader(path)
    tensors = {tensor.name: np.array(tensor.data, np.float32) for tensor in reader.tensors}
    names = [name.removesuffix(".weight.lora_a") for name in tensors if name.endswith(".lora_a")]
    arrays = {name: (tensors[f"{name}.weight.lora_a"], tensors[f"{name}.weight.lora_b"]) for name in names}
    return arrays, float(reader.fields["adapter.lora.alpha"].contents())


def write_merged(base: Path, adapter: Path, target: Path, kind: Literal["F16", "Q8_0"]) -> None:
    """Writes the weights at `base` with the adapter merged into them to `target`, as 16 bit numbers or as Q8_0 (about
    half the size). Vectors, such as norms, keep 32 bit. Raises OSError."""
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFReader, LlamaFileType
    from gguf.quants import dequantize, quantize

    arrays, alpha = read_adapter(adapter)
    reader = GGUFReader(base)
    file_type = LlamaFileType.MOSTLY_F16 if kind == "F16" else LlamaFileType.MOSTLY_Q8_0
    writer = gguf_files.copied_header(reader, target, file_type)
    form = GGMLQuantizationType.F16 if kind == "F16" else GGMLQuantizationType.Q8_0
    for tensor in reader.tensors:
        weight = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if (pair := arrays.get(tensor.name.removesuffix(".weight"))) is not None:
            a, b = pair
            weight = weight + alpha / len(a) * (b @ a)
        if weight.ndim == 1:
            writer.add_tensor(tensor.name, weight)
        else:
            writer.add_tensor(tensor.name, quantize(weight, form), raw_dtype=form)
    gguf_files.write(writer)
