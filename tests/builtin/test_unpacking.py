"""The weights in 16 bit: made once, removable, and where they cannot be made, that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptgrid import builtin, connections, paths
from promptgrid.builtin import unpacking, weights
from promptgrid.errors import BuiltinError, EndpointError
from tests.builtin.requests import asked, complete


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GGUF file of one quantised tensor and one vector."""
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.quants import quantize

    path = tmp_path / "small.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    rows = np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64)
    quantised = quantize(rows, GGMLQuantizationType.Q8_0)
    writer.add_tensor("blk.0.attn_q.weight", quantised, raw_dtype=GGMLQuantizationType.Q8_0)
    writer.add_tensor("output_norm.weight", np.ones(64, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    monkeypatch.setenv(weights.OVERRIDE, str(path))
    return path


def test_matrices_become_16_bit_vectors_32_bit_and_all_else_stays(small: Path) -> None:
    from gguf import GGUFReader

    served = unpacking.served(small)
    assert (served.repeatable, served.file.parent) == (True, paths.cache_folder())
    reader = GGUFReader(served.file)
    assert [(each.name, each.tensor_type.name) for each in reader.tensors] == [
        ("blk.0.attn_q.weight", "F16"),
        ("output_norm.weight", "F32"),
    ]
    assert reader.tensors[0].data[0][0] == pytest.approx(-1, abs=0.01)
    assert reader.fields["tokenizer.ggml.tokens"].contents() == ["a", "b"]
    assert served.identity == f"{weights.identity()}+f16"
    assert unpacking.served(served.file).file == served.file  # 16 bit weights are served as they are


def test_removed_weights_stay_removed_until_they_are_wanted_again(small: Path) -> None:
    made = unpacking.served(small).file
    unpacking.remove(small)
    served = unpacking.served(small)
    assert (served.file, served.repeatable, served.identity) == (small, False, weights.identity())
    assert "Settings makes them again" in served.reason == builtin.status().slow
    assert not made.exists()
    assert unpacking.restore(small) == made == unpacking.served(small).file
    assert builtin.status().unpacked == made


def test_on_a_full_disk_the_weights_are_served_as_they_are_and_that_is_said(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "free_bytes", lambda folder: 10)
    served = unpacking.served(small)
    assert (served.file, served.repeatable) == (small, False)
    assert "0 MB free" in served.reason
    assert "0 MB free" in builtin.status().slow
    with pytest.raises(BuiltinError, match="0 MB free"):
        unpacking.unpacked(small)


def test_a_disk_that_fills_while_unpacking_leaves_nothing_behind(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fills(path: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unpacking, "_unpack", fills)
    served = unpacking.served(small)
    assert (served.file, "disk is full" in served.reason) == (small, True)
    assert not list(paths.cache_folder().glob("*.gguf"))


def test_an_endpoint_keeps_to_the_weights_of_its_identity(weights: Path) -> None:
    old = connections.connect(connections.BUILTIN)
    assert old.identity.endswith("+f16")
    assert (old.concurrency, old.parallel_repeats) == (8, True)
    unpacking.remove(weights)
    with pytest.raises(EndpointError, match="have been removed since"):
        complete(old)  # type: ignore[arg-type]
    new = connections.connect(connections.BUILTIN)
    assert new.identity == builtin.identity()
    assert (new.concurrency, new.parallel_repeats) == (1, False)
    assert new.wire(asked(temperature=0.0))["cache_prompt"] is False
    assert complete(new, max_tokens=1)  # type: ignore[arg-type]
    builtin.stop()
