"""Prints what the beam search of Hugging Face transformers finds, as JSON, for `benchmarks/beams.py`.

Runs in an environment with torch, transformers and gguf, which are no dependencies of promptgrid:
python beams_reference.py WEIGHTS.gguf < {"prompts": [[1, 2, …], …], "searches": [{"beams": 5, …}, …]}
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from transformers import AutoModelForCausalLM

Search = dict[str, Any]


def main() -> None:
    weights, task = Path(sys.argv[1]), json.load(sys.stdin)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(weights.parent, gguf_file=weights.name, dtype=torch.float32).eval()
    found = [[_found(model, ids, search) for search in task["searches"]] for ids in task["prompts"]]
    json.dump(found, sys.stdout)


def _found(model: Any, ids: list[int], search: Search) -> list[Search]:
    width = search["beams"]
    out = model.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        num_beams=width,
        num_return_sequences=width,
        max_new_tokens=search["max_tokens"],
        length_penalty=float(search["length_penalty"]),
        early_stopping=True if search["early_stop"] else "never",
        do_sample=False,
        eos_token_id=search["ends"],
        pad_token_id=search["ends"][0],
        output_scores=True,
        return_dict_in_generate=True,
    )
    return [
        {"ids": _ids(sequence[len(ids) :].tolist(), search["ends"]), "score": float(score)}
        for sequence, score in zip(out.sequences, out.sequences_scores, strict=True)
    ]


def _ids(ids: list[int], ends: list[int]) -> list[int]:
    """Returns the ids up to and with the first end; after it stands padding."""
    end = next((place for place, one in enumerate(ids) if one in ends), len(ids))
    return ids[: end + 1]


if __name__ == "__main__":
    main()
