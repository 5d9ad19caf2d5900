"""`python llama_probabilities.py GGUF ADAPTER…` reads a JSON list of prompts, each a list of token ids, from stdin. It
prints the ten most probable next tokens of llama.cpp for each, as pairs of id and log-probability: first of the base
alone, then with each of the adapters."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import requests
import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
adapters = range(len(sys.argv) - 2)
parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, 1.0) for path in sys.argv[2:]]
parameters.port = 0
parameters.n_ctx = 1024
parameters.ui = False
parameters.verbosity = -1
server = xllamacpp.Server(parameters)


def top(prompt: list[int], adapter: int | None) -> list[tuple[int, float]]:
    body: dict[str, Any] = {"prompt": prompt, "n_predict": 1, "n_probs": 10, "temperature": 0, "cache_prompt": False}
    body["lora"] = [{"id": one, "scale": float(one == adapter)} for one in adapters]
    reply = requests.post(f"{server.listening_address}/completion", json=body, timeout=120).json()
    return [(one["id"], one["logprob"]) for one in reply["completion_probabilities"][0]["top_logprobs"]]


prompts = json.load(sys.stdin)
sys.stdout.write(json.dumps([[top(prompt, adapter) for prompt in prompts] for adapter in (None, *adapters)]))
sys.stdout.flush()
os._exit(0)  # llama.cpp's threads need not be waited for
