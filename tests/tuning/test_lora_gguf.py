"""The adapter's file: the order of its rows against a plain reference, and a merged model against the sum by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, GGUFWriter
from gguf.quants import dequantize

from promptgrid.tuning.lora_gguf import in_gguf_order, permuted, read_adapter, write_adapter, write_merged

HEADS, KEY_HEADS, WIDTH, RANK = 4, 2, 64, 2
ALPHA = 6.0
CHANCE = np.random.default_rng(7)


def reference(b: np.ndarray, heads: int) -> np.ndarray:
    """Row by row: llama.cpp rotates neighbouring rows, transformers rows that are half a head apart."""
    size = len(b) // heads
    rows = []
    for head in range(heads):
        for pair in range(size // 2):
            rows += [b[head * size + pair], b[head * size + size // 2 + pair]]
    return np.array(rows)


@pytest.mark.parametrize(("rows", "heads"), [(64, 4), (32, 2), (576, 9), (192, 3)])
def test_rows_are_permuted_head_by_head(rows: int, heads: int) -> None:
    b = CHANCE.normal(size=(rows, RANK)).astype(np.float32)
    assert np.array_equal(permuted(b, heads), reference(b, heads))
    assert not np.array_equal(permuted(b, heads), b)


def arrays() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    out = {"attn_q": WIDTH, "attn_k": WIDTH // 2, "attn_v": WIDTH // 2, "ffn_down": WIDTH}
    return {
        f"blk.0.{name}": (
            CHANCE.normal(size=(RANK, WIDTH)).astype(np.float32),
            CHANCE.normal(size=(rows, RANK)).astype(np.float32),
        )
        for name, rows in out.items()
    }


def test_only_the_queries_and_keys_are_permuted() -> None:
    before = arrays()
    after = in_gguf_order(before, HEADS, KEY_HEADS)
    for name, heads in (("attn_q", HEADS), ("attn_k", KEY_HEADS)):
        assert np.array_equal(after[f"blk.0.{name}"][1], reference(before[f"blk.0.{name}"][1], heads))
    for name in ("attn_v", "ffn_down"):
        assert np.array_equal(after[f"blk.0.{name}"][1], before[f"blk.0.{name}"][1])
    assert all(np.array_equal(after[name][0], before[name][0]) for name in before)


def test_an_adapter_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    before = arrays()
    write_adapter(tmp_path / "a.gguf", before, ALPHA)
    after, alpha = read_adapter(tmp_path / "a.gguf")
    assert alpha == ALPHA
    assert after.keys() == before.keys()
    assert all(np.array_equal(after[name][i], before[name][i]) for name in before for i in (0, 1))


@pytest.mark.parametrize(("form", "error"), [("F16", 0.02), ("Q8_0", 0.2)])
def test_a_merged_model_has_the_base_plus_the_scaled_product(tmp_path: Path, form: str, error: float) -> None:
    weight = CHANCE.normal(size=(WIDTH, WIDTH)).astype(np.float32)
    norm = np.ones(WIDTH, np.float32)
    writer = GGUFWriter(tmp_path / "base.gguf", "llama")
    writer.add_name("tiny")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    writer.add_tensor("blk.0.attn_q.weight", weight)
    writer.add_tensor("output.weight", weight)
    writer.add_tensor("output_norm.weight", norm)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    changes = arrays()
    write_adapter(tmp_path / "a.gguf", changes, ALPHA)
    write_merged(tmp_path / "base.gguf", tmp_path / "a.gguf", tmp_path / "merged.gguf", form)  # type: ignore[arg-type]
    reader = GGUFReader(tmp_path / "merged.gguf")
    tensors = {one.name: one for one in reader.tensors}
    assert reader.fields["general.name"].contents() == "tiny"
    assert reader.fields["tokenizer.ggml.tokens"].contents() == ["a", "b"]
    assert {name: one.tensor_type.name for name, one in tensors.items()} == {
        "blk.0.attn_q.weight": form, "output.weight": form, "output_norm.weight": "F32",
    }  # fmt: skip
    a, b = changes["blk.0.attn_q"]
    found = {name: dequantize(one.data, one.tensor_type) for name, one in tensors.items()}
    assert np.abs(found["blk.0.attn_q.weight"] - (weight + ALPHA / RANK * b @ a)).max() < error
    assert np.abs(found["output.weight"] - weight).max() < error
    assert np.array_equal(found["output_norm.weight"], norm)
