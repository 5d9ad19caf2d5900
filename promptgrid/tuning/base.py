"""The built-in model as PyTorch loads it: a folder made once from the GGUF file, and the model with a new adapter.

Only the process of a tuning imports this module, since torch takes seconds and hundreds of megabytes.
"""

from __future__ import annotations

import os
import shutil
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import peft
import torch
import transformers
from filelock import FileLock

from promptgrid import files, paths
from promptgrid.builtin import weights
from promptgrid.errors import TuningError
from promptgrid.tuning.lora_gguf import WEIGHTS, in_gguf_order
from promptgrid.tuning.settings import TuningSettings

if TYPE_CHECKING:
    from promptgrid.tuning.lora_gguf import LoraArrays

_PROBES, _FASTER = 12, 1.3


def base_folder(path: Path) -> Path:
    """Returns the folder with the weights at `path` in 16 bit and their tokenizer, as transformers reads them; made at
    the first call in some 20 seconds. Raises TuningError for another architecture than llama, or a full disk."""
    cache = paths.cache_folder()
    target = cache / f"tuning-{weights.stamp(path)}"
    with FileLock(cache / "tuning-base.lock", thread_local=False):
        if target.is_dir():
            return target
        files.remove_stale(cache, "tuning-new-*")
        new = cache / f"tuning-new-{os.getpid()}"
        try:
            _unpack(path, new)
            new.rename(target)
        except OSError as error:
            hint = "Free some disk space (300 MB), or set PROMPTGRID_BUILTIN_MODEL to another file."
            raise TuningError(f"{path.name} cannot be unpacked for tuning: {error}.", hint=hint) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return target


def _unpack(path: Path, folder: Path) -> None:
    transformers.utils.logging.disable_progress_bar()
    place = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    model = transformers.AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    if model.config.model_type != "llama":
        hint = "Set PROMPTGRID_BUILTIN_MODEL to a file of the architecture llama."
        raise TuningError(f"A model of the architecture {model.config.model_type} is not tuned here.", hint=hint)
    # transformers takes what it read from a GGUF file for quantised, and refuses to save it
    model.hf_quantizer, model.is_quantized = None, False
    del model.config.quantization_config, model.quantization_method
    model.half().save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(**place).save_pretrained(folder)


def load(folder: Path, settings: TuningSettings) -> tuple[Any, Any]:
    """Returns the model with a new adapter, which changes nothing yet, and its tokenizer."""
    transformers.utils.logging.disable_progress_bar()
    base = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    torch.manual_seed(settings.seed)
    form = peft.LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=list(WEIGHTS),
        lora_dropout=0.0,
        bias="none",
        task_type="CAUSAL_LM",
    )
    return peft.get_peft_model(base, form), load_tokenizer(folder)


def load_tokenizer(folder: Path) -> Any:
    """Returns the tokenizer of the base in `folder`."""
    return transformers.AutoTokenizer.from_pretrained(folder)


def adapter_state(model: Any) -> dict[str, Any]:
    """Returns a copy of the adapter's tensors by their names in peft."""
    return {name: value.detach().clone() for name, value in peft.get_peft_model_state_dict(model).items()}


def set_adapter_state(model: Any, state: dict[str, Any]) -> None:
    """Sets the adapter's tensors to those that `adapter_state` has returned."""
    peft.set_peft_model_state_dict(model, state)


def gguf_arrays(state: dict[str, Any], config: Any) -> LoraArrays:
    """Returns the adapter's arrays by the names of GGUF and in its order. `config` is that of the model."""
    arrays = {}
    for name, a in state.items():
        if ".lora_A." in name:
            layer = name.partition(".layers.")[2].partition(".")[0]
            weight = name.partition(".lora_A.")[0].rpartition(".")[2]
            b = state[name.replace(".lora_A.", ".lora_B.")]
            arrays[f"blk.{layer}.{WEIGHTS[weight]}"] = (a.float().numpy(), b.float().numpy())
    return in_gguf_order(arrays, config.num_attention_heads, config.num_key_value_heads)


@cache
def bf16_is_faster() -> bool:
    """Whether the CPU multiplies 16 bit numbers (bf16) clearly faster than 32 bit ones, by trying: some CPUs that have
    instructions for them are slower with them."""
    a, b = torch.randn(512, 576), torch.randn(576, 1536)

    def seconds(a: Any, b: Any) -> float:
        times = []
        for _ in range(_PROBES):
            started = time.process_time()
            torch.mm(a, b)
            times.append(time.process_time() - started)
        return min(times)

    return seconds(a, b) > _FASTER * seconds(a.bfloat16(), b.bfloat16())
